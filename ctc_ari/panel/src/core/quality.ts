import type { Quality } from './state.ts';

/** Totals since the conversation began, as `RTCPeerConnection.getStats` counts them. */
export interface Sample {
  readonly received: number;
  readonly lost: number;
  /** Seconds. */
  readonly jitter: number;
  /** Seconds; null while nobody knows. */
  readonly roundTrip: number | null;
}

/**
 * How a conversation sounds between two looks: the E-model's rating (ITU-T G.107) from loss and delay, simplified, in bars.
 */
export function rate(before: Sample, now: Sample): Quality {
  const received = now.received - before.received;
  const lost = Math.max(0, now.lost - before.lost);
  const lossPercent = received + lost > 0 ? (100 * lost) / (received + lost) : 0;
  const jitterMs = now.jitter * 1000;
  const roundTripMs = now.roundTrip === null ? null : now.roundTrip * 1000;
  const delay = (roundTripMs ?? 0) / 2 + jitterMs * 2 + 20;
  const rating = 93 - delay / 40 - (delay > 160 ? (delay - 160) / 8 : 0) - lossPercent * 3;
  const bars = received === 0 ? 0 : rating > 84 ? 4 : rating > 74 ? 3 : rating > 60 ? 2 : 1;
  return { bars, lossPercent, jitterMs, roundTripMs };
}

/** The figures of a peer connection's audio. */
export async function sample(connection: RTCPeerConnection): Promise<Sample> {
  let found: Sample = { received: 0, lost: 0, jitter: 0, roundTrip: null };
  for (const report of (await connection.getStats()).values()) {
    if (report.type === 'inbound-rtp' && report.kind === 'audio') {
      found = { ...found, received: report.packetsReceived ?? 0, lost: report.packetsLost ?? 0, jitter: report.jitter ?? 0 };
    } else if (report.type === 'candidate-pair' && report.nominated && report.currentRoundTripTime !== undefined) {
      found = { ...found, roundTrip: report.currentRoundTripTime };
    }
  }
  return found;
}
