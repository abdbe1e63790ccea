import { read, write } from '../core/memory.ts';
import type { Microphone } from '../core/state.ts';

export interface Devices {
  readonly microphones: readonly MediaDeviceInfo[];
  readonly speakers: readonly MediaDeviceInfo[];
}

export type Choice = 'microphone' | 'speaker' | 'ringer';

/** Remembered choices of devices; empty: as the system has it. */
export const chosen = (what: Choice): string => read(`ctc-panel.${what}`);
export const choose = (what: Choice, id: string): void => write(`ctc-panel.${what}`, id);

/** The microphone with echo cancellation and noise suppression; the chosen one if it is there. */
export async function openMicrophone(): Promise<MediaStream> {
  const wanted: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  const id = chosen('microphone');
  return navigator.mediaDevices.getUserMedia({ audio: id ? { ...wanted, deviceId: { ideal: id } } : wanted });
}

/** What a refusal of `getUserMedia` means to the person in front of it. */
export function microphoneTrouble(error: unknown): Microphone {
  if (!window.isSecureContext || navigator.mediaDevices === undefined) return 'insecure';
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'refused';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'missing';
  return 'busy';
}

export async function listDevices(): Promise<Devices> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return {
    microphones: all.filter((device) => device.kind === 'audioinput' && device.deviceId !== ''),
    speakers: all.filter((device) => device.kind === 'audiooutput' && device.deviceId !== ''),
  };
}

/** Plays what the other side says. */
export class Speaker {
  readonly #element = new Audio();
  readonly #blocked: (blocked: boolean) => void;

  constructor(blocked: (blocked: boolean) => void) {
    this.#blocked = blocked;
    this.#element.autoplay = true;
  }

  async play(stream: MediaStream): Promise<void> {
    this.#element.srcObject = stream;
    await this.choose(chosen('speaker'));
    await this.resume();
  }

  async resume(): Promise<void> {
    if (!this.#element.srcObject) return;
    try {
      await this.#element.play();
      this.#blocked(false);
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotAllowedError') this.#blocked(true);
    }
  }

  async choose(id: string): Promise<void> {
    if ('setSinkId' in this.#element) await this.#element.setSinkId(id).catch(() => undefined);
  }

  stop(): void {
    this.#element.srcObject = null;
  }
}

/** 0 to 1, of a stream's loudness as one perceives it; call it as often as the screen is drawn. */
export class Meter {
  readonly #context = new AudioContext();
  readonly #analyser = this.#context.createAnalyser();
  readonly #samples: Float32Array<ArrayBuffer>;

  constructor(stream: MediaStream) {
    this.#analyser.fftSize = 512;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#context.createMediaStreamSource(stream).connect(this.#analyser);
  }

  get level(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / this.#samples.length;
    return Math.max(0, Math.min(1, (10 * Math.log10(power + 1e-9) + 60) / 55));
  }

  close(): void {
    void this.#context.close();
  }
}

/** A telephone's ring, made here: no file has to be fetched. */
export class Ringer {
  readonly #blocked: (blocked: boolean) => void;
  #context: AudioContext | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(blocked: (blocked: boolean) => void) {
    this.#blocked = blocked;
  }

  start(): void {
    if (this.#context) return;
    const context = new AudioContext() as AudioContext & { setSinkId?(id: string): Promise<void> };
    this.#context = context;
    // A headset that lies on the table is not heard; not every browser can choose.
    if (chosen('ringer')) void context.setSinkId?.(chosen('ringer')).catch(() => undefined);
    const burst = (): void => {
      if (context.state === 'suspended') {
        this.#blocked(true);
        void context.resume().then(() => this.#blocked(false));
        return;
      }
      for (const at of [0, 0.35]) ring(context, context.currentTime + at);
    };
    burst();
    this.#timer = setInterval(burst, 2400);
  }

  stop(): void {
    if (!this.#context) return;
    clearInterval(this.#timer);
    void this.#context.close();
    this.#context = null;
    this.#blocked(false);
  }
}

function ring(context: AudioContext, at: number): void {
  const gain = context.createGain();
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(0.18, at + 0.02);
  gain.gain.setValueAtTime(0.18, at + 0.2);
  gain.gain.exponentialRampToValueAtTime(0.001, at + 0.3);
  gain.connect(context.destination);
  for (const hertz of [587.33, 880]) {
    const tone = context.createOscillator();
    tone.frequency.value = hertz;
    tone.connect(gain);
    tone.start(at);
    tone.stop(at + 0.31);
  }
}
