import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reduce } from '../../ctc_ari/panel/src/core/reducer.ts';
import { canCall, current, mode, obstacle, silent, unseen } from '../../ctc_ari/panel/src/core/state.ts';
import { ANNA, a, after, ready, snapshot, told } from './calls.ts';

const TALKING = a({ state: 'talking', agent_answered_at: '2026-03-01T09:30:03.000Z', answered_at: '2026-03-01T09:30:09.000Z' });
const TRANSFER = { id: 't', mode: 'attended', to: '1002', agent: null, state: 'ringing', reason: null, talking_with: 'customer', by: 'api' } as const;
const ENDED = a({ ...TALKING, state: 'ended', ended_at: '2026-03-01T09:31:00.000Z', end_reason: 'completed' });

test('a click goes through every stage and ends in the notes', () => {
  assert.equal(mode(after(...ready)), 'idle');
  assert.equal(mode(after(...ready, told('created', a()))), 'dialling');
  assert.equal(mode(after(...ready, told('created', a()), told('answered', TALKING))), 'talking');
  const over = after(...ready, told('created', a()), told('answered', TALKING), told('ended', ENDED));
  assert.equal(mode(over), 'wrap_up');
  assert.equal(over.wrapUp?.end_reason, 'completed');
  assert.equal(mode(after(...ready, told('created', a()), told('ended', ENDED), { type: 'wrappedUp' })), 'idle');
});

test('a caller is offered until somebody answers', () => {
  const caller = a({ direction: 'inbound' });
  assert.equal(mode(after(...ready, told('offered', caller))), 'offered');
  assert.equal(mode(after(...ready, told('offered', caller), told('answered', { ...TALKING, direction: 'inbound' }))), 'talking');
});

test('a consultation is shown while it lasts, and not after it', () => {
  const consulting = (state: 'ringing' | 'talking' | 'cancelled' | 'failed') =>
    a({ ...TALKING, transfer: { ...TRANSFER, state } });
  const shown = (...states: Parameters<typeof consulting>[0][]) =>
    mode(after(...ready, told('answered', TALKING), ...states.map((state) => told('transfer_started', consulting(state)))));
  assert.equal(shown('ringing'), 'consulting');
  assert.equal(shown('ringing', 'talking'), 'consulting');
  assert.equal(shown('ringing', 'cancelled'), 'talking');
  assert.equal(shown('ringing', 'failed'), 'talking');
});

test('a transfer that begins closes the search for its target', () => {
  const began = a({ ...TALKING, transfer: TRANSFER });
  const asked = after(...ready, told('answered', TALKING), { type: 'screen', screen: 'transfer' }, { type: 'query', query: 'ben' });
  assert.deepEqual([asked.screen, asked.query, asked.searching], ['transfer', 'ben', true]);
  const state = reduce(asked, told('transfer_started', began));
  assert.deepEqual([state.screen, state.query, state.searching], ['home', '', false]);
});

test('a snapshot replaces what was believed: a call that ended meanwhile is gone', () => {
  const back = after(...ready, told('answered', TALKING), { type: 'link', link: 'lost' }, snapshot());
  assert.deepEqual([back.link, back.calls.length, mode(back)], ['open', 0, 'idle']);
  assert.equal(current(after(...ready, snapshot(TALKING)))?.id, TALKING.id);
});

test('a wish is pending until the stream tells that it happened', () => {
  const asked = after(...ready, told('answered', TALKING), { type: 'wish', wish: 'mute' });
  assert.deepEqual(asked.pending, ['mute']);
  assert.equal(asked.calls[0]?.muted, false, 'what is not confirmed is not shown');
  const done = after(...ready, told('answered', TALKING), { type: 'wish', wish: 'mute' }, told('muted', { ...TALKING, muted: true }));
  assert.deepEqual([done.pending, done.calls[0]?.muted], [[], true]);
});

test('a late event of a call that has ended brings nothing back', () => {
  const state = after(...ready, told('answered', TALKING), told('ended', ENDED), { type: 'wrappedUp' }, told('muted', ENDED));
  assert.deepEqual([state.calls, state.wrapUp, mode(state)], [[], null, 'idle']);
});

test('a new call ends the notes of the one before', () => {
  const state = after(...ready, told('answered', TALKING), told('ended', ENDED), told('created', a({ id: 'c2' })));
  assert.deepEqual([state.wrapUp, mode(state)], [null, 'dialling']);
});

test('an answer to an older question means nothing', () => {
  const found = { type: 'found', query: 'gra', contacts: [{ id: 'grace', name: 'Grace', numbers: [] }], colleagues: [ANNA] } as const;
  assert.equal(after({ type: 'query', query: 'gra' }, found).found.length, 1);
  const state = after({ type: 'query', query: 'gra' }, { type: 'query', query: 'ada' }, found);
  assert.deepEqual([state.found, state.searching], [[], true]);
});

