import type { Agent, Call, Contact, Device, LogEntry, Me, StreamMessage } from './model.ts';
import { handing, isMissed, live } from './model.ts';
import type { Line, Link, Microphone, Notice, PhoneState, Quality, Screen, State, Wish } from './state.ts';
import { initial } from './state.ts';

export type Action =
  | { type: 'link'; link: Link }
  | { type: 'me'; me: Me; device: Device | null }
  | { type: 'stream'; message: StreamMessage }
  | { type: 'placed'; call: Call }
  | { type: 'wish'; wish: Wish }
  | { type: 'settled'; wish: Wish }
  | { type: 'notice'; notice: Notice | null }
  | { type: 'device'; device: Device }
  | { type: 'phone'; phone: PhoneState; reason?: string | null }
  | { type: 'line'; line: Line; name?: string }
  | { type: 'lineAlone' }
  | { type: 'failing'; parts: readonly string[] }
  | { type: 'microphone'; microphone: Microphone }
  | { type: 'quality'; quality: Quality | null }
  | { type: 'soundBlocked'; blocked: boolean }
  | { type: 'screen'; screen: Screen }
  | { type: 'query'; query: string }
  | { type: 'found'; query: string; contacts: readonly Contact[]; colleagues: readonly Agent[] }
  | { type: 'recent'; recent: readonly LogEntry[] }
  | { type: 'missed'; missed: readonly LogEntry[] }
  | { type: 'show'; onlyMissed: boolean }
  | { type: 'seen'; at: string }
  | { type: 'unsaved'; count: number }
  | { type: 'digit'; digit: string }
  | { type: 'notes'; text?: string; outcome?: string | null }
  | { type: 'wrapUp'; call: Call; notes: State['notes'] }
  | { type: 'wrappedUp' };

/** The next state; pure, and the same object when nothing changed. */
export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'link':
      return action.link === 'signed_out' ? { ...initial, link: 'signed_out', device: state.device } : { ...state, link: action.link };
    case 'me':
      return { ...state, me: action.me.agent, device: action.device ?? action.me.device };
    case 'stream':
      return hear(state, action.message);
    case 'placed':
      return placed(settle(state, 'call'), action.call);
    case 'wish':
      return { ...state, pending: [...state.pending.filter((wish) => wish !== action.wish), action.wish], notice: null };
    case 'settled':
      return settle(state, action.wish);
    case 'notice':
      return { ...state, notice: action.notice };
    case 'device':
      return { ...state, device: action.device };
    case 'phone':
      return phone(state, action.phone, action.reason ?? null);
    case 'line':
      return {
        ...state,
        line: action.line,
        lineName: action.line === 'idle' ? '' : (action.name ?? state.lineName),
        lineAlone: state.lineAlone && action.line !== 'idle',
        soundHere: action.line === 'talks',
        quality: action.line === 'talks' ? state.quality : null,
      };
    case 'lineAlone':
      return { ...state, lineAlone: true };
    case 'failing':
      return { ...state, failing: action.parts };
    case 'microphone':
      return { ...state, microphone: action.microphone };
    case 'quality':
      return { ...state, quality: action.quality };
    case 'soundBlocked':
      return state.soundBlocked === action.blocked ? state : { ...state, soundBlocked: action.blocked };
    case 'screen':
      return { ...state, screen: action.screen, query: '', found: [], colleagues: [], digits: '' };
    case 'query':
      return { ...state, query: action.query, searching: action.query.trim() !== '', found: action.query.trim() ? state.found : [], colleagues: [] };
    case 'found':
      // An answer to an older question means nothing.
      return action.query === state.query ? { ...state, searching: false, found: action.contacts, colleagues: action.colleagues } : state;
    case 'recent':
      return { ...state, recent: action.recent };
    case 'missed':
      return { ...state, missed: action.missed };
    case 'show':
      return { ...state, onlyMissed: action.onlyMissed };
    case 'seen':
      return { ...state, missedSeen: action.at };
    case 'unsaved':
      return state.unsaved === action.count ? state : { ...state, unsaved: action.count };
    case 'digit':
      return { ...state, digits: (state.digits + action.digit).slice(-24) };
    case 'notes':
      return { ...state, notes: { text: action.text ?? state.notes.text, outcome: action.outcome === undefined ? state.notes.outcome : action.outcome } };
    case 'wrapUp':
      return state.calls.length > 0 ? state : { ...state, wrapUp: action.call, notes: action.notes };
    case 'wrappedUp':
      return { ...state, wrapUp: null, notes: initial.notes };
  }
}

