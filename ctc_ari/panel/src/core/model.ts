/** What the REST API and the event stream say; see /openapi.yaml. */

export type Device = 'desk' | 'web';
export type CallState = 'ringing_agent' | 'ringing_customer' | 'talking' | 'ended';
export type TransferMode = 'blind' | 'attended';
export type TransferState = 'ringing' | 'talking' | 'completed' | 'cancelled' | 'failed';

export interface Agent {
  readonly email: string;
  readonly name: string;
  readonly extension: string | null;
}

export interface ContactRef {
  readonly id: string;
  readonly name: string;
  readonly url?: string | null;
  readonly company?: string | null;
}

export interface Transfer {
  readonly id: string;
  readonly mode: TransferMode;
  /** As it was asked for: e-mail, extension, or number. */
  readonly to: string;
  readonly agent: Agent | null;
  readonly state: TransferState;
  readonly reason: string | null;
  /** Which of the two the agent talks with during a consultation. */
  readonly talking_with: string;
}

export interface Call {
  readonly id: string;
  readonly direction: 'outbound' | 'inbound' | 'internal';
  readonly state: CallState;
  readonly agent: Agent;
  readonly device: Device;
  readonly contact: ContactRef | null;
  readonly number: string;
  readonly muted: boolean;
  readonly held: boolean;
  readonly recording: boolean;
  readonly transfer: Transfer | null;
  readonly moving_to: Device | null;
  readonly missed: boolean;
  readonly created_at: string;
  readonly agent_answered_at: string | null;
  readonly answered_at: string | null;
  readonly ended_at: string | null;
  readonly end_reason: string | null;
}

export interface Contact extends ContactRef {
  readonly numbers: readonly { readonly number: string; readonly label?: string | null }[];
}

/** A past call as the call log tells it. */
export interface LogEntry {
  readonly id: string;
  readonly direction: Call['direction'];
  readonly number: string;
  readonly contact: ContactRef | null;
  readonly disposition: string;
  readonly started_at: string;
  /** Seconds of conversation. */
  readonly talk: number;
  readonly missed: boolean;
}

export interface SipTicket {
  readonly url: string;
  readonly uri: string;
  readonly username: string;
  readonly password: string;
  readonly ice_servers: readonly RTCIceServer[];
  readonly expires_at: string;
}

export interface Me {
  readonly agent: Agent;
  readonly device: Device;
}

/** One message of the event stream. */
export type StreamMessage =
  | { readonly type: 'snapshot'; readonly last_event_id: number; readonly data: { readonly calls: readonly Call[] } }
  | { readonly type: 'resumed'; readonly last_event_id: number }
  | { readonly id: number; readonly type: `call.${string}`; readonly timestamp: string; readonly data: Call };

export const live = (call: Call): boolean => call.state !== 'ended';
