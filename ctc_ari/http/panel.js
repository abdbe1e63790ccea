// The panel in a window of its own. Whoever opened it hands the session over; it is in no address and no log.
import './ctc-panel.js';

const panel = document.querySelector('ctc-panel');
/** The page that gave us the session: only it is told what happens. */
let crm = null;

addEventListener('message', ({ source, origin, data }) => {
  if (source === null || source !== window.opener || data?.type !== 'ctc:session') return;
  crm = origin;
  for (const name of ['lang', 'theme']) if (data[name]) panel.setAttribute(name, data[name]);
  panel.setAttribute('session', data.session);
});
addEventListener('ctc:event', ({ detail: { name, detail } }) => {
  if (crm) window.opener?.postMessage({ type: 'ctc:event', name, detail }, crm);
});
// Nothing secret is said here.
window.opener?.postMessage({ type: 'ctc:window-ready' }, '*');