/** What is wrong stays said while it is tried again. */
function phone(state: State, next: PhoneState, reason: string | null): State {
  const again = next === 'starting' && reason === null && (state.phone === 'unavailable' || state.phone === 'starting');
  return again ? state : { ...state, phone: next, phoneReason: reason };
}

/** The answer to a request may come later than what the stream tells of the same call: then the stream is right. */
function placed(state: State, call: Call): State {
  const told = state.wrapUp?.id === call.id || state.calls.some((each) => each.id === call.id);
  return told || !live(call) ? searched(state) : withCall({ ...searched(state), wrapUp: null }, call);
}

/** Whoever was looked for has been found. */
const searched = (state: State): State => ({ ...state, query: '', searching: false, found: [], colleagues: [], screen: 'home' });

/** Wishes that end when the stream tells that it has happened. */
const FULFILLED: Readonly<Record<string, Wish>> = {
  'call.muted': 'mute',
  'call.unmuted': 'mute',
  'call.held': 'hold',
  'call.resumed': 'hold',
  'call.recording_started': 'recording',
  'call.recording_stopped': 'recording',
  'call.transfer_started': 'transfer',
  'call.transfer_swapped': 'swap',
  'call.transfer_completed': 'complete',
  'call.transfer_cancelled': 'cancel',
  'call.device_changed': 'device',
  'call.device_failed': 'device',
};

function hear(state: State, message: StreamMessage): State {
  if (message.type === 'snapshot') {
    const calls = message.data.calls.filter((call) => live(call) && mine(state, call));
    const gone = calls.length === 0 && state.calls.length > 0;
    const handover = message.data.calls.find((call) => offeredTo(state, call)) ?? null;
    return { ...state, link: 'open', calls, handover, pending: [], screen: gone ? 'home' : state.screen };
  }
  if (message.type === 'resumed') return { ...state, link: 'open' };
  if (message.type === 'call.logged') return logged(state, message.data);
  const call = message.data;
  if (!mine(state, call)) return { ...state, handover: offeredTo(state, call) ? call : state.handover?.id === call.id ? null : state.handover };
  const wish = FULFILLED[message.type];
  const settled = wish ? settle(state, wish) : state;
  if (message.type === 'call.offer_ended') return withoutCall(settled, call);
  return live(call) ? withCall(settled, call) : ended(settled, call);
}

const same = (one: string | undefined, other: string | undefined): boolean => one?.toLowerCase() === other?.toLowerCase();

/** An agent is told of transfers to her, too, and those calls are still a colleague's. */
const mine = (state: State, call: Call): boolean => same(call.agent.email, state.me?.email);

const offeredTo = (state: State, call: Call): boolean => live(call) && handing(call) && !mine(state, call) && same(call.transfer?.agent?.email, state.me?.email);

const LISTED = 30;

/** The lists are as they would be if they were fetched now. */
function logged(state: State, entry: LogEntry): State {
  const first = (list: readonly LogEntry[]): readonly LogEntry[] => [entry, ...list.filter(({ id }) => id !== entry.id)].slice(0, LISTED);
  return { ...state, recent: state.recent && first(state.recent), missed: state.missed && isMissed(entry) ? first(state.missed) : state.missed };
}

/** Keeps the calls in the order in which they began. */
function withCall(state: State, call: Call): State {
  const known = state.calls.some((each) => each.id === call.id);
  const calls = known ? state.calls.map((each) => (each.id === call.id ? call : each)) : [...state.calls, call];
  const chosen = handing(call) && state.screen === 'transfer';
  return { ...(chosen ? searched(state) : state), calls, wrapUp: known ? state.wrapUp : null };
}

/** Somebody else's turn: it rings at the next agent of the route. */
function withoutCall(state: State, call: Call): State {
  return { ...state, calls: state.calls.filter((each) => each.id !== call.id) };
}

function ended(state: State, call: Call): State {
  const known = state.calls.some((each) => each.id === call.id);
  if (!known) return state.wrapUp?.id === call.id ? { ...state, wrapUp: call } : state;
  const calls = state.calls.filter((each) => each.id !== call.id);
  if (calls.length > 0) return { ...state, calls };
  // Of a caller whom she never talked to there is nothing to write down; the list has him.
  const wrapUp = call.direction === 'inbound' && call.answered_at === null ? null : call;
  return { ...state, calls, wrapUp, notes: initial.notes, screen: 'home', pending: [], quality: null, digits: '' };
}

function settle(state: State, wish: Wish): State {
  return state.pending.includes(wish) ? { ...state, pending: state.pending.filter((each) => each !== wish) } : state;
}
