// Not for your CRM: has the demo's simulated carrier send a call, because there is no real one. A real customer just calls.

import { el, face, find, hint, icon } from './dom.js';
import { readable } from './words.js';

/** Offers a customer's call to this agent, where there is a simulated carrier. */
export const offerCallers = async (carrier, agent, complain) => {
  if (!carrier) return;
  const callers = await (await fetch(`${carrier}/callers`)).json();
  const menu = find('#callers');
  const call = async (number) => {
    menu.hidePopover();
    const answer = await fetch(`${carrier}/calls?${new URLSearchParams({ from: number, agent: agent.email })}`, { method: 'POST' }).catch(() => null);
    if (!answer?.ok) complain('The simulated carrier could not place the call.');
  };
  menu.querySelector('ul').replaceChildren(
    ...callers.map(({ number, name, does }) => el('li', {}, el('button', { type: 'button', onclick: () => call(number) },
      face(name), el('span', { class: 'who' }, el('span', { class: 'strong' }, name ?? readable(number)), el('span', { class: 'soft' }, does))))),
  );
  find('#simulate').hidden = false;
};

/** The other agents' desks. A real CRM has a login here. */
export const offerDesks = (agents, me) => {
  const others = agents.filter(({ email }) => email !== me.email);
  find('#me').replaceChildren(face(me.name), el('span', { class: 'sr' }, 'Signed in as '), el('span', { class: 'name' }, me.name), icon('more'));
  find('#people ul').replaceChildren(
    ...(others.length ? others.map(({ name, email, extension }) => el('li', {}, el('a', { href: `?agent=${encodeURIComponent(email)}`, target: '_blank' },
      face(name), el('span', { class: 'who' }, el('span', { class: 'strong' }, name), el('span', { class: 'soft' }, `Extension ${extension}`))))) : [el('li', {}, hint('Nobody else works here'))]),
  );
};
