import { UA } from 'jssip';
import type { RTCSession } from 'jssip/lib/RTCSession';
import type { Socket } from 'jssip/lib/Socket';
import { Problem } from '../core/api.ts';
import type { SipTicket } from '../core/model.ts';
import { unique } from '../core/format.ts';
import { rate, sample } from '../core/quality.ts';
import type { Line, Microphone, PhoneState, Quality } from '../core/state.ts';
import { Speaker, microphoneTrouble, openMicrophone } from './audio.ts';
import { TicketSocket } from './socket.ts';

/** Why the service closed the connection; see /openapi.yaml. */
const ELSEWHERE = 4409;
const SIGNED_OUT = 4401;
const NOT_ALLOWED = 4403;

const REGISTER_SECONDS = 600;
const RECONNECT_SECONDS = { first: 1, last: 8 };
/** Long enough for the candidates that matter; a STUN server that is down must not keep the caller waiting. */
const GATHERING_MS = 600;
const QUALITY_MS = 2000;
/** How long an answer by itself is expected after the agent asked for the call. */
const EXPECT_MS = 30_000;

export interface PhoneHears {
  phone(state: PhoneState, reason?: string): void;
  /** `name`: who calls, as Asterisk shows it to telephones. */
  line(line: Line, name?: string): void;
  microphone(microphone: Microphone): void;
  quality(quality: Quality | null): void;
  soundBlocked(blocked: boolean): void;
  signedOut(): void;
}

/** This computer as the agent's telephone: registers, is rung, carries the sound. It places no calls; the service does. */
export class Phone {
  readonly #base: URL;
  readonly #ticket: () => Promise<SipTicket>;
  readonly #hears: PhoneHears;
  readonly #speaker: Speaker;
  #ua: UA | null = null;
  #iceServers: RTCIceServer[] = [];
  #session: RTCSession | null = null;
  #microphone: MediaStream | null = null;
  #expectUntil = 0;
  #watch: ReturnType<typeof setInterval> | undefined;
  #generation = 0;

  constructor(base: URL, ticket: () => Promise<SipTicket>, hears: PhoneHears) {
    this.#base = base;
    this.#ticket = ticket;
    this.#hears = hears;
    this.#speaker = new Speaker((blocked) => hears.soundBlocked(blocked));
  }

  /** What the microphone picks up during a conversation, for its level meter. */
  get input(): MediaStream | null {
    return this.#microphone;
  }

  get busy(): boolean {
    return this.#session !== null;
  }

