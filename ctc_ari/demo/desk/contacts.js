// The list of contacts: searched by the service, by name, company or a part of a number.

import { api } from './api.js';
import { TYPING, after, el, face, find, hint } from './dom.js';
import { liveWith, state } from './live.js';
import { readable } from './words.js';

let shown = [];
let chosen = null;

const row = (contact) => {
  const [now] = liveWith(contact);
  return el(
    'li',
    {},
    el(
      'a',
      { href: `#/contacts/${encodeURIComponent(contact.id)}`, 'aria-current': contact.id === chosen && 'page' },
      face(contact.name),
      el('span', { class: 'who' }, el('span', { class: 'strong' }, contact.name), el('span', { class: 'soft' }, contact.company ?? readable(contact.numbers[0]?.number ?? ''))),
      now && now.call.state !== 'ended' && el('span', { class: 'pulse', role: 'img', 'aria-label': state(now.call) }),
    ),
  );
};

const nobody = () => hint('Nobody found', 'Try the beginning of a name, or a few digits.');

const draw = () => {
  const focused = document.activeElement?.closest('#contacts a')?.hash;
  find('#contacts').replaceChildren(...(shown.length ? shown.map(row) : [el('li', {}, nobody())]));
  if (focused) find(`#contacts a[href="${CSS.escape(focused)}"]`)?.focus();
};

const search = async () => {
  const q = find('#search').value.trim();
  const { contacts } = await api('contacts', { q, limit: 100 });
  if (q !== find('#search').value.trim()) return; // typed on meanwhile
  shown = contacts;
  draw();
};

const trouble = ({ message }) => find('#contacts').replaceChildren(el('li', { role: 'alert' }, hint('The contacts cannot be searched', message)));

/** Fills the list. */
export const startList = async () => {
  find('#list').replaceChildren(
    el('h1', { class: 'narrow-title' }, 'Contacts'),
    el('input', { id: 'search', type: 'search', placeholder: 'Search name, company, number', 'aria-label': 'Search contacts', autocomplete: 'off', oninput: after(TYPING, () => search().catch(trouble)) }),
    el('ul', { id: 'contacts' }),
  );
  addEventListener('desk:calls', draw);
  addEventListener('desk:contacts', () => search().catch(trouble));
  await search();
};

/** Marks the contact whose page is open. */
export const choose = (id) => {
  chosen = id;
  draw();
};
