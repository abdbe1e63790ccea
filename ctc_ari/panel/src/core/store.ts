import type { Action } from './reducer.ts';
import { reduce } from './reducer.ts';
import type { State } from './state.ts';
import { initial } from './state.ts';

type Listener = (state: State, before: State, action: Action) => unknown;

/** The one place that holds what is true. */
export class Store {
  #state: State = initial;
  readonly #listeners = new Set<Listener>();

  get state(): State {
    return this.#state;
  }

  dispatch(action: Action): void {
    const before = this.#state;
    this.#state = reduce(before, action);
    // Also when nothing changed: that a call was logged, say, is news for those around the panel.
    for (const listener of [...this.#listeners]) listener(this.#state, before, action);
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
