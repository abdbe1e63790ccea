import type { SipTicket } from '../core/model.ts';

/**
 * JsSIP's Socket over `/sip`. Each connection takes a ticket of its own, so that JsSIP's reconnecting works although a
 * ticket is good only once.
 */
export class TicketSocket {
  readonly #ticket: () => Promise<SipTicket>;
  readonly #base: URL;
  readonly #use: (ticket: SipTicket) => void;
  readonly #failed: (error: unknown) => void;
  #socket: WebSocket | null = null;
  #connecting = false;
  via_transport: string;

  // JsSIP sets these.
  onconnect: () => void = () => {};
  ondisconnect: (error: boolean, code?: number, reason?: string) => void = () => {};
  ondata: (data: unknown) => void = () => {};

  constructor(base: URL, ticket: () => Promise<SipTicket>, use: (ticket: SipTicket) => void, failed: (error: unknown) => void) {
    this.#base = base;
    this.#ticket = ticket;
    this.#use = use;
    this.#failed = failed;
    this.via_transport = base.protocol === 'https:' ? 'WSS' : 'WS';
  }

  get url(): string {
    return webSocketUrl(this.#base, 'sip').href;
  }

  get sip_uri(): string {
    return `sip:${this.#base.host};transport=ws`;
  }

  connect(): void {
    if (this.#connecting || this.isConnected()) return;
    this.#connecting = true;
    void this.#ticket().then(
      (ticket) => this.#open(ticket),
      (error: unknown) => {
        if (!this.#connecting) return;
        this.#connecting = false;
        this.#failed(error);
        this.ondisconnect(true);
      },
    );
  }

  disconnect(): void {
    this.#connecting = false;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  send(message: string): boolean {
    if (!this.isConnected()) return false;
    this.#socket?.send(message);
    return true;
  }

  isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  isConnecting(): boolean {
    return this.#connecting;
  }

  #open(ticket: SipTicket): void {
    if (!this.#connecting) return;
    this.#use(ticket);
    const socket = new WebSocket(webSocketUrl(this.#base, ticket.url), 'sip');
    this.#socket = socket;
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      this.#connecting = false;
      this.onconnect();
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.ondata(data);
    };
    socket.onclose = ({ wasClean, code, reason }) => {
      if (socket !== this.#socket) return;
      this.#connecting = false;
      this.#socket = null;
      this.ondisconnect(!wasClean, code, reason);
    };
  }
}

function webSocketUrl(base: URL, path: string): URL {
  // Below a proxy's prefix, too.
  const url = new URL(path.replace(/^\//, ''), base);
  url.protocol = url.protocol.replace('http', 'ws');
  return url;
}