test('signed out forgets everything of the agent', () => {
  const state = after(...ready, told('answered', TALKING), { type: 'link', link: 'signed_out' });
  assert.deepEqual([mode(state), state.me, state.calls], ['signed_out', null, []]);
});

test('every obstacle says what is wrong, and none is made up', () => {
  assert.equal(obstacle(after(...ready)), null);
  assert.equal(obstacle(after(...ready, { type: 'link', link: 'lost' })), 'service_lost');
  assert.equal(obstacle(after(...ready, { type: 'microphone', microphone: 'refused' })), 'microphone_refused');
  assert.equal(obstacle(after(...ready, { type: 'phone', phone: 'elsewhere' })), 'phone_elsewhere');
  assert.equal(obstacle(after(...ready, { type: 'phone', phone: 'unavailable', reason: 'asterisk_unreachable' })), 'asterisk_unreachable');
  assert.equal(obstacle(after(...ready, { type: 'microphone', microphone: 'refused' }, { type: 'device', device: 'desk' })), null);
});

test('a call can be placed only where a phone is ready', () => {
  assert.equal(canCall(after(...ready)), true);
  assert.equal(canCall(after(...ready, { type: 'phone', phone: 'starting' })), false);
  assert.equal(canCall(after(...ready, { type: 'phone', phone: 'starting' }, { type: 'device', device: 'desk' })), true);
  assert.equal(canCall(after(...ready, { type: 'link', link: 'lost' })), false);
  assert.equal(canCall(after(...ready, told('created', a()))), false);
  assert.equal(canCall(after(...ready, { type: 'wish', wish: 'call' })), false);
  assert.equal(canCall(after(...ready, { type: 'microphone', microphone: 'refused' })), false);
});

test('no action changes the state it is given', () => {
  const state = after(...ready, told('answered', TALKING));
  const frozen = JSON.stringify(state);
  after(...ready, told('answered', TALKING), told('muted', { ...TALKING, muted: true }), told('ended', ENDED));
  assert.equal(JSON.stringify(state), frozen);
});

test('a caller who goes on to the next agent is gone without notes', () => {
  const caller = a({ direction: 'inbound' });
  const state = after(...ready, told('offered', caller), told('offer_ended', caller));
  assert.deepEqual([state.calls, state.wrapUp, mode(state)], [[], null, 'idle']);
});

test('an answer that is older than the stream changes nothing of the call', () => {
  const talking = after(...ready, { type: 'wish', wish: 'call' }, told('created', a()), told('answered', TALKING), { type: 'placed', call: a() });
  assert.deepEqual([mode(talking), talking.pending], ['talking', []]);
  const over = after(...ready, told('created', a()), told('ended', ENDED), { type: 'placed', call: a() });
  assert.equal(mode(over), 'wrap_up');
  assert.equal(mode(after(...ready, { type: 'placed', call: a() })), 'dialling');
});

const BEN = { email: 'ben@example.com', name: 'Ben', extension: '1002' };
const toAnna = (state: 'ringing' | 'talking' | 'completed' | 'cancelled', by = BEN) =>
  a({ ...TALKING, id: 'bens', agent: by, transfer: { ...TRANSFER, to: ANNA.email, agent: { ...ANNA, email: 'Anna@Example.com' }, state } });

test("a colleague's call that is transferred here is shown as that, and is none of her own", () => {
  const offered = after(...ready, told('transfer_started', toAnna('ringing')));
  assert.deepEqual([mode(offered), offered.calls, canCall(offered)], ['handover', [], false]);
  assert.equal(after(...ready, snapshot(toAnna('talking'))).handover?.id, 'bens');
  assert.equal(mode(after(...ready, told('transfer_started', toAnna('ringing')), told('transfer_cancelled', toAnna('cancelled')))), 'idle');
  const hers = a({ ...TALKING, id: 'successor', transferred_from: 'bens' });
  const taken = after(...ready, told('transfer_started', toAnna('talking')), told('created', hers), told('transfer_completed', toAnna('completed')));
  assert.deepEqual([mode(taken), taken.calls.map(({ id }) => id), taken.handover], ['talking', ['successor'], null]);
});

test('the target of her own transfer is no call that comes to her', () => {
  const own = a({ ...TALKING, transfer: { ...TRANSFER, agent: BEN, state: 'talking' } });
  assert.equal(after(...ready, told('answered', TALKING), told('transfer_answered', own)).handover, null);
});

