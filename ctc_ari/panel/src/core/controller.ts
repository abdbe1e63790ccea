import { Leader } from '../phone/leader.ts';
import { Ringer, chosen } from '../phone/audio.ts';
import { Phone } from '../phone/phone.ts';
import { Api, Problem } from './api.ts';
import { unique } from './format.ts';
import type { Call, Device, TransferMode } from './model.ts';
import type { Action } from './reducer.ts';
import type { State, Wish } from './state.ts';
import { current, mode, offered } from './state.ts';
import { Store } from './store.ts';
import { Stream } from './stream.ts';

const SEARCH_PAUSE_MS = 180;
/** How long a button may wait for the stream to tell that it has happened. */
const WISH_MS = 8_000;
/** By how much the end of the sound may come before the news of the call's end. */
const HANGING_UP_MS = 700;
/** How long a conversation waits for this computer to become the phone. */
const BECOME_MS = 5_000;
const RETRY_PHONE_MS = 5_000;
const DEVICE = 'ctc-panel.device';

/** Told to the page around the panel; `name` is without its `ctc:`. */
export type Tell = (name: string, detail: unknown) => void;

/** What windows of one agent tell each other. */
type Message = { readonly type: 'expect' } | { readonly type: 'answer' } | { readonly type: 'decline' };

/** Turns what the agent does into requests, and what the service says into actions. */
export class Controller {
  readonly store = new Store();
  readonly api: Api;
  readonly phone: Phone;
  readonly #tell: Tell;
  readonly #stream: Stream;
  readonly #ringer: Ringer;
  #leader: Leader | null = null;
  #channel: BroadcastChannel | null = null;
  #searching: ReturnType<typeof setTimeout> | undefined;
  #retrying: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  /** The call whose sound was asked to come here, so that it is asked once. */
  #fetched = '';
  /** Whether a conversation's sound was in this window before. */
  #had = false;

