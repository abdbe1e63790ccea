// The call log: what goes on now, and everything before, with the API's own filters. They stand in the page's address.

import { api, fetchApi } from './api.js';
import { TYPING, after, el, hint, icon } from './dom.js';
import { drawEntries, drawTrouble, nowCard } from './entry.js';
import { live } from './live.js';
import { DIRECTIONS, DISPOSITIONS } from './words.js';

const PAGE = 50;

const select = (name, label, choices, given) => el(
  'label',
  {},
  el('span', {}, label),
  el('select', { name }, el('option', { value: '' }, 'All'), ...Object.entries(choices).map(([value, text]) => el('option', { value, selected: given === value }, text))),
);
const date = (name, label, given) => el('label', {}, el('span', {}, label), el('input', { type: 'date', name, value: given }));

const filters = (given) => el(
  'form',
  { class: 'filters', role: 'search', 'aria-label': 'Find calls' },
  el('label', { class: 'wide' }, el('span', {}, 'Search'), el('input', { type: 'search', name: 'q', value: given.q, placeholder: 'Name, number or note', autocomplete: 'off' })),
  select('direction', 'Direction', DIRECTIONS, given.direction),
  select('disposition', 'Outcome', DISPOSITIONS, given.disposition),
  date('from', 'From', given.from),
  date('until', 'Until', given.until),
);

/** What the API is asked: days are those of this computer, and the last one is meant with all its hours. */
const asked = ({ from, until, ...rest }) => {
  const midnight = (text, days = 0) => {
    if (!text) return '';
    const [year, month, dayOfMonth] = text.split('-').map(Number);
    return new Date(year, month - 1, dayOfMonth + days).toISOString();
  };
  return { ...rest, from: midnight(from), until: midnight(until, 1) };
};

const save = async (query) => {
  const given = new URLSearchParams(Object.entries(asked(query)).filter(([, value]) => value));
  const csv = await (await fetchApi(`call-log?${given}`, { headers: { Accept: 'text/csv' } })).blob();
  const link = el('a', { href: URL.createObjectURL(csv), download: 'calls.csv' });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

/** `{title, parts, changed, logged}`; `given` is what the address says. */
export const callsPage = async (given) => {
  let query = Object.fromEntries(given);
  let next = null;
  const now = el('div', { class: 'nows' });
  const list = el('ol', { class: 'entries' });
  const more = el('button', { type: 'button', class: 'button more', hidden: true, onclick: () => add().catch((error) => drawTrouble(list, error)) }, 'Show more');
  let calls = [];

  const draw = () => {
    const nobody = Object.values(query).some(Boolean) ? ['No calls found', 'Change or clear the filters.'] : ['No calls yet', 'Calls appear here as they happen.'];
    drawEntries(list, calls, hint(...nobody), { who: true });
    more.hidden = next === null;
  };
  const add = async () => {
    const page = await api('call-log', { ...asked(query), limit: PAGE, cursor: next });
    calls = [...calls, ...page.calls];
    next = page.next;
    draw();
  };
  const load = async () => {
    const wanted = query;
    const page = await api('call-log', { ...asked(query), limit: PAGE });
    if (wanted !== query) return; // changed meanwhile
    calls = page.calls;
    next = page.next;
    draw();
  };
  const changed = () => now.replaceChildren(...[...live.values()].map((each) => nowCard(each, { who: true })));

  const form = filters(query);
  form.onsubmit = (event) => event.preventDefault();
  form.oninput = after(TYPING, () => {
    query = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
    history.replaceState(null, '', `#/calls?${new URLSearchParams(query)}`);
    load().catch((error) => drawTrouble(list, error));
  });
  changed();
  await load();
  return {
    title: 'Calls',
    parts: [
      el('div', { class: 'title' }, el('h1', {}, 'Calls'), el('button', { type: 'button', class: 'button', onclick: () => save(query).catch((error) => drawTrouble(list, error)) }, icon('down'), 'Save as CSV')),
      form,
      now,
      list,
      more,
    ],
    changed,
    logged: load,
  };
};
