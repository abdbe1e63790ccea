// A CRM in one file: it shows contacts from the public API, and embeds the panel as any CRM would.

const find = (selector) => document.querySelector(selector);
const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children); // text stays text, whatever it contains
  return element;
};

// 1. The CRM's own server trades its token for a session of the agent who is signed in.
const { base_url: base, session } = await (await fetch('session', { method: 'POST' })).json();

const api = async (path) => {
  const answer = await fetch(`${base}/api/v1/${path}`, { headers: { Authorization: `Bearer ${session}` } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
};

// 2. One script, one element.
const panel = find('ctc-panel');
try {
  const { clickToCall } = await import(`${base}/panel/ctc-panel.js`);
  panel.setAttribute('base-url', `${base}/`);
  panel.setAttribute('session', session);
  clickToCall(panel);
} catch {
  find('#trouble').textContent = 'The panel was not built: stop the demo, run `make panel` where npm can be reached, and start again.';
  find('#trouble').hidden = false;
}

// 3. The contacts, and the one that is looked at.
let contacts = [];
let chosen = null;

const list = () => {
  const wanted = find('#search').value.trim().toLowerCase();
  const shown = contacts.filter(({ name, numbers }) => `${name} ${numbers.map(({ number }) => number).join(' ')}`.toLowerCase().includes(wanted));
  find('#contacts').replaceChildren(
    ...shown.map((contact) => {
      const button = make('button', { type: 'button', onclick: () => open(contact.id) }, contact.name);
      if (contact.id === chosen) button.setAttribute('aria-current', 'true');
      return make('li', {}, button);
    }),
  );
};

const open = async (id) => {
  chosen = id;
  list();
  const contact = contacts.find((each) => each.id === id) ?? (await api(`contacts/${encodeURIComponent(id)}`));
  const numbers = contact.numbers.map(({ number, label }) => {
    const button = make('button', { type: 'button' }, label ? `${number} · ${label}` : number);
    Object.assign(button.dataset, { ctcNumber: number, ctcContact: contact.id });
    return button;
  });
  find('#profile').replaceChildren(
    make('h2', {}, contact.name),
    ...(contact.company ? [make('p', { className: 'soft' }, contact.company)] : []),
    make('div', { className: 'numbers' }, ...numbers),
    ...(await history(contact)),
  );
};

const history = async ({ id }) => {
  const page = await api(`call-log?limit=10&contact=${encodeURIComponent(id)}`).catch(() => null);
  const calls = page?.calls ?? page?.entries ?? [];
  if (calls.length === 0) return [];
  const lines = calls.map((call) => make('li', {}, time(call.started_at ?? call.created_at), `${call.direction}, ${call.disposition ?? call.end_reason ?? ''}`));
  return [make('h2', {}, 'Calls'), make('ol', { id: 'history' }, ...lines)];
};

const time = (iso) => make('time', { dateTime: iso }, new Date(iso).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' }));

find('#search').oninput = list;
contacts = (await api('contacts?limit=200').catch(() => ({ contacts: [] }))).contacts;
list();

// 4. The panel tells what happens; a caller's profile opens by itself (screen pop).
const WORDS = {
  'call-started': 'is being called',
  'call-offered': 'calls',
  'call-answered': 'is on the line',
  'call-held': 'is on hold',
  'call-resumed': 'is back on the line',
  'call-transfer-completed': 'was transferred',
  'call-ended': 'ended',
};
const tell = (name, { call }) => {
  find('#activity .hint')?.remove();
  const who = call.contact?.name ?? call.number;
  find('#activity').prepend(make('li', {}, time(new Date().toISOString()), `${who} ${WORDS[name]}${name === 'call-ended' ? `: ${call.end_reason.replaceAll('_', ' ')}` : ''}`));
};
for (const name of Object.keys(WORDS)) addEventListener(`ctc:${name}`, ({ detail }) => tell(name, detail));
addEventListener('ctc:call-offered', ({ detail: { call } }) => call.contact && open(call.contact.id));
addEventListener('ctc:call-logged', ({ detail: { call } }) => call.contact?.id === chosen && open(chosen));
addEventListener('ctc:session-needed', () => location.reload(), { once: true });