test('a telephone that rings without a call of the service can be answered', () => {
  const rings = after(...ready, { type: 'line', line: 'rings', name: 'Carol' });
  assert.deepEqual([mode(rings), rings.lineName, canCall(rings)], ['idle', 'Carol', false]);
  assert.equal(mode(after(...ready, { type: 'line', line: 'rings', name: 'Carol' }, { type: 'lineAlone' })), 'line');
  const over = after(...ready, { type: 'line', line: 'rings', name: 'Carol' }, { type: 'lineAlone' }, { type: 'line', line: 'idle' });
  assert.deepEqual([mode(over), over.lineName], ['idle', '']);
});

const past = (id: string, disposition: 'answered' | 'missed' | 'abandoned', started_at: string) =>
  ({ id, calls: [id], direction: 'inbound', number: '+442079460011', contact: null, agents: [], disposition, started_at, talk_seconds: 0, notes: null, outcome: null }) as const;
const logged = (entry: ReturnType<typeof past>) => ({ type: 'stream', message: { id: 9, type: 'call.logged', timestamp: entry.started_at, data: entry } }) as const;

test('a call that is logged is in the lists at once, and only once', () => {
  const lists = [{ type: 'recent', recent: [past('old', 'answered', '1')] }, { type: 'missed', missed: [] }] as const;
  const state = after(...ready, ...lists, logged(past('new', 'missed', '2')), logged(past('new', 'missed', '2')), logged(past('talked', 'answered', '3')));
  assert.deepEqual(state.recent?.map(({ id }) => id), ['talked', 'new', 'old']);
  assert.deepEqual(state.missed?.map(({ id }) => id), ['new']);
});

test('missed calls are news until they were looked at', () => {
  const recent = [past('late', 'abandoned', '2026-03-02'), past('early', 'missed', '2026-03-01'), past('talked', 'answered', '2026-03-03')];
  assert.equal(unseen(after({ type: 'recent', recent })), 2);
  assert.equal(unseen(after({ type: 'recent', recent }, { type: 'seen', at: '2026-03-01' })), 1);
});

test('a caller to whom she never talked leaves no notes to be written', () => {
  const caller = a({ direction: 'inbound' });
  const gone = { ...caller, state: 'ended', ended_at: '2026-03-01T09:31:00.000Z', end_reason: 'customer_hangup' } as const;
  assert.equal(mode(after(...ready, told('offered', caller), told('ended', gone))), 'idle');
});

test('what is silent here is fetched: a conversation always, a ring only by a page that has just come', () => {
  const fetched = (call: ReturnType<typeof a>, came: boolean) => silent(after(...ready, told('created', call)), came) !== null;
  assert.deepEqual([fetched(a(TALKING), false), fetched(a({ ...TALKING, held: true }), false)], [true, true]);
  assert.deepEqual([fetched(a(), false), fetched(a(), true)], [false, true]);
  assert.deepEqual([fetched(a({ direction: 'inbound', device: 'desk' }), false), fetched(a({ direction: 'inbound', device: 'desk' }), true)], [false, true]);
  assert.equal(fetched(a({ ...TALKING, device: 'desk' }), true), false);
  assert.equal(fetched(a({ ...TALKING, transfer: TRANSFER }), false), true);
  assert.equal(fetched(a({ ...TALKING, transfer: { ...TRANSFER, mode: 'blind' } }), false), false);
  assert.equal(silent(after(...ready, told('answered', TALKING), { type: 'line', line: 'talks' }), true), null);
});

test('parts of the service that fail are told, and keep her from calling', () => {
  const without = (part: string) => after(...ready, { type: 'failing', parts: [part] });
  assert.deepEqual([obstacle(without('asterisk')), canCall(without('asterisk'))], ['asterisk_unreachable', false]);
  assert.equal(obstacle(without('database')), 'database_unreachable');
  assert.equal(obstacle(after(...ready, { type: 'failing', parts: ['asterisk'] }, { type: 'failing', parts: [] })), null);
  assert.equal(obstacle(after(...ready, { type: 'phone', phone: 'starting', reason: 'slow' })), 'phone_lost');
});

test('what is wrong with the phone stays said while it is tried again', () => {
  const away = { type: 'phone', phone: 'unavailable', reason: 'asterisk_unreachable' } as const;
  const again = { type: 'phone', phone: 'starting' } as const;
  assert.equal(obstacle(after(...ready, away, again)), 'asterisk_unreachable');
  assert.equal(obstacle(after(...ready, again, { ...again, reason: 'slow' }, again)), 'phone_lost');
  assert.equal(obstacle(after(...ready, away, again, { type: 'phone', phone: 'ready' })), null);
});
