import type { Api } from './api.ts';
import { Problem } from './api.ts';
import { readJson, write } from './memory.ts';

interface Note {
  readonly notes: string | null;
  readonly outcome: string | null;
  /** Milliseconds since 1970. */
  readonly at: number;
}

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
/** A call that is not in the log by then never will be. */
const KEPT_MS = 24 * 3600 * 1000;

/**
 * Notes on their way into the call log. A call comes into the log when its last part has ended, which after a transfer is later than
 * the agent's own end; and the service may be away. So they are kept by the browser until the log has taken them.
 */
export class Notes {
  readonly #key: string;
  readonly #api: Api;
  readonly #left: (count: number) => void;
  readonly #refused: (error: unknown) => void;
  #retry = FIRST_RETRY_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending = false;

  constructor(key: string, api: Api, left: (count: number) => void, refused: (error: unknown) => void) {
    this.#key = key;
    this.#api = api;
    this.#left = left;
    this.#refused = refused;
  }

  add(call: string, notes: string | null, outcome: string | null): Promise<void> {
    this.#write({ ...this.#read(), [call]: { notes, outcome, at: Date.now() } });
    return this.send();
  }

  /** Try now: the service is back, or a call has just been logged. */
  async send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    clearTimeout(this.#timer);
    try {
      for (const [call, note] of Object.entries(this.#read())) await this.#sendOne(call, note);
    } finally {
      this.#sending = false;
    }
    const count = Object.keys(this.#read()).length;
    this.#left(count);
    if (count === 0) this.#retry = FIRST_RETRY_MS;
    else this.#timer = setTimeout(() => void this.send(), (this.#retry = Math.min(this.#retry * 2, LAST_RETRY_MS)));
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #sendOne(call: string, note: Note): Promise<void> {
    try {
      await this.#api.annotate(call, note.notes, note.outcome);
    } catch (error) {
      const later = error instanceof Problem && (error.status === 0 || error.status === 401 || error.status === 404 || error.status === 429 || error.status >= 500);
      if (later && Date.now() - note.at < KEPT_MS) return;
      this.#refused(error);
    }
    const { [call]: _, ...others } = this.#read();
    this.#write(others);
  }

  #read(): Readonly<Record<string, Note>> {
    return readJson<Record<string, Note>>(this.#key) ?? {};
  }

  #write(kept: Readonly<Record<string, Note>>): void {
    write(this.#key, Object.keys(kept).length > 0 ? JSON.stringify(kept) : '');
  }
}
