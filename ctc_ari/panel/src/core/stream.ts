import type { StreamMessage } from './model.ts';

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 8_000;
const SIGNED_OUT = 4401;

interface Hears {
  message(message: StreamMessage): void;
  lost(): void;
  signedOut(): void;
}

/** `/api/v1/events`, opened again whenever it breaks, without losing anything in between. */
export class Stream {
  readonly #url: URL;
  readonly #session: string;
  readonly #hears: Hears;
  #socket: WebSocket | null = null;
  #last: number | null = null;
  #retry = FIRST_RETRY_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(base: URL, session: string, hears: Hears) {
    this.#url = new URL('api/v1/events', base);
    this.#url.protocol = this.#url.protocol.replace('http', 'ws');
    this.#session = session;
    this.#hears = hears;
    addEventListener('online', this.#now);
    addEventListener('offline', this.#gone);
  }

  open(): void {
    if (this.#closed) return;
    const url = new URL(this.#url);
    if (this.#last !== null) url.searchParams.set('last_event_id', String(this.#last));
    const socket = new WebSocket(url, ['ctc.events', `ctc.bearer.${this.#session}`]);
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(String(data)) as StreamMessage);
    socket.onclose = ({ code }) => this.#ended(socket, code);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    removeEventListener('online', this.#now);
    removeEventListener('offline', this.#gone);
    this.#socket?.close();
  }

  #hear(message: StreamMessage): void {
    this.#retry = FIRST_RETRY_MS;
    if ('id' in message) this.#last = message.id;
    else this.#last = message.last_event_id;
    this.#hears.message(message);
  }

  #ended(socket: WebSocket, code: number): void {
    if (this.#closed || socket !== this.#socket) return;
    if (code === SIGNED_OUT) {
      this.close();
      this.#hears.signedOut();
      return;
    }
    this.#hears.lost();
    this.#timer = setTimeout(() => this.open(), this.#retry * (0.75 + Math.random() / 2));
    this.#retry = Math.min(this.#retry * 2, LAST_RETRY_MS);
  }

  /** A network that is gone closes no connection: nobody would be told for a long time. */
  #gone = (): void => this.#hears.lost();

  #now = (): void => {
    clearTimeout(this.#timer);
    this.#retry = FIRST_RETRY_MS;
    this.#socket?.close();
    this.open();
  };
}
