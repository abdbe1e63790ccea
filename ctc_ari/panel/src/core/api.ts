import type { Agent, Call, Contact, Device, LogEntry, Me, SipTicket, Transfer, TransferMode } from './model.ts';

/** An answer that is not a success (RFC 9457), or `unreachable` when there was none. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

const TIMEOUT_MS = 10_000;

/** The REST API for one session. */
export class Api {
  readonly base: URL;
  readonly session: string;

  constructor(base: URL, session: string) {
    this.base = base;
    this.session = session;
  }

  me = (): Promise<Me> => this.#send('GET', 'sessions/current');
  ticket = (): Promise<SipTicket> => this.#send('POST', 'sip-tickets');

  call(email: string, device: Device, to: { to?: string; contact_id?: string }, key: string): Promise<Call> {
    return this.#send('POST', 'calls', { email, device, ...to }, { 'Idempotency-Key': key });
  }

  hangUp = (id: string): Promise<void> => this.#send('DELETE', `calls/${id}`);
  set = (id: string, what: 'mute' | 'hold' | 'recording', on: boolean): Promise<void> => this.#send(on ? 'PUT' : 'DELETE', `calls/${id}/${what}`);
  dtmf = (id: string, digits: string): Promise<void> => this.#send('POST', `calls/${id}/dtmf`, { digits });
  device = (id: string, device: Device, again = false): Promise<void> => this.#send('POST', `calls/${id}/device`, { device, again });
  transfer = (id: string, to: string, mode: TransferMode): Promise<Transfer> => this.#send('POST', `calls/${id}/transfers`, { to, mode });
  complete = (id: string, transfer: string): Promise<void> => this.#send('POST', `calls/${id}/transfers/${transfer}/complete`);
  swap = (id: string, transfer: string): Promise<void> => this.#send('POST', `calls/${id}/transfers/${transfer}/swap`);
  cancel = (id: string, transfer: string): Promise<void> => this.#send('DELETE', `calls/${id}/transfers/${transfer}`);
  annotate = (id: string, notes: string | null, outcome: string | null): Promise<LogEntry> => this.#send('PATCH', `call-log/${id}`, { notes, outcome });

  async contacts(query: string): Promise<readonly Contact[]> {
    return (await this.#send<{ contacts: Contact[] }>('GET', `contacts?limit=8&q=${encodeURIComponent(query)}`)).contacts;
  }

  /** Everybody without a query. */
  async agents(query: string): Promise<readonly Agent[]> {
    const wanted = query && `&q=${encodeURIComponent(query)}`;
    return (await this.#send<{ agents: Agent[] }>('GET', `agents?limit=6${wanted}`)).agents;
  }

  /** The newest calls; with `disposition` only those. */
  async log(limit: number, disposition = ''): Promise<readonly LogEntry[]> {
    return (await this.#send<{ calls: LogEntry[] }>('GET', `call-log?limit=${limit}${disposition && `&disposition=${disposition}`}`)).calls;
  }

  /** Which parts of the service do not work; empty: all is well. */
  async failing(): Promise<readonly string[]> {
    const response = await fetch(new URL('readyz', this.base), { credentials: 'omit', signal: AbortSignal.timeout(TIMEOUT_MS) });
    const { parts } = (await response.json()) as { parts: Readonly<Record<string, string>> };
    return Object.keys(parts).filter((part) => parts[part] !== 'ok');
  }

  async #send<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    let response: Response;
    try {
      response = await fetch(new URL(`api/v1/${path}`, this.base), {
        method,
        headers: { Authorization: `Bearer ${this.session}`, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
        body: body === undefined ? null : JSON.stringify(body),
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch {
      throw new Problem(0, 'unreachable', '');
    }
    if (!response.ok) {
      const problem = (await response.json().catch(() => ({}))) as { code?: string; detail?: string };
      throw new Problem(response.status, problem.code ?? 'unreachable', problem.detail ?? '');
    }
    return (response.status === 204 ? undefined : await response.json()) as T;
  }
}
