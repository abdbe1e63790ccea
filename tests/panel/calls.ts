import type { Call } from '../../ctc_ari/panel/src/core/model.ts';
import type { Action } from '../../ctc_ari/panel/src/core/reducer.ts';
import { reduce } from '../../ctc_ari/panel/src/core/reducer.ts';
import type { State } from '../../ctc_ari/panel/src/core/state.ts';
import { initial } from '../../ctc_ari/panel/src/core/state.ts';

export const ANNA = { email: 'anna@example.com', name: 'Anna', extension: '1001' };

export const CALL: Call = {
  id: 'c1',
  direction: 'outbound',
  state: 'ringing_agent',
  agent: ANNA,
  device: 'web',
  contact: { id: 'grace', name: 'Grace Hopper' },
  number: '+442079460011',
  muted: false,
  held: false,
  recording: false,
  transfer: null,
  transferred_from: null,
  supervisors: [],
  did: null,
  moving_to: null,
  missed: false,
  created_at: '2026-03-01T09:30:00.000Z',
  agent_answered_at: null,
  answered_at: null,
  ended_at: null,
  end_reason: null,
};

export const a = (changes: Partial<Call> = {}): Call => ({ ...CALL, ...changes });

let id = 0;
export const told = (type: string, call: Call): Action => ({
  type: 'stream',
  message: { id: ++id, type: `call.${type}`, timestamp: call.created_at, data: call },
});
export const snapshot = (...calls: Call[]): Action => ({ type: 'stream', message: { type: 'snapshot', last_event_id: 0, data: { calls } } });

export const after = (...actions: Action[]): State => actions.reduce(reduce, initial);
/** Signed in, with the stream open and this computer as the phone. */
export const ready: Action[] = [{ type: 'me', me: { agent: ANNA, device: 'web' }, device: null }, snapshot(), { type: 'phone', phone: 'ready' }];
