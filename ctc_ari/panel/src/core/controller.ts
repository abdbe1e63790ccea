import { Ringer, choose } from '../phone/audio.ts';
import { Phone } from '../phone/phone.ts';
import { Api, Problem } from './api.ts';
import { unique } from './format.ts';
import { Health } from './health.ts';
import { read, write } from './memory.ts';
import type { Call, Device, StreamMessage, TransferMode } from './model.ts';
import { Past } from './past.ts';
import { Place } from './place.ts';
import type { Action } from './reducer.ts';
import type { State, Wish } from './state.ts';
import { current, offered, silent } from './state.ts';
import { Store } from './store.ts';
import { Stream } from './stream.ts';

const SEARCH_PAUSE_MS = 180;
/** How long a button may wait for the stream to tell that it has happened. */
const WISH_MS = 8_000;
/** By how much the end of the sound may come before the news of the call's end. */
const HANGING_UP_MS = 700;
/** By how much the telephone may ring before the news of the call. */
const ALONE_MS = 1_500;

/** What this tab, or this browser, remembers. */
const DEVICE = 'ctc-panel.device';
const ASKED = 'ctc-panel.asked';
const SKEW = 'ctc-panel.skew';

/** What these say of a transfer is about its target, not about the agent. */
const OF_THE_TARGET = new Set(['agent_busy', 'agent_offline']);

/** Told to the page around the panel; `name` is without its `ctc:`. */
export type Tell = (name: string, detail: unknown) => void;

/** What windows of one agent tell each other. */
type Message = { readonly type: 'expect' | 'answer' | 'decline' | 'drop' } | { readonly type: 'wrappedUp'; readonly call: string };

/** Turns what the agent does into requests, and what the service says into actions. */
export class Controller {
  readonly store = new Store();
  readonly api: Api;
  readonly phone: Phone;
  readonly #tell: Tell;
  readonly #stream: Stream;
  readonly #ringer: Ringer;
  readonly #health: Health;
  #place: Place | null = null;
  #past: Past | null = null;
  #channel: BroadcastChannel | null = null;
  #searching: ReturnType<typeof setTimeout> | undefined;
  #alone: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  /** By how much the service's clock is ahead of this computer's, in ms: an event takes no time at the least. */
  skew = Number(read(SKEW, true));
  /** The call whose sound was asked to come here, so that it is asked once. */
  #fetched = '';
  /** Whether a conversation's sound was in this window before. */
  #had = false;