  /** Becomes the phone, and stays it until `stop`. */
  async start(): Promise<void> {
    if (this.#ua) return;
    const generation = ++this.#generation;
    this.#hears.phone('starting');
    let first: SipTicket | null;
    try {
      first = await this.#ticket();
    } catch (error) {
      if (generation === this.#generation) this.#refused(error);
      return;
    }
    if (generation !== this.#generation) return;
    const uri = first.uri;
    const ticket = (): Promise<SipTicket> => {
      const fresh = first && Date.parse(first.expires_at) > Date.now() ? Promise.resolve(first) : this.#ticket();
      first = null;
      return fresh;
    };
    const use = (given: SipTicket): void => {
      this.#iceServers = [...given.ice_servers];
      this.#ua?.set('password', given.password);
    };
    const socket = new TicketSocket(this.#base, ticket, use, (error) => this.#refused(error));
    this.#ua = new UA({
      sockets: [socket as unknown as Socket],
      uri,
      // Asterisk calls it by this name, so that all it says is said in the name the ticket was made for.
      contact_uri: `sip:${first.username}@${unique()}.invalid;transport=ws`,
      password: first.password,
      register_expires: REGISTER_SECONDS,
      session_timers: false,
      connection_recovery_min_interval: RECONNECT_SECONDS.first,
      connection_recovery_max_interval: RECONNECT_SECONDS.last,
      user_agent: 'ctc-panel',
    });
    this.#listen(this.#ua);
    this.#ua.start();
  }

  /** Stops being the phone. A conversation goes on without sound until somebody takes it up. */
  stop(): void {
    this.#generation += 1;
    const ua = this.#ua;
    this.#ua = null;
    this.#over();
    if (!ua) return;
    const internals = ua as unknown as { removeAllListeners(): void; _transport: { disconnect(): void } };
    internals.removeAllListeners();
    // JsSIP would hang the conversation up; without its socket it cannot.
    internals._transport.disconnect();
    ua.stop();
  }

  /** The next ring was asked for by the agent: it is answered by itself. */
  expect(): void {
    this.#expectUntil = Date.now() + EXPECT_MS;
    if (this.#session?.isInProgress()) void this.answer();
  }

  async answer(): Promise<void> {
    const session = this.#session;
    if (!session?.isInProgress()) return;
    this.#expectUntil = 0;
    this.#hears.line('answering');
    let stream: MediaStream;
    try {
      stream = await this.#openMicrophone();
    } catch {
      if (session === this.#session && session.isInProgress()) session.terminate({ status_code: 480 });
      return;
    }
    if (session !== this.#session || !session.isInProgress()) {
      stop(stream);
      return;
    }
    this.#take(stream);
    session.answer({
      mediaStream: stream,
      pcConfig: { iceServers: this.#iceServers, bundlePolicy: 'max-bundle' },
    });
  }

  decline(): void {
    if (this.#session?.isInProgress()) this.#session.terminate({ status_code: 603 });
  }

  /** The service says that the call is over; Asterisk may have told us on a connection that was lost. */
  drop(): void {
    const session = this.#session;
    if (!session) return;
    if (!session.isEnded()) session.terminate();
    this.#over();
  }

  /** Asks for the microphone now, so that the first caller does not wait for it. */
  async tryMicrophone(): Promise<void> {
    stop(await this.#openMicrophone().catch(() => null));
  }

  /** Another microphone, at once, also in the middle of a conversation. */
  async changeMicrophone(): Promise<void> {
    const sender = this.#connection()?.getSenders().find((each) => each.track?.kind === 'audio');
    if (!sender) return;
    const stream = await this.#openMicrophone().catch(() => null);
    if (!stream) return;
    await sender.replaceTrack(stream.getAudioTracks()[0] ?? null);
    stop(this.#microphone);
    this.#take(stream);
  }

  /** Now that somebody clicked, the browser lets sound out. */
  resume(): void {
    void this.#speaker.resume();
  }

  changeSpeaker(id: string): void {
    void this.#speaker.choose(id);
  }

  #listen(ua: UA): void {
    ua.on('registered', () => {
      this.#hears.phone('ready');
      // The connection is new: tell Asterisk where this conversation is to be reached from now on.
      if (this.#session?.isEstablished()) this.#session.renegotiate();
    });
    ua.on('registrationFailed', () => this.#hears.phone('unavailable', 'web_phone_unavailable'));
    ua.on('disconnected', ({ code }) => this.#disconnected(code));
    ua.on('newRTCSession', (event: { session: RTCSession }) => this.#rung(event.session));
  }

  #disconnected(code: number | undefined): void {
    if (code === ELSEWHERE) {
      this.stop();
      this.#hears.phone('elsewhere');
    } else if (code === SIGNED_OUT) {
      this.stop();
      this.#hears.signedOut();
    } else if (code === NOT_ALLOWED) {
      this.stop();
      this.#hears.phone('unavailable', 'web_phone_unavailable');
    } else {
      this.#hears.phone('starting');
    }
  }

  #refused(error: unknown): void {
    const code = error instanceof Problem ? error.code : 'unreachable';
    if (code === 'unauthorized') this.#hears.signedOut();
    else this.#hears.phone(code === 'unreachable' ? 'starting' : 'unavailable', code);
    // Nothing that waiting would help is given up: JsSIP tries again, and so does the controller.
  }

  #rung(session: RTCSession): void {
    if (session.direction !== 'incoming') return;
    const before = this.#session;
    if (before) {
      // Only a conversation that moves here may take the place of another; what still rings may be rung anew.
      if (before.isEstablished() && Date.now() >= this.#expectUntil) {
        session.terminate({ status_code: 486 });
        return;
      }
      this.#over();
    }
    this.#session = session;
    navigator.mediaDevices?.addEventListener('devicechange', this.#plugged);
    session.on('ended', () => this.#ended(session));
    session.on('failed', () => this.#ended(session));
    session.on('getusermediafailed', (error: unknown) => this.#hears.microphone(microphoneTrouble(error)));
    session.on('peerconnection', ({ peerconnection }: { peerconnection: RTCPeerConnection }) => this.#connect(session, peerconnection));
    this.#gatherBriefly(session);
    session.on('confirmed', () => {
      if (session !== this.#session) return;
      this.#hears.line('talks');
      this.#watchQuality(session.connection as RTCPeerConnection);
    });
    const { display_name: shown, uri } = session.remote_identity;
    this.#hears.line('rings', shown || uri.user);
    if (Date.now() < this.#expectUntil) void this.answer();
  }

  #gatherBriefly(session: RTCSession): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    session.on('icecandidate', ({ ready }: { ready: () => void }) => {
      timer ??= setTimeout(ready, GATHERING_MS);
    });
  }

  #connect(session: RTCSession, connection: RTCPeerConnection): void {
    connection.addEventListener('track', ({ track, streams }) => {
      if (session === this.#session) void this.#speaker.play(streams[0] ?? new MediaStream([track]));
    });
  }

  #connection(): RTCPeerConnection | null {
    return (this.#session?.connection as RTCPeerConnection | undefined) ?? null;
  }

  #watchQuality(connection: RTCPeerConnection): void {
    clearInterval(this.#watch);
    let before = { received: 0, lost: 0, jitter: 0, roundTrip: null as number | null };
    const look = async (): Promise<void> => {
      const now = await sample(connection).catch(() => before);
      this.#hears.quality(rate(before, now));
      before = now;
    };
    this.#watch = setInterval(() => void look(), QUALITY_MS);
  }

  #ended(session: RTCSession): void {
    if (session === this.#session) this.#over();
  }

  #over(): void {
    clearInterval(this.#watch);
    navigator.mediaDevices?.removeEventListener('devicechange', this.#plugged);
    const had = this.#session !== null;
    this.#session = null;
    stop(this.#microphone);
    this.#microphone = null;
    this.#speaker.stop();
    if (had) this.#hears.line('idle');
  }

  /** The microphone of this conversation; one that is unplugged is replaced by whichever is left, or comes next. */
  #take(stream: MediaStream): void {
    this.#microphone = stream;
    const [track] = stream.getAudioTracks();
    track?.addEventListener('ended', () => {
      if (stream === this.#microphone) void this.changeMicrophone();
    });
  }

  #plugged = (): void => {
    const [track] = this.#microphone?.getAudioTracks() ?? [];
    if (this.#session && track?.readyState !== 'live') void this.changeMicrophone();
  };

  async #openMicrophone(): Promise<MediaStream> {
    try {
      const stream = await openMicrophone();
      this.#hears.microphone('ready');
      return stream;
    } catch (error) {
      this.#hears.microphone(microphoneTrouble(error));
      throw error;
    }
  }
}

function stop(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
