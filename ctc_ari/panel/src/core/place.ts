import { Leader } from '../phone/leader.ts';
import type { Phone } from '../phone/phone.ts';
import type { Action } from './reducer.ts';
import type { State } from './state.ts';
import type { Store } from './store.ts';

const FIRST_RETRY_MS = 1_000;
const RETRY_MS = 5_000;
/** How long the way to the telephone system may take before it is told. */
const SLOW_MS = 4_000;
/** How long a conversation waits for this computer to become the phone. */
const BECOME_MS = 5_000;

/** Which window is the phone: of all with the same name one, as long as the agent wants her computer to be it. */
export class Place {
  readonly #phone: Phone;
  readonly #store: Store;
  readonly #dispatch: (action: Action) => void;
  readonly #leader: Leader;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #slow: ReturnType<typeof setTimeout> | undefined;
  readonly #closed = new AbortController();

  constructor(name: string, phone: Phone, store: Store, dispatch: (action: Action) => void) {
    this.#phone = phone;
    this.#store = store;
    this.#dispatch = dispatch;
    this.#leader = new Leader(
      name,
      () => void phone.start(),
      () => {
        phone.stop();
        dispatch({ type: 'phone', phone: 'waiting' });
      },
    );
    // A headset was plugged in; during a conversation the phone takes it by itself.
    const plugged = (): void => {
      if (store.state.microphone === 'missing' && !phone.busy) dispatch({ type: 'microphone', microphone: 'unknown' });
    };
    navigator.mediaDevices?.addEventListener('devicechange', plugged, { signal: this.#closed.signal });
  }

  /** Be the phone, or not; while its conversation lasts it stays one. */
  want(wanted: boolean): void {
    if (wanted) {
      if (typeof navigator.locks === 'undefined') {
        this.#dispatch({ type: 'microphone', microphone: 'insecure' });
        return;
      }
      this.#leader.stand();
      void this.#lookAtMicrophone();
    } else if (!this.#phone.busy) {
      this.#leader.resign();
      this.#phone.stop();
      this.#dispatch({ type: 'phone', phone: 'off' });
    }
  }

  /** Here, whichever window had it. */
  seize(): void {
    this.#phone.stop();
    this.#leader.seize();
  }

  close(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#slow);
    this.#closed.abort();
    this.#phone.stop();
    this.#leader.resign();
  }

  follow(state: State, before: State): void {
    if (state.phone === before.phone) return;
    clearTimeout(this.#slow);
    if (state.phone === 'unavailable') this.#tryAgain(FIRST_RETRY_MS);
    if (state.phone === 'starting') this.#slow = setTimeout(() => this.#isSlow(), SLOW_MS);
  }

  /** Whether this computer, here or in another tab, is the phone within a few seconds. */
  becomes(): Promise<boolean> {
    const is = ({ phone }: State): boolean => phone === 'ready' || phone === 'waiting';
    return new Promise((resolve) => {
      const settle = (outcome: boolean): void => {
        clearTimeout(timer);
        unsubscribe();
        resolve(outcome);
      };
      const timer = setTimeout(() => settle(is(this.#store.state)), BECOME_MS);
      const unsubscribe = this.#store.subscribe((state) => is(state) && settle(true));
      if (is(this.#store.state)) settle(true);
    });
  }

  /** What the browser says of the microphone without asking anybody. */
  async #lookAtMicrophone(): Promise<void> {
    const permission = await navigator.permissions?.query({ name: 'microphone' as PermissionName }).catch(() => null);
    if (!permission) return;
    const look = (): void => {
      if (permission.state === 'denied') this.#dispatch({ type: 'microphone', microphone: 'refused' });
      else if (this.#store.state.microphone === 'refused') this.#dispatch({ type: 'microphone', microphone: 'unknown' });
    };
    permission.onchange = look;
    look();
  }

  #tryAgain(pause: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.#store.state.phone !== 'unavailable') return;
      this.#phone.stop();
      if (this.#leader.leads) void this.#phone.start();
      this.#tryAgain(RETRY_MS);
    }, pause);
  }

  #isSlow(): void {
    if (this.#store.state.phone === 'starting') this.#dispatch({ type: 'phone', phone: 'starting', reason: 'slow' });
  }
}