  constructor(base: URL, session: string, tell: Tell) {
    this.#tell = tell;
    this.api = new Api(base, session);
    const dispatch = (action: Action): void => this.#dispatch(action);
    this.#ringer = new Ringer((blocked) => dispatch({ type: 'soundBlocked', blocked }));
    this.#health = new Health(
      () => this.api.failing(),
      (parts) => dispatch({ type: 'failing', parts }),
    );
    this.phone = new Phone(base, this.api.ticket, {
      phone: (phone, reason) => dispatch({ type: 'phone', phone, reason: reason ?? null }),
      line: (line, name) => dispatch({ type: 'line', line, name }),
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
    while (!this.#closed) {
      try {
        const me = await this.api.me();
        if (this.#closed) return;
        const kept = read(DEVICE);
        this.#dispatch({ type: 'me', me, device: kept === 'desk' || kept === 'web' ? kept : null });
        // Whose calls the stream tells of is known now.
        this.#stream.open();
        this.#meet(me.agent.email);
        this.#tell('ready', { agent: me.agent });
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
    clearTimeout(this.#alone);
    clearTimeout(this.#searching);
    this.#stream.close();
    this.#health.close();
    this.#past?.close();
    this.#ringer.stop();
    if (this.#place) this.#place.close();
    else this.phone.stop();
    this.#channel?.close();
  }

  // what the agent does

  async call(to: { to?: string; contact_id?: string }): Promise<void> {
    const { me, device, pending } = this.store.state;
    if (!me || pending.includes('call')) return;
    if (device === 'web') this.#say({ type: 'expect' });
    await this.#wish('call', async () => {
      const key = unique();
      const call = await this.api.call(me.email, device, to, key).catch((error: unknown) => {
        // An old call's contact may have been removed since; the number is still there.
        if (!(error instanceof Problem) || error.code !== 'contact_not_found' || !to.to) throw error;
        return this.api.call(me.email, device, { to: to.to }, `${key}-again`);
      });
      if (device === 'web') write(ASKED, call.id, true);
      this.#dispatch({ type: 'placed', call });
    });
  }

  async hangUp(): Promise<void> {
    const call = current(this.store.state);
    // A colleague's call, or one that only this telephone knows of.
    if (!call) return this.#say({ type: 'drop' });
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
    if (!call) return this.#say({ type: 'decline' });
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
    write(DEVICE, device);
    this.#dispatch({ type: 'device', device });
    const call = current(this.store.state);
    if (call?.state !== 'talking' || call.device === device) return;
    if (device === 'web') {
      await this.phone.tryMicrophone();
      // What keeps this computer from being the phone is shown already.
      if (!(await this.#place?.becomes())) return;
      this.#say({ type: 'expect' });
    }
    await this.#wish('device', () => this.api.device(call.id, device), true);
  }

  /** Sound comes to this window, whichever had it. */
  here(): void {
    this.#fetched = '';
    this.#place?.seize();
  }

  allowMicrophone(): Promise<void> {
    return this.phone.busy ? this.phone.changeMicrophone() : this.phone.tryMicrophone();
  }

  async chooseMicrophone(id: string): Promise<void> {
    choose('microphone', id);
    await this.phone.changeMicrophone();
  }

  chooseSpeaker(id: string): void {
    choose('speaker', id);
    this.phone.changeSpeaker(id);
  }

  search(query: string): void {
    this.#dispatch({ type: 'query', query });
    clearTimeout(this.#searching);
    // Colleagues stand there before anything is typed: a newcomer knows no names.
    const wanted = query.trim() !== '' || this.store.state.screen === 'transfer';
    if (wanted) this.#searching = setTimeout(() => void this.#search(query), SEARCH_PAUSE_MS);
  }

  chooseTarget(): void {
    this.#dispatch({ type: 'screen', screen: 'transfer' });
    this.search('');
  }

  saveNotes(): void {
    const { wrapUp, notes } = this.store.state;
    if (!wrapUp) return;
    this.#past?.save(wrapUp.id, notes);
    this.wrapUp();
  }

  /** Nothing more is to be said of the last call, in no window. */
  wrapUp(): void {
    const { wrapUp } = this.store.state;
    if (wrapUp) this.#say({ type: 'wrappedUp', call: wrapUp.id });
  }

  /** All calls, or the missed ones only. */
  async show(onlyMissed: boolean): Promise<void> {
    await this.#past?.show(onlyMissed);
  }

  // what follows

  #react(state: State, before: State, action: Action): void {
    if (state.device !== before.device || (state.me !== null) !== (before.me !== null)) this.#place?.want(state.device === 'web' && state.me !== null);
    if (state.soundBlocked && !before.soundBlocked) addEventListener('pointerdown', () => this.phone.resume(), { once: true });
    this.#place?.follow(state, before);
    this.#fetchSound(state, before);
    this.#followLine(state, before);
    if (this.phone.busy && (before.calls.length > 0 || before.handover) && state.calls.length === 0 && !state.handover) this.phone.drop();
    const back = state.link === 'open' && before.link !== 'open';
    if (back && before.link === 'lost') this.#past?.catchUp();
    if (back || (before.phone === 'ready' && state.phone !== 'ready')) void this.#health.look();
    this.#past?.follow(state, before);
    if (action.type === 'stream') this.#report(state, before, action.message);
  }

  #followLine(state: State, before: State): void {
    // One window rings, the phone; a desk phone does so by itself.
    if (state.line === 'rings') this.#ringer.start();
    else this.#ringer.stop();
    if (state.line === before.line) return;
    clearTimeout(this.#alone);
    if (state.line !== 'idle') {
      this.#alone = setTimeout(() => this.#dispatch({ type: 'lineAlone' }), ALONE_MS);
      return;
    }
    this.#dispatch({ type: 'soundBlocked', blocked: false });
    if (state.device === 'desk') this.#place?.want(false);
  }

  #report(state: State, before: State, message: StreamMessage): void {
    if (message.type === 'resumed') return;
    if (message.type === 'snapshot') {
      for (const call of state.calls) if (offered(call)) this.#tell('call-offered', { call });
      if (state.handover) this.#tell('transfer-offered', { call: state.handover });
      return;
    }
    if (message.type === 'call.logged') {
      this.#past?.logged(message.data);
      this.#tell('call-logged', { call: message.data });
      return;
    }
    this.#compareClocks(message.timestamp);
    const call = message.data;
    const name = message.type.slice('call.'.length).replaceAll('_', '-');
    if (call.agent.email.toLowerCase() === state.me?.email.toLowerCase()) this.#tell(`call-${name === 'created' ? 'started' : name}`, { call });
    else if (state.handover && !before.handover) this.#tell('transfer-offered', { call });
    else if (before.handover && !state.handover) this.#tell('transfer-ended', { call });
  }

  #compareClocks(timestamp: string): void {
    const ahead = Date.parse(timestamp) - Date.now();
    if (this.skew !== 0 && ahead <= this.skew) return;
    this.skew = ahead;
    write(SKEW, String(ahead), true);
  }

  #meet(email: string): void {
    const name = `ctc-panel ${this.api.base.origin} ${email}`;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => this.#obey(data);
    this.#place = new Place(name, this.phone, this.store, (action) => this.#dispatch(action));
    this.#place.want(this.store.state.device === 'web');
    this.#past = new Past(
      name,
      email,
      this.api,
      this.store,
      (action) => this.#dispatch(action),
      (error) => this.#explain(error),
    );
    this.#past.open();
  }

  /** After a reload, or when this window takes over: the conversation's sound, or its ring, comes here. */
  #fetchSound(state: State, before: State): void {
    if (state.line !== 'idle') {
      this.#fetched = '';
      this.#had = true;
    }
    // The snapshot may come after the phone.
    const came = (state.phone === 'ready' && before.phone !== 'ready') || (state.link === 'open' && before.link === 'connecting');
    const call = silent(state, came);
    if (!call || this.#fetched === `${call.id} ${call.state}`) return;
    this.#fetched = `${call.id} ${call.state}`;
    const rings = call.state === 'ringing_agent';
    // From now on: that the sound is nowhere is told only when that did not help.
    this.#dispatch({ type: 'wish', wish: 'device' });
    const fetch = (): void => {
      if (silent(this.store.state, rings)?.id !== call.id) return this.#dispatch({ type: 'settled', wish: 'device' });
      // What she asked for herself is answered by itself.
      if (!rings || read(ASKED, true) === call.id) this.phone.expect();
      const ask = (): Promise<void> => this.api.device(call.id, 'web', true);
      // It may have gone on in the meantime: then there is something else to fetch, or nothing.
      const settle = (error: unknown): void => {
        if (!(error instanceof Problem) || error.code !== 'wrong_state') throw error;
      };
      void this.#wish('device', () => ask().catch(settle), true);
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
    else if (message.type === 'decline') this.phone.decline();
    else if (message.type === 'drop') this.phone.drop();
    else if ('call' in message && this.store.state.wrapUp?.id === message.call) this.#dispatch({ type: 'wrappedUp' });
  }

  async #search(query: string): Promise<void> {
    const wanted = query.trim();
    // One that cannot be searched hides nothing of the other.
    const [contacts, agents] = await Promise.all([
      wanted ? this.api.contacts(wanted).catch(() => []) : [],
      this.api.agents(wanted).catch(() => []),
    ]);
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
      this.#explain(error, wish);
    }
  }

  #explain(error: unknown, wish?: Wish): void {
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401) return this.#signedOut();
    if (error.code === 'asterisk_unreachable' || error.code === 'database_unreachable') void this.#health.look();
    const code = wish === 'transfer' && OF_THE_TARGET.has(error.code) ? `target_${error.code}` : error.code;
    this.#dispatch({ type: 'notice', notice: { code, detail: error.message } });
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
