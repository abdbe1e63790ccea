// A CRM's page: the service's address and the session come from the CRM's own server, here from the query.
const query = new URLSearchParams(location.search);
const panel = document.querySelector('ctc-panel');
for (const name of ['base-url', 'session', 'lang', 'theme']) if (query.has(name)) panel.setAttribute(name, query.get(name));
window.heard = [];
const names = ['ready', 'call-started', 'call-offered', 'transfer-offered', 'call-answered', 'call-ended', 'problem', 'session-needed'];
for (const name of names) addEventListener(`ctc:${name}`, ({ detail }) => window.heard.push([name, detail]));
const { clickToCall } = await import(`${query.get('base-url')}panel/ctc-panel.js`);
clickToCall(panel, document.body, { text: true });
