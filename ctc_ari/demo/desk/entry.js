// One call as a line: how it went, who had it, what was noted, and its recordings.

import { fetchApi } from './api.js';
import { el, find, hint, icon } from './dom.js';
import { live, ringsHere, state } from './live.js';
import { DIRECTIONS, DISPOSITIONS, clock, day, duration, nameOf, readable, wasMissed } from './words.js';

const SYMBOLS = { outbound: 'out', inbound: 'in', internal: 'people' };

const sign = (call) => el('span', { class: 'sign', 'data-kind': wasMissed(call) ? 'missed' : call.disposition }, icon(wasMissed(call) ? 'missed' : SYMBOLS[call.direction]));

/** A recording comes with the session's own right to hear it, so the browser cannot fetch it by itself. */
const recording = (path, number) => {
  const button = el('button', { type: 'button', class: 'button small', onclick: async () => {
    button.disabled = true;
    try {
      const sound = URL.createObjectURL(await (await fetchApi(path)).blob());
      const player = el('audio', { controls: true, src: sound, 'aria-label': `Recording ${number}` });
      button.replaceWith(player);
      await player.play();
    } catch (error) {
      button.replaceWith(el('span', { class: 'soft' }, error.status === 404 ? 'The recording is no longer kept.' : error.message));
    }
  } }, icon('play'), `Play recording${number > 1 ? ` ${number}` : ''}`);
  return button;
};

const facts = (call, { who }) => [
  who && (call.contact ? readable(call.number) : null),
  DIRECTIONS[call.direction],
  call.disposition === 'answered' ? duration(call.talk_seconds) : who && DISPOSITIONS[call.disposition],
  call.agents.map(({ name, email }) => name || email).join(', '),
].filter(Boolean);

/** A row of the call log. With `who`, it says with whom; on a contact's own page everybody knows. */
const entry = (call, { who = false } = {}) => el(
  'li',
  { class: 'entry', 'data-call': call.id },
  sign(call),
  el(
    'div',
    { class: 'what' },
    el('p', { class: 'strong' }, who ? page(call) : DISPOSITIONS[call.disposition]),
    el('p', { class: 'soft' }, facts(call, { who }).join(' · ')),
    ...call.transfers.map((transfer) => el('p', { class: 'soft' }, icon('transfer'), ` ${handed(transfer)}`)),
    call.notes && el('p', { class: 'note' }, icon('note'), ` ${call.notes}`),
    call.outcome && el('p', {}, el('span', { class: 'chip' }, call.outcome.replaceAll('_', ' '))),
    call.recordings.length > 0 && el('div', { class: 'recordings' }, ...call.recordings.map((path, place) => recording(path, place + 1))),
  ),
  el('time', { datetime: call.started_at, title: new Date(call.started_at).toLocaleString() }, clock(call.started_at)),
  who && call.number.startsWith('+') && el('button', { type: 'button', class: 'round', 'data-ctc-number': call.number, 'data-ctc-contact': call.contact?.id, 'aria-label': `Call ${nameOf(call)}` }, icon('phone')),
);

const page = (call) => (call.contact || call.number ? el('a', { href: pageOf(call) }, nameOf(call)) : nameOf(call));

/** Where more about whoever it was can be read. */
export const pageOf = ({ contact, number }) => (contact ? `#/contacts/${encodeURIComponent(contact.id)}` : `#/numbers/${encodeURIComponent(number)}`);

const OUTCOMES = { completed: 'Transferred to', cancelled: 'Asked, and took back from', failed: 'Could not be transferred to' };
const handed = ({ state: outcome, to, agent }) => `${OUTCOMES[outcome]} ${agent?.name || to}`;

const drawn = new WeakMap();

/** Fills the list, with a heading for each day, and with `nothing` if there is none; rows that are as they were stay, and play on. */
export const drawEntries = (list, calls, nothing, options) => {
  const wanted = calls.map(({ quality, ...shown }) => JSON.stringify(shown)); // the quality comes seconds later, and is not shown
  const before = drawn.get(list) ?? new Map();
  if (calls.length && before.size === calls.length && wanted.every((each) => before.has(each))) return;
  const rows = new Map(wanted.map((each, place) => [each, before.get(each) ?? entry(calls[place], options)]));
  drawn.set(list, rows);
  const headed = calls.flatMap(({ started_at }, place) => {
    const heading = day(started_at);
    const row = rows.get(wanted[place]);
    return place && heading === day(calls[place - 1].started_at) ? [row] : [el('li', { class: 'day' }, heading), row];
  });
  list.replaceChildren(...(calls.length ? headed : [el('li', { class: 'first' }, nothing)]));
};

/** Says in the list why it cannot be filled. */
export const drawTrouble = (list, { message }) => {
  drawn.delete(list);
  list.replaceChildren(el('li', { role: 'alert' }, hint('The calls cannot be shown', message)));
};

/** A call that goes on. */
export const nowCard = ({ call, steps }, { who = false } = {}) => el(
  'article',
  { class: 'now', 'data-live': call.id, 'data-state': call.state, 'aria-label': `${nameOf(call)}: ${state(call)}` },
  el(
    'p',
    { class: 'strong' },
    el('span', { class: 'pulse' }),
    el('span', {}, who && page(call), who && ' · ', state(call)),
    ringsHere(call) && el('button', { type: 'button', class: 'button small answer', onclick: () => find('ctc-panel').answer() }, icon('phone'), 'Answer'),
    call.answered_at && call.state !== 'ended' && el('span', { class: 'since', 'data-since': call.answered_at }, duration((Date.now() - Date.parse(call.answered_at)) / 1000)),
  ),
  el('ol', {}, ...steps.map(({ at, text }) => el('li', {}, el('time', { datetime: at }, clock(at, true)), text))),
);

setInterval(() => {
  if (live.size === 0) return;
  for (const each of document.querySelectorAll('[data-since]')) each.textContent = duration((Date.now() - Date.parse(each.dataset.since)) / 1000);
}, 1000);