  constructor(base: URL, session: string, tell: Tell) {
    this.#tell = tell;
    this.api = new Api(base, session);
    const dispatch = (action: Action): void => this.#dispatch(action);
    this.#ringer = new Ringer((blocked) => dispatch({ type: 'soundBlocked', blocked }));
    this.phone = new Phone(base, this.api.ticket, {
      phone: (phone, reason) => dispatch({ type: 'phone', phone, reason: reason ?? null }),
      line: (line) => dispatch({ type: 'line', line }),
      microphone: (microphone) => dispatch({ type: 'microphone', microphone }),
      quality: (quality) => dispatch({ type: 'quality', quality }),
      soundBlocked: (blocked) => dispatch({ type: 'soundBlocked', blocked }),
      signedOut: () => this.#signedOut(),
    });
    this.#stream = new Stream(base, session, {
      message: (message) => dispatch({ type: 'stream', message }),
      lost: () => dispatch({ type: 'link', link: 'lost' }),
      signedOut: () => this.#signedOut(),
    });
    this.store.subscribe((state, before, action) => this.#react(state, before, action));
  }

  async start(): Promise<void> {
    this.#stream.open();
    while (!this.#closed) {
      try {
        const me = await this.api.me();
        if (this.#closed) return;
        this.#dispatch({ type: 'me', me, device: remembered() });
        this.#meet(me.agent.email);
        this.#tell('ready', { agent: me.agent });
        void this.refreshRecent();
        return;
      } catch (error) {
        if (error instanceof Problem && error.status === 401) return this.#signedOut();
        this.#dispatch({ type: 'link', link: 'lost' });
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    }
  }

  /** The window goes, the conversation does not. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retrying);
    this.#stream.close();
    this.#ringer.stop();
    this.phone.stop();
    this.#leader?.resign();
    this.#channel?.close();
  }

  // what the agent does

  async call(to: { to?: string; contact_id?: string }): Promise<void> {
    const { me, device, pending } = this.store.state;
    if (!me || pending.includes('call')) return;
    if (device === 'web') this.#say({ type: 'expect' });
    await this.#wish('call', async () => {
      const call = await this.api.call(me.email, device, to, unique());
      this.#dispatch({ type: 'placed', call });
    });
  }

  async hangUp(): Promise<void> {
    const call = current(this.store.state);
    if (!call) return;
    await this.#wish('hangup', async () => {
      try {
        await this.api.hangUp(call.id);
      } catch (error) {
        // Without the service the sound here can still be ended; Asterisk then ends the call.
        if (!this.phone.busy || !(error instanceof Problem) || error.code !== 'unreachable') throw error;
        this.phone.drop();
      }
    });
  }

  answer(): void {
    this.#say({ type: 'answer' });
  }

  async decline(): Promise<void> {
    const call = current(this.store.state);
    if (!call) return;
    // Through the service, so that all her phones stop at once; the browser's own only if the service is away.
    await this.#wish('hangup', () =>
      this.api.hangUp(call.id).catch((error: unknown) => {
        if (!(error instanceof Problem) || error.code !== 'unreachable') throw error;
        this.#say({ type: 'decline' });
      }),
    );
  }

  toggle(what: 'mute' | 'hold' | 'recording'): Promise<void> {
    return this.#during(what, (call) => this.api.set(call.id, what, !call[what === 'mute' ? 'muted' : what === 'hold' ? 'held' : 'recording']));
  }

  async press(digit: string): Promise<void> {
    const call = current(this.store.state);
    if (call?.state !== 'talking') return;
    this.#dispatch({ type: 'digit', digit });
    await this.api.dtmf(call.id, digit).catch((error: unknown) => this.#explain(error));
  }

  transfer(to: string, mode: TransferMode): Promise<void> {
    return this.#during('transfer', (call) => this.api.transfer(call.id, to, mode));
  }

  complete = (): Promise<void> => this.#withTransfer('complete', (call, id) => this.api.complete(call.id, id));
  cancel = (): Promise<void> => this.#withTransfer('cancel', (call, id) => this.api.cancel(call.id, id));
  swap = (): Promise<void> => this.#withTransfer('swap', (call, id) => this.api.swap(call.id, id));

  /** Which phone the next call rings; a running conversation moves there. */
  async choose(device: Device): Promise<void> {
    remember(device);
    this.#dispatch({ type: 'device', device });
    const call = current(this.store.state);
    if (call?.state !== 'talking' || call.device === device) return;
    if (device === 'web') {
      await this.phone.tryMicrophone();
      // What keeps this computer from being the phone is shown already.
      if (!(await this.#becomesThePhone())) return;
      this.#say({ type: 'expect' });
    }
    await this.#wish('device', () => this.api.device(call.id, device), true);
  }

  /** Sound comes to this window, whichever had it. */
  here(): void {
    this.#fetched = '';
    this.phone.stop();
    this.#leader?.seize();
  }

  allowMicrophone(): Promise<void> {
    return this.phone.tryMicrophone();
  }

  async chooseMicrophone(id: string): Promise<void> {
    chosen.microphone = id;
    await this.phone.changeMicrophone();
  }

  chooseSpeaker(id: string): void {
    chosen.speaker = id;
    this.phone.changeSpeaker(id);
  }

  search(query: string): void {
    this.#dispatch({ type: 'query', query });
    clearTimeout(this.#searching);
    if (query.trim()) this.#searching = setTimeout(() => void this.#search(query), SEARCH_PAUSE_MS);
  }

  async saveNotes(): Promise<void> {
    const { wrapUp, notes } = this.store.state;
    if (!wrapUp) return;
    await this.#wish('notes', async () => {
      await this.api.annotate(wrapUp.id, notes.text, notes.outcome);
      this.#dispatch({ type: 'notesSaved' });
      this.#dispatch({ type: 'wrappedUp' });
    });
  }

  async refreshRecent(): Promise<void> {
    const recent = await this.api.recent().catch(() => null);
    if (recent) this.#dispatch({ type: 'recent', recent });
  }

  // what follows

  #react(state: State, before: State, action: Action): void {
    if (state.device !== before.device || (state.me !== null) !== (before.me !== null)) this.#beThePhone(state.device === 'web' && state.me !== null);
    if (state.soundBlocked && !before.soundBlocked) addEventListener('pointerdown', () => this.phone.resume(), { once: true });
    if (state.phone === 'unavailable' && before.phone !== 'unavailable') this.#tryAgain();
    this.#fetchSound(state);
    if (state.line === 'idle' && before.line !== 'idle') this.#dispatch({ type: 'soundBlocked', blocked: false });
    if (this.phone.busy && before.calls.length > 0 && state.calls.length === 0) this.phone.drop();
    if (state.line === 'idle' && before.line !== 'idle' && state.device === 'desk') this.#beThePhone(false);
    this.#ring(state);
    if (action.type === 'stream' && 'id' in action.message) this.#report(action.message.type, action.message.data);
    if (action.type === 'stream' && action.message.type === 'snapshot') for (const call of state.calls) if (offered(call)) this.#tell('call-offered', { call });
  }

  #report(type: string, call: Call): void {
    const name = type.slice('call.'.length).replaceAll('_', '-');
    this.#tell(`call-${name === 'created' ? 'started' : name}`, { call });
    if (type === 'call.ended' || type === 'call.logged') void this.refreshRecent();
  }

  #ring(state: State): void {
    // One window rings, the phone; a desk phone does so by itself.
    if (state.line === 'rings') this.#ringer.start();
    else if (this.#ringer.rings) this.#ringer.stop();
  }

  #meet(email: string): void {
    const name = `ctc-panel ${this.api.base.origin} ${email}`;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => this.#obey(data);
    this.#leader = new Leader(
      name,
      () => void this.phone.start(),
      () => {
        this.phone.stop();
        this.#dispatch({ type: 'phone', phone: 'waiting' });
      },
    );
    this.#beThePhone(this.store.state.device === 'web');
  }

  #beThePhone(wanted: boolean): void {
    if (!this.#leader) return;
    if (wanted) {
      if (typeof navigator.locks === 'undefined') {
        this.#dispatch({ type: 'microphone', microphone: 'insecure' });
        return;
      }
      this.#leader.stand();
      void this.#lookAtMicrophone();
    } else if (!this.phone.busy) {
      this.#leader.resign();
      this.phone.stop();
      this.#dispatch({ type: 'phone', phone: 'off' });
    }
  }

  /** Whether this computer, here or in another tab, is the phone within a few seconds. */
  #becomesThePhone(): Promise<boolean> {
    const is = ({ phone }: State): boolean => phone === 'ready' || phone === 'waiting';
    return new Promise((resolve) => {
      const settle = (outcome: boolean): void => {
        clearTimeout(timer);
        unsubscribe();
        resolve(outcome);
      };
      const timer = setTimeout(() => settle(is(this.store.state)), BECOME_MS);
      const unsubscribe = this.store.subscribe((state) => is(state) && settle(true));
      if (is(this.store.state)) settle(true);
    });
  }

  /** What the browser says of the microphone without asking anybody. */
  async #lookAtMicrophone(): Promise<void> {
    const permission = await navigator.permissions?.query({ name: 'microphone' as PermissionName }).catch(() => null);
    if (!permission) return;
    const look = (): void => {
      if (permission.state === 'denied') this.#dispatch({ type: 'microphone', microphone: 'refused' });
      else if (this.store.state.microphone === 'refused') this.#dispatch({ type: 'microphone', microphone: 'unknown' });
    };
    permission.onchange = look;
    look();
  }

  #tryAgain(): void {
    clearTimeout(this.#retrying);
    this.#retrying = setTimeout(() => {
      if (this.store.state.phone !== 'unavailable' || this.#closed) return;
      this.phone.stop();
      if (this.#leader?.leads) void this.phone.start();
    }, RETRY_PHONE_MS);
  }

  /** After a reload, or when this window takes over: the conversation's sound comes here. */
  #fetchSound(state: State): void {
    if (state.line !== 'idle') {
      this.#fetched = '';
      this.#had = true;
    }
    const call = silent(state);
    if (!call || this.#fetched === call.id) return;
    this.#fetched = call.id;
    const fetch = (): void => {
      if (silent(this.store.state)?.id !== call.id) return;
      this.phone.expect();
      void this.#wish('device', () => this.api.device(call.id, 'web', true), true);
    };
    // When a conversation ends, its sound may end before we are told.
    setTimeout(fetch, this.#had ? HANGING_UP_MS : 0);
  }

  #say(message: Message): void {
    this.#obey(message);
    this.#channel?.postMessage(message);
  }

  #obey(message: Message): void {
    if (message.type === 'expect') this.phone.expect();
    else if (message.type === 'answer') void this.phone.answer();
    else this.phone.decline();
  }

  async #search(query: string): Promise<void> {
    const wanted = query.trim();
    // One that cannot be searched hides nothing of the other.
    const [contacts, agents] = await Promise.all([this.api.contacts(wanted).catch(() => []), this.api.agents(wanted).catch(() => [])]);
    const colleagues = agents.filter((agent) => agent.email !== this.store.state.me?.email);
    this.#dispatch({ type: 'found', query, contacts, colleagues });
  }

  async #during(wish: Wish, work: (call: Call) => Promise<unknown>): Promise<void> {
    const call = current(this.store.state);
    if (call) await this.#wish(wish, () => work(call), true);
  }

  async #withTransfer(wish: Wish, work: (call: Call, transfer: string) => Promise<unknown>): Promise<void> {
    const call = current(this.store.state);
    const transfer = call?.transfer?.id;
    if (!call || !transfer) return;
    await this.#wish(wish, () => work(call, transfer), true);
  }

  /** `told`: the stream says when it has happened; otherwise the answer does. */
  async #wish(wish: Wish, work: () => Promise<unknown>, told = false): Promise<void> {
    this.#dispatch({ type: 'wish', wish });
    try {
      await work();
      if (!told) this.#dispatch({ type: 'settled', wish });
      else setTimeout(() => this.#dispatch({ type: 'settled', wish }), WISH_MS);
    } catch (error) {
      this.#dispatch({ type: 'settled', wish });
      this.#explain(error);
    }
  }

  #explain(error: unknown): void {
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401) return this.#signedOut();
    this.#dispatch({ type: 'notice', notice: { code: error.code, detail: error.message } });
    this.#tell('problem', { code: error.code, detail: error.message });
  }

  #signedOut(): void {
    if (this.#closed) return;
    this.close();
    this.store.dispatch({ type: 'link', link: 'signed_out' });
    this.#tell('session-needed', {});
  }

  #dispatch(action: Action): void {
    if (!this.#closed) this.store.dispatch(action);
  }
}

/** A conversation on this computer whose sound is nowhere, although this window is the phone. */
function silent(state: State): Call | null {
  const call = current(state);
  return state.phone === 'ready' && state.line === 'idle' && call?.device === 'web' && mode(state) === 'talking' ? call : null;
}

function remembered(): Device | null {
  try {
    const kept = localStorage.getItem(DEVICE);
    return kept === 'desk' || kept === 'web' ? kept : null;
  } catch {
    return null;
  }
}

function remember(device: Device): void {
  try {
    localStorage.setItem(DEVICE, device);
  } catch {
    // A browser that keeps nothing takes the agent's usual device next time.
  }
}
