// A small CRM with the panel in it. It knows the service by its public API and the panel's documented events alone;
// what makes it a demo stands in simulation.js.

import { api, signIn } from './api.js';
import { callsPage } from './calls.js';
import { contactPage, numberPage } from './contact.js';
import { choose, startList } from './contacts.js';
import { after, find, hint } from './dom.js';
import { pageOf } from './entry.js';
import { homePage } from './home.js';
import { compare, live, ringsHere, watch } from './live.js';
import { offerCallers, offerDesks } from './simulation.js';
import { nameOf, wasMissed } from './words.js';

const panel = find('ctc-panel');
let me;

const complain = (text) => {
  find('#trouble').textContent = text;
  find('#trouble').hidden = !text;
};

// 1. The panel: one script, one element, and a session from the CRM's own server.
const embed = async ({ base, session }) => {
  const { clickToCall } = await import(`${base}/panel/ctc-panel.js`);
  panel.setAttribute('base-url', `${base}/`);
  panel.setAttribute('session', session);
  clickToCall(panel);
  addEventListener('ctc:session-needed', async () => panel.setAttribute('session', (await signIn()).session));
};

// 2. Pages: what stands behind the # says which one.
const PAGES = [
  { kind: 'contact', address: /^#\/contacts\/(.+)$/, open: (id) => contactPage(decodeURIComponent(id)) },
  { kind: 'contact', address: /^#\/numbers\/(.+)$/, open: (number) => numberPage(decodeURIComponent(number)) },
  { kind: 'calls', address: /^#\/calls(?:\?(.*))?$/, open: (query) => callsPage(new URLSearchParams(query)) },
  { kind: 'contacts', address: /^/, open: () => homePage(me.agent) },
];
let page = null;
let visits = 0;

const show = async () => {
  visits += 1;
  const visit = visits;
  const { kind, address, open } = PAGES.find((each) => each.address.test(location.hash));
  const [, argument] = address.exec(location.hash);
  document.body.dataset.page = kind;
  choose(/^#\/contacts\//.test(location.hash) ? decodeURIComponent(argument) : null);
  for (const link of document.querySelectorAll('nav a')) link.ariaCurrent = (kind === 'calls') === (link.hash === '#/calls') ? 'page' : null;
  if (kind === 'calls') missed(0);
  const made = await open(argument).catch(({ message }) => ({ parts: [hint('This cannot be shown', message)] }));
  if (visit !== visits) return; // somebody went on meanwhile
  page = made;
  document.title = made.title ? `${made.title} · Reference desk` : 'Reference desk';
  find('#page').replaceChildren(...made.parts);
  find('#page').scrollTop = 0;
};

// 3. On a small screen the phone is a page of its own, which opens when there is something to do.
const showPhone = (open) => {
  document.body.toggleAttribute('data-phone', open);
  find('#to-phone').setAttribute('aria-pressed', String(open));
};
find('#to-phone').onclick = () => showPhone(!document.body.hasAttribute('data-phone'));
for (const link of document.querySelectorAll('nav a')) link.addEventListener('click', () => showPhone(false));

// 4. What happens on the phone: a caller's page opens by itself (screen pop), pages follow, missed calls are counted.
let unseen = 0;
const missed = (count) => {
  unseen = count;
  find('#missed').textContent = count ? `${count} missed` : '';
  find('#missed').hidden = count === 0;
};
const refresh = () => page?.logged?.().catch(() => {});
const again = after(1000, () => (live.size === 0 ? refresh() : compare().catch(() => {})));
const say = (text) => {
  find('#news').textContent = text;
};

for (const name of ['call-offered', 'call-transfer-started', 'transfer-offered']) {
  addEventListener(`ctc:${name}`, ({ detail: { call } }) => {
    if (!ringsHere(call)) return;
    if (call.contact || call.number) location.hash = pageOf(call);
    say(`${nameOf(call)} calls.`);
    showPhone(true);
  });
}
addEventListener('ctc:call-started', () => showPhone(true));
addEventListener('ctc:call-logged', ({ detail: { call } }) => {
  again();
  refresh();
  if (!wasMissed(call)) return;
  say(`Missed call from ${nameOf(call)}.`);
  if (document.body.dataset.page !== 'calls') missed(unseen + 1);
});
// The panel does not say when notes are saved: look again a moment after a call, and after a click in the panel.
panel.addEventListener('click', again);
addEventListener('ctc:ready', refresh);
addEventListener('desk:calls', () => page?.changed?.());
addEventListener('hashchange', show);

// 5. Start.
try {
  me = await signIn();
  offerDesks((await api('agents', { limit: 50 })).agents, me.agent);
  await startList();
  await watch(me.agent);
  await show();
  await offerCallers(me.simulated_carrier, me.agent, complain);
  await embed(me).catch(() => complain('The panel was not built: stop the demo, run `make panel` where npm can be reached, and start again.'));
} catch ({ message }) {
  complain(message);
}
