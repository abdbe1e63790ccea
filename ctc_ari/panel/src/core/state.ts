import type { Agent, Call, Contact, Device, LogEntry } from './model.ts';

/** Whether the service can be heard. */
export type Link = 'connecting' | 'open' | 'lost' | 'signed_out';

/** This computer as the phone. `elsewhere`: another window or browser is it; `waiting`: another tab of this page's origin. */
export type PhoneState = 'off' | 'starting' | 'ready' | 'waiting' | 'elsewhere' | 'unavailable';

/** `rings`: it asks to be answered; `talks`: sound goes both ways. */
export type Line = 'idle' | 'rings' | 'answering' | 'talks';

export type Microphone = 'unknown' | 'ready' | 'refused' | 'missing' | 'busy' | 'insecure';

export type Screen = 'home' | 'keypad' | 'transfer' | 'settings';

/** What a button asked for and the service has not confirmed. */
export type Wish = 'call' | 'hangup' | 'mute' | 'hold' | 'recording' | 'transfer' | 'complete' | 'swap' | 'cancel' | 'device' | 'notes';

/** Something to tell; `code` is the API's stable one, or one of the panel's own. */
export interface Notice {
  readonly code: string;
  readonly detail: string;
}

export interface Quality {
  /** 0 (nothing arrives) to 4 (excellent). */
  readonly bars: 0 | 1 | 2 | 3 | 4;
  readonly lossPercent: number;
  readonly jitterMs: number;
  readonly roundTripMs: number | null;
}

export interface State {
  readonly link: Link;
  readonly me: Agent | null;
  readonly device: Device;
  readonly calls: readonly Call[];
  /** The last call while its notes are being written. */
  readonly wrapUp: Call | null;
  readonly notes: { readonly text: string; readonly outcome: string | null; readonly saved: boolean };
  readonly screen: Screen;
  readonly pending: readonly Wish[];
  readonly notice: Notice | null;
  readonly phone: PhoneState;
  readonly phoneReason: string | null;
  readonly line: Line;
  /** Whether the conversation's sound is in this window. */
  readonly soundHere: boolean;
  readonly microphone: Microphone;
  readonly quality: Quality | null;
  /** The ring cannot be heard until somebody clicks into the page. */
  readonly soundBlocked: boolean;
  readonly query: string;
  readonly found: readonly Contact[];
  readonly colleagues: readonly Agent[];
  readonly searching: boolean;
  readonly recent: readonly LogEntry[] | null;
  readonly digits: string;
}

export const initial: State = {
  link: 'connecting',
  me: null,
  device: 'desk',
  calls: [],
  wrapUp: null,
  notes: { text: '', outcome: null, saved: false },
  screen: 'home',
  pending: [],
  notice: null,
  phone: 'off',
  phoneReason: null,
  line: 'idle',
  soundHere: false,
  microphone: 'unknown',
  quality: null,
  soundBlocked: false,
  query: '',
  found: [],
  colleagues: [],
  searching: false,
  recent: null,
  digits: '',
};

export type Mode = 'loading' | 'signed_out' | 'idle' | 'offered' | 'dialling' | 'talking' | 'consulting' | 'wrap_up';

/** The call the panel is about: the one that talks, else the newest. */
export function current(state: State): Call | null {
  return state.calls.find((call) => call.state === 'talking') ?? state.calls.at(-1) ?? null;
}

/** A caller whom nobody has answered yet. */
export function offered(call: Call): boolean {
  return call.direction !== 'outbound' && call.state === 'ringing_agent';
}

/** What is shown. */
export function mode(state: State): Mode {
  if (state.link === 'signed_out') return 'signed_out';
  if (state.me === null) return 'loading';
  const call = current(state);
  if (call === null) return state.wrapUp ? 'wrap_up' : 'idle';
  if (offered(call)) return 'offered';
  if (call.state !== 'talking') return 'dialling';
  const transfer = call.transfer;
  return transfer && (transfer.state === 'ringing' || transfer.state === 'talking') ? 'consulting' : 'talking';
}

/** The one thing that keeps the agent from working, most pressing first; null: all is well. */
export function obstacle(state: State): string | null {
  if (state.link === 'lost') return 'service_lost';
  if (state.device !== 'web') return null;
  if (state.microphone !== 'unknown' && state.microphone !== 'ready') return `microphone_${state.microphone}`;
  if (state.phone === 'elsewhere') return 'phone_elsewhere';
  if (state.phone === 'unavailable') return state.phoneReason ?? 'phone_unavailable';
  return null;
}

/** Whether a new call can be placed now. */
export function canCall(state: State): boolean {
  if (state.link !== 'open' || state.calls.length > 0 || state.pending.includes('call')) return false;
  return state.device === 'desk' || ((state.phone === 'ready' || state.phone === 'waiting') && obstacle(state) === null);
}
