// The service's public API (its /docs describes it), for the agent who is signed in.

let signedIn;

/** The CRM's own server knows who is signed in, and trades its token for her session; sessions end after 12 hours. */
export const signIn = async () => {
  const answer = await fetch(`session${location.search}`, { method: 'POST' }).catch(() => null);
  const body = (await answer?.json().catch(() => null)) ?? {};
  if (!answer?.ok) throw new Error(body.detail ?? 'The desk’s own server does not answer: is the demo still running?');
  signedIn = body;
  return signedIn;
};

const UNREACHABLE = 'The telephone service cannot be reached.';

/** The answer, if it is a good one. Throws an Error that says what is wrong. */
const checked = async (answer) => {
  if (answer.ok) return answer;
  throw Object.assign(new Error((await answer.json().catch(() => ({}))).detail ?? `The service answered ${answer.status}.`), { status: answer.status });
};

/** An answer of the API; `options` as for `fetch`. Throws an Error that says what is wrong. */
export const fetchApi = async (path, { headers, ...options } = {}) => {
  const ask = () => fetch(new URL(path, `${signedIn.base}/api/v1/`), { ...options, headers: { Authorization: `Bearer ${signedIn.session}`, ...headers } }).catch(() => {
    throw new Error(UNREACHABLE);
  });
  const answer = await ask();
  if (answer.status !== 401) return checked(answer);
  await signIn();
  return checked(await ask());
};

/** The JSON at `path`; what is undefined or empty in `query` is left out. */
export const api = async (path, query = {}) => {
  const given = Object.entries(query).filter(([, value]) => value);
  return (await fetchApi(given.length ? `${path}?${new URLSearchParams(given)}` : path)).json();
};

const written = (method, body) => ({ method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/** Changes what the agent may change herself: notes, outcome or contact of a call. */
export const change = async (path, changes) => (await fetchApi(path, written('PATCH', changes))).json();

/** A new contact, through the CRM's server: contacts are the CRM's, not the agent's. */
export const createContact = async (contact) => (await checked(await fetch('contacts', written('POST', contact)).catch(() => {
  throw new Error(UNREACHABLE);
}))).json();
