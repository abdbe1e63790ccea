/** With several tabs exactly one is the phone; when it closes, another takes over (W3C Web Locks). */
export class Leader {
  readonly #name: string;
  readonly #lead: () => void;
  readonly #follow: () => void;
  #release: (() => void) | null = null;
  #waiting: AbortController | null = null;

  constructor(name: string, lead: () => void, follow: () => void) {
    this.#name = name;
    this.#lead = lead;
    this.#follow = follow;
  }

  get leads(): boolean {
    return this.#release !== null;
  }

  /** Lead as soon as nobody else does. */
  stand(): void {
    if (this.#waiting || this.leads) return;
    this.#waiting = new AbortController();
    this.#request({ signal: this.#waiting.signal });
    void navigator.locks.query().then(({ held }) => {
      if (!this.leads && held?.some((lock) => lock.name === this.#name)) this.#follow();
    });
  }

  /** Lead now, whoever did. */
  seize(): void {
    this.resign();
    this.#request({ steal: true });
  }

  /** Let others. */
  resign(): void {
    this.#waiting?.abort();
    this.#waiting = null;
    this.#release?.();
    this.#release = null;
  }

  #request(options: LockOptions): void {
    const held = navigator.locks.request(this.#name, options, () => {
      this.#waiting = null;
      return new Promise<void>((resolve) => {
        this.#release = resolve;
        this.#lead();
      });
    });
    held.catch((error: unknown) => {
      // Aborted by ourselves while we waited, or stolen by another tab while we led.
      if (this.#release === null) return;
      this.#release = null;
      if (error instanceof DOMException && error.name === 'AbortError') {
        this.#follow();
        this.stand();
      }
    });
  }
}
