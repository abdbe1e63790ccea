import type { Agent, Call, Contact, Device, LogEntry } from './model.ts';
import { handing, isMissed } from './model.ts';

/** Whether the service can be heard. */
export type Link = 'connecting' | 'open' | 'lost' | 'signed_out';

/** This computer as the phone. `elsewhere`: another window or browser is it; `waiting`: another tab of this page's origin. */
export type PhoneState = 'off' | 'starting' | 'ready' | 'waiting' | 'elsewhere' | 'unavailable';

/** `rings`: it asks to be answered; `talks`: sound goes both ways. */
export type Line = 'idle' | 'rings' | 'answering' | 'talks';

export type Microphone = 'unknown' | 'ready' | 'refused' | 'missing' | 'busy' | 'insecure';

export type Screen = 'home' | 'keypad' | 'transfer' | 'settings';

/** What a button asked for and the service has not confirmed. */
export type Wish = 'call' | 'hangup' | 'mute' | 'hold' | 'recording' | 'transfer' | 'complete' | 'swap' | 'cancel' | 'device';

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
  /** The agent's own. */
  readonly calls: readonly Call[];
  /** A colleague's call that is being transferred to this agent. */
  readonly handover: Call | null;
  /** Parts of the service that do not work: `asterisk`, `database`. */
  readonly failing: readonly string[];
  /** The last call while its notes are being written. */
  readonly wrapUp: Call | null;
  readonly notes: { readonly text: string; readonly outcome: string | null };
  readonly screen: Screen;
  readonly pending: readonly Wish[];
  readonly notice: Notice | null;
  readonly phone: PhoneState;
  readonly phoneReason: string | null;
  readonly line: Line;
  /** Who calls, as the telephone itself shows it. */
  readonly lineName: string;
  /** The telephone rings or talks, and it is none of the calls. */
  readonly lineAlone: boolean;
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
  readonly missed: readonly LogEntry[] | null;
  /** Whether the list shows missed calls only. */
  readonly onlyMissed: boolean;
  /** When the agent last looked at her missed calls; RFC 3339. */
  readonly missedSeen: string;
  /** Calls whose notes the log has not taken yet. */
  readonly unsaved: number;
  readonly digits: string;
}

export const initial: State = {
  link: 'connecting',
  me: null,
  device: 'desk',
  calls: [],
  handover: null,
  failing: [],
  wrapUp: null,
  notes: { text: '', outcome: null },
  screen: 'home',
  pending: [],
  notice: null,
  phone: 'off',
  phoneReason: null,
  line: 'idle',
  lineName: '',
  lineAlone: false,
  soundHere: false,
  microphone: 'unknown',
  quality: null,
  soundBlocked: false,
  query: '',
  found: [],
  colleagues: [],
  searching: false,
  recent: null,
  missed: null,
  onlyMissed: false,
  missedSeen: '',
  unsaved: 0,
  digits: '',
};

export type Mode = 'loading' | 'signed_out' | 'idle' | 'offered' | 'dialling' | 'talking' | 'consulting' | 'handover' | 'line' | 'wrap_up';

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
  if (call === null) return state.handover ? 'handover' : state.lineAlone ? 'line' : state.wrapUp ? 'wrap_up' : 'idle';
  if (offered(call)) return 'offered';
  if (call.state !== 'talking') return 'dialling';
  return handing(call) ? 'consulting' : 'talking';
}

/** The one thing that keeps the agent from working, most pressing first; null: all is well. */
export function obstacle(state: State): string | null {
  if (state.link === 'lost') return 'service_lost';
  if (state.failing.includes('asterisk')) return 'asterisk_unreachable';
  if (state.failing.includes('database')) return 'database_unreachable';
  if (state.device !== 'web') return null;
  if (state.microphone !== 'unknown' && state.microphone !== 'ready') return `microphone_${state.microphone}`;
  if (state.phone === 'elsewhere') return 'phone_elsewhere';
  if (state.phone === 'unavailable') return state.phoneReason ?? 'phone_unavailable';
  if (state.phone === 'starting' && state.phoneReason === 'slow') return 'phone_lost';
  return null;
}

/** Whether a new call can be placed now. */
export function canCall(state: State): boolean {
  if (state.link !== 'open' || state.calls.length > 0 || state.handover || state.line !== 'idle' || state.pending.includes('call')) return false;
  if (obstacle(state) !== null) return false;
  return state.device === 'desk' || state.phone === 'ready' || state.phone === 'waiting';
}

/** Missed calls since the agent last looked. */
export const unseen = (state: State): number => {
  const own = (state.missed ?? state.recent ?? []).filter((entry) => isMissed(entry) && entry.started_at > state.missedSeen);
  return own.length;
};

/**
 * A call of hers on this computer whose sound, or ring, is nowhere, although this window is the phone. `came`: it has just become
 * the phone, and what rang before then rang at a page that is gone.
 */
export function silent(state: State, came: boolean): Call | null {
  const call = current(state);
  if (!call || state.phone !== 'ready' || state.line !== 'idle') return null;
  if (offered(call)) return came ? call : null;
  if (call.device !== 'web') return null;
  if (call.state === 'ringing_agent') return came ? call : null;
  // In a blind transfer there is nothing to hear but that a phone rings; she may be asked back.
  return handing(call) && call.transfer?.mode === 'blind' ? null : call;
}
