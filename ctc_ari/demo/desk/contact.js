// One contact's page, or that of a number which nobody has: numbers that call with a click, the call that goes on, earlier calls.

import { api } from './api.js';
import { el, face, hint, icon } from './dom.js';
import { drawEntries, nowCard } from './entry.js';
import { liveWith } from './live.js';
import { readable } from './words.js';

/** `data-ctc-number` is all that the panel needs (docs/panel.md). */
const callButton = ({ number, label }, contact) => el(
  'button',
  { type: 'button', class: 'call', 'data-ctc-number': number, 'data-ctc-contact': contact?.id },
  icon('phone'),
  el('span', { class: 'sr' }, 'Call '),
  el('span', {}, el('span', { class: 'strong' }, readable(number)), el('span', { class: 'soft' }, label ?? 'Call')),
);

const head = (name, below, numbers, contact) => el(
  'header',
  { class: 'head' },
  el('a', { class: 'round back', href: '#/contacts', 'aria-label': 'Back to all contacts' }, icon('back')),
  face(contact?.name),
  el('div', {}, el('h1', {}, name), el('p', { class: 'soft' }, ...below)),
  el('div', { class: 'numbers' }, ...numbers.map((each) => callButton(each, contact))),
);

/** What the CRM keeps of a contact besides; in the demo, what its simulated customer does. */
const details = (external) => Object.entries(external).map(([key, value]) => el('p', { class: 'detail' }, el('span', { class: 'chip' }, key), ` ${value}`));

const NOTHING_YET = ['No calls yet', 'Click a number: this computer is your phone. Allow the microphone when the browser asks.'];

const calls = async (query, who) => {
  const now = el('div', { class: 'nows' });
  const past = el('ol', { class: 'entries' });
  const drawNow = () => now.replaceChildren(...liveWith(who).map((each) => nowCard(each)));
  const drawPast = async () => {
    const found = await api('call-log', { ...query, limit: 50 });
    drawEntries(past, found.calls, hint(...NOTHING_YET));
  };
  drawNow();
  await drawPast();
  return { parts: [el('h2', {}, 'Calls'), now, past], drawNow, drawPast };
};

/** The page of a contact: `{title, parts, changed, logged}`. */
export const contactPage = async (id) => {
  const contact = await api(`contacts/${encodeURIComponent(id)}`);
  const history = await calls({ contact: id }, contact);
  const below = [contact.company, contact.email].filter(Boolean).join(' · ');
  return {
    title: contact.name,
    parts: [head(contact.name, [below], contact.numbers, contact), ...details(contact.external), ...history.parts],
    changed: history.drawNow,
    logged: history.drawPast,
  };
};

/** The page of somebody who is nobody's contact yet. */
export const numberPage = async (number) => {
  const history = await calls({ number }, { number });
  return {
    title: readable(number),
    parts: [head(readable(number), ['Not among your contacts'], [{ number }]), ...history.parts],
    changed: history.drawNow,
    logged: history.drawPast,
  };
};
