// What is there before anything was chosen: what goes on, and what was last.

import { api } from './api.js';
import { el, hint } from './dom.js';
import { drawEntries, nowCard } from './entry.js';
import { live } from './live.js';

/** `{parts, changed, logged}`. */
export const homePage = async ({ name, email }) => {
  const now = el('div', { class: 'nows' });
  const last = el('ol', { class: 'entries' });
  const changed = () => now.replaceChildren(...[...live.values()].map((each) => nowCard(each, { who: true })));
  const logged = async () => {
    const { calls } = await api('call-log', { limit: 8 });
    drawEntries(last, calls, hint('No calls yet', 'They appear here as they happen.'), { who: true });
  };
  changed();
  await logged();
  const hello = el('div', { class: 'welcome' }, el('h1', {}, `Hello, ${name || email}`),
    el('p', {}, 'Choose a contact and click the number, or let a customer call you. This computer is your phone: allow the microphone when the browser asks.'));
  return { parts: [hello, el('h2', {}, 'Latest calls'), now, last], changed, logged };
};
