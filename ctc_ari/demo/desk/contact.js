// One contact's page, or that of a number which nobody has: numbers that call with a click, the call that goes on, earlier calls.

import { api, change, createContact } from './api.js';
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
  let earlier = [];
  const now = el('div', { class: 'nows' });
  const past = el('ol', { class: 'entries' });
  const drawNow = () => now.replaceChildren(...liveWith(who).map((each) => nowCard(each)));
  const drawPast = async () => {
    earlier = (await api('call-log', { ...query, limit: 50 })).calls;
    drawEntries(past, earlier, hint(...NOTHING_YET));
  };
  drawNow();
  await drawPast();
  return { parts: [el('h2', {}, 'Calls'), now, past], drawNow, drawPast, earlier: () => earlier };
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

/** Makes a contact of a number; the calls it had belong to the contact from then on. */
const saveForm = (number, earlier) => {
  const wrong = el('p', { class: 'trouble', role: 'alert', hidden: true });
  const name = el('input', { name: 'name', required: true, maxlength: 200, placeholder: 'Name', 'aria-label': 'Name of the new contact', autocomplete: 'off' });
  const form = el('form', { class: 'save' }, name, el('button', { class: 'button' }, 'Save as contact'), wrong);
  form.onsubmit = async (event) => {
    event.preventDefault();
    try {
      const { id } = await createContact({ name: name.value.trim(), numbers: [number] });
      await Promise.all(earlier().filter(({ contact }) => !contact).map((call) => change(`call-log/${call.id}`, { contact_id: id })));
      dispatchEvent(new Event('desk:contacts'));
      location.hash = `#/contacts/${encodeURIComponent(id)}`;
    } catch ({ message }) {
      wrong.textContent = message;
      wrong.hidden = false;
    }
  };
  return form;
};

/** The page of somebody who is nobody's contact yet. */
export const numberPage = async (number) => {
  const history = await calls({ number }, { numbers: [{ number }] });
  return {
    title: readable(number),
    parts: [head(readable(number), ['Not among your contacts'], [{ number }]), saveForm(number, history.earlier), ...history.parts],
    changed: history.drawNow,
    logged: history.drawPast,
  };
};
