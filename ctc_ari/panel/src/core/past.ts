import type { Api } from './api.ts';
import { read, readJson, write } from './memory.ts';
import type { Call, LogEntry } from './model.ts';
import { Notes } from './notes.ts';
import type { Action } from './reducer.ts';
import type { State } from './state.ts';
import type { Store } from './store.ts';

const RECENT = 30;
const MISSED = 20;

/** What this tab, or this browser, remembers. */
const WRAP_UP = 'ctc-panel.wrap-up';
const SEEN = 'ctc-panel.seen';

interface WrapUp {
  readonly call: Call;
  readonly notes: State['notes'];
}

/** One agent's calls that are over: the lists, the notes, and which missed calls she has seen. */
export class Past {
  readonly #email: string;
  readonly #api: Api;
  readonly #store: Store;
  readonly #dispatch: (action: Action) => void;
  readonly #notes: Notes;

  constructor(name: string, email: string, api: Api, store: Store, dispatch: (action: Action) => void, refused: (error: unknown) => void) {
    this.#email = email;
    this.#api = api;
    this.#store = store;
    this.#dispatch = dispatch;
    this.#notes = new Notes(`${name} notes`, api, (count) => dispatch({ type: 'unsaved', count }), refused);
  }

  open(): void {
    this.#dispatch({ type: 'seen', at: read(`${SEEN} ${this.#email}`) });
    const left = readJson<WrapUp>(WRAP_UP, true);
    if (left?.call.agent.email === this.#email) this.#dispatch({ type: 'wrapUp', ...left });
    this.catchUp();
  }

  /** The service is there, or there again: calls may have been logged meanwhile. */
  catchUp(): void {
    this.#send();
    void this.#refresh();
  }

  close(): void {
    this.#notes.close();
  }

  save(call: string, { text, outcome }: State['notes']): void {
    void this.#notes.add(call, text.trim() || null, outcome);
  }

  /** Notes that are being written outlive a page that is reloaded. */
  follow({ link, wrapUp, notes }: State, before: State): void {
    if (link === 'signed_out' || (wrapUp === before.wrapUp && notes === before.notes)) return;
    write(WRAP_UP, wrapUp ? JSON.stringify({ call: wrapUp, notes } satisfies WrapUp) : '', true);
  }

  logged(entry: LogEntry): void {
    this.#send();
    if (this.#store.state.onlyMissed) this.#see(entry);
  }

  /** All calls, or the missed ones, which the agent has seen with that. */
  async show(onlyMissed: boolean): Promise<void> {
    this.#dispatch({ type: 'show', onlyMissed });
    if (!onlyMissed) return;
    const lists = await Promise.all([this.#api.log(MISSED, 'missed'), this.#api.log(MISSED, 'abandoned')]).catch(() => null);
    if (!lists) return;
    const missed = lists.flat().sort((one, other) => other.started_at.localeCompare(one.started_at));
    this.#dispatch({ type: 'missed', missed: missed.slice(0, MISSED) });
    this.#see(missed[0]);
  }

  /** The log may take now what it did not before. */
  #send(): void {
    void this.#notes.send();
  }

  async #refresh(): Promise<void> {
    const recent = await this.#api.log(RECENT).catch(() => null);
    if (recent) this.#dispatch({ type: 'recent', recent });
  }

  /** Missed calls up to this one are no news any more. */
  #see(entry: LogEntry | undefined): void {
    if (!entry || entry.started_at <= this.#store.state.missedSeen) return;
    write(`${SEEN} ${this.#email}`, entry.started_at);
    this.#dispatch({ type: 'seen', at: entry.started_at });
  }
}
