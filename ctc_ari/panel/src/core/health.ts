const USUAL_MS = 20_000;
/** While something is wrong one wants to know soon when it is over. */
const WATCHFUL_MS = 3_000;

/** Asks the service whether it can place calls; what nobody sees is not asked. */
export class Health {
  readonly #ask: () => Promise<readonly string[]>;
  readonly #told: (failing: readonly string[]) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(ask: () => Promise<readonly string[]>, told: (failing: readonly string[]) => void) {
    this.#ask = ask;
    this.#told = told;
  }

  /** Now, and from then on. */
  async look(): Promise<void> {
    clearTimeout(this.#timer);
    const failing = document.visibilityState === 'hidden' ? null : await this.#ask().catch(() => null);
    if (this.#closed) return;
    if (failing) this.#told(failing);
    // Not all panels of a company in the same moment.
    const pause = failing?.length ? WATCHFUL_MS : USUAL_MS * (0.75 + Math.random() / 2);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look(), pause);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
