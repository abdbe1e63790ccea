// Calls as they happen. The panel tells them as DOM events; whoever shows them listens to `desk:calls`.

import { api } from './api.js';
import { find } from './dom.js';
import { REASONS } from './words.js';

/** Call id -> {call, steps: [{at, text}]}, until the call stands in the log. */
export const live = new Map();

/** Milliseconds for which a call that somebody else may have taken is still shown. */
const AFTER_OFFER = 8000;
/** Milliseconds after which live calls are compared with the service's. */
const AGAIN = 5000;

let me = null;

/** Somebody else has the customer, and would hand her over to me. */
const toMe = ({ agent, transfer }) => agent.email !== me.email && transfer?.agent?.email === me.email;
const open = ({ transfer }) => transfer?.state === 'ringing' || transfer?.state === 'talking';
const target = ({ transfer }) => transfer?.agent?.name || transfer?.to || 'a colleague';

/** Whether my phone rings for it. */
export const ringsHere = (call) => (call.direction === 'inbound' && call.state === 'ringing_agent' && call.agent.email === me.email) || (toMe(call) && call.transfer.state === 'ringing');

/** What each event means to somebody who watches; the others change nothing that is told. */
const STEPS = {
  'call-started': ({ direction, transferred_from }) => (transferred_from ? 'Handed over to you' : direction === 'outbound' ? 'Called' : 'Calls'),
  'call-offered': () => 'Your phone rings',
  'call-customer-ringing': () => 'Rings',
  'call-answered': ({ transferred_from }) => (transferred_from ? null : 'Answered'),
  'call-held': () => 'On hold, hears music',
  'call-resumed': () => 'Back in the conversation',
  'call-recording-started': () => 'Recording',
  'call-recording-stopped': () => 'Recording stopped',
  'transfer-offered': (call) => `${call.agent.name} hands over, your phone rings`,
  'call-transfer-started': (call) => (toMe(call) ? `${call.agent.name} hands over, your phone rings` : `${target(call)} is being called`),
  'call-transfer-answered': (call) => (toMe(call) ? `${call.agent.name} talks with you first` : `${target(call)} talks with you`),
  'call-transfer-cancelled': (call) => (call.transfer?.state === 'failed' ? `${target(call)}: ${(call.transfer.reason ?? 'failed').replaceAll('_', ' ')}` : 'Transfer taken back'),
  'call-transfer-completed': (call) => `Transferred to ${target(call)}`,
  'call-ended': ({ end_reason }) => (end_reason === 'transferred' ? null : ['Ended', REASONS[end_reason]].filter(Boolean).join(': ')),
};

/** In a few words, how it is now. */
export const state = (call) => {
  if (call.end_reason === 'transferred') return `With ${target(call)} now`;
  if (call.state === 'ended') return call.answered_at ? 'Ended' : 'Not answered';
  if (open(call)) return toMe(call) ? `${call.agent.name} hands over to you` : `Waits for ${target(call)}`;
  if (call.state === 'talking') return call.held ? 'On hold' : 'On the line';
  return call.direction === 'inbound' ? 'Calls you' : 'Is being called';
};

const tell = () => dispatchEvent(new Event('desk:calls'));

const keep = (call, text) => {
  if (live.has(call.transfer?.call_id)) return; // goes on as another call, which is mine
  const { steps } = live.get(call.id) ?? live.get(call.transferred_from) ?? { steps: [] };
  live.delete(call.transferred_from);
  live.set(call.id, { call, steps: text ? [...steps, { at: new Date().toISOString(), text }] : steps });
  if (toMe(call) && !open(call)) live.delete(call.id);
};

/** What happened while the connection was away is told to nobody, and of a colleague's call only that it is offered and over. */
export const compare = async () => {
  const up = new Map((await api('calls')).calls.map((call) => [call.id, call]));
  for (const [id, { call }] of live) if (!up.has(id) && call.state !== 'ended' && !toMe(call)) live.delete(id);
  for (const call of up.values()) keep(call);
  const handedOver = find('ctc-panel').state?.handover;
  if (handedOver) keep(handedOver);
  tell();
};

/** Begins to listen for that agent, with the calls that are up already. */
export const watch = async (agent) => {
  me = agent;
  for (const name of ['call-muted', 'call-unmuted', 'call-transfer-swapped', 'call-agent-answered', 'call-device-changed', ...Object.keys(STEPS)]) {
    addEventListener(`ctc:${name}`, ({ detail: { call } }) => {
      keep(call, STEPS[name]?.(call));
      tell();
    });
  }
  // It rings elsewhere now, or is over; here nobody hears how it goes on.
  addEventListener('ctc:call-offer-ended', ({ detail: { call } }) => {
    keep({ ...call, state: 'ended' }, 'Your phone stopped ringing');
    setTimeout(() => live.get(call.id)?.call.state === 'ended' && live.delete(call.id) && tell(), AFTER_OFFER);
    tell();
  });
  // Written, with all that its transfers made of it.
  addEventListener('ctc:call-logged', ({ detail: { call } }) => {
    for (const id of call.calls) live.delete(id);
    tell();
  });
  addEventListener('ctc:transfer-ended', ({ detail: { call } }) => live.delete(call.id) && tell());
  addEventListener('ctc:ready', () => compare().catch(() => {}));
  setInterval(() => live.size > 0 && compare().catch(() => {}), AGAIN);
  await compare();
};

/** The live calls with that contact, or with a number that nobody has. */
export const liveWith = ({ id, numbers }) => [...live.values()].filter(({ call }) => (call.contact ? call.contact.id === id : numbers.some(({ number }) => number === call.number)));
