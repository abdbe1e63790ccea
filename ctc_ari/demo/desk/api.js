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

/** An answer of the API. Throws an Error that says what is wrong. */
export const fetchApi = async (path, accept = 'application/json') => {
  const ask = () => fetch(new URL(path, `${signedIn.base}/api/v1/`), { headers: { Authorization: `Bearer ${signedIn.session}`, Accept: accept } });
  let answer = await ask();
  if (answer.status === 401) {
    await signIn();
    answer = await ask();
  }
  if (answer.ok) return answer;
  throw Object.assign(new Error((await answer.json().catch(() => ({}))).detail ?? `The service answered ${answer.status}.`), { status: answer.status });
};

/** The JSON at `path`; what is undefined or empty in `query` is left out. */
export const api = async (path, query = {}) => {
  const given = Object.entries(query).filter(([, value]) => value);
  return (await fetchApi(given.length ? `${path}?${new URLSearchParams(given)}` : path)).json();
};
