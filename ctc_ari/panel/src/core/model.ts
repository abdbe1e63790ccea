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
  /** The API, or the keys of the agent's own phone. */
  readonly by: 'api' | 'phone';
}

/** Somebody who takes part beside the conversation. */
export interface Supervisor {
  readonly id: string;
  readonly agent: Agent;
  readonly mode: 'listen' | 'whisper' | 'barge';
  readonly state: 'ringing' | 'joined';
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
  /** The call that the customer was transferred from. */
  readonly transferred_from: string | null;
  readonly supervisors: readonly Supervisor[];
  /** The number that a caller has called. */
  readonly did: string | null;
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

/** Somebody who had to do with a past call. */
export interface LogAgent extends Agent {
  /** Whether the customer was connected with her. */
  readonly talked: boolean;
}

/** A past call as the call log tells it; after transfers all its parts are one. */
export interface LogEntry {
  readonly id: string;
  /** The ids of the call and of those that came of its transfers. */
  readonly calls: readonly string[];
  readonly direction: Call['direction'];
  readonly number: string;
  readonly contact: ContactRef | null;
  readonly agents: readonly LogAgent[];
  readonly disposition: 'answered' | 'no_answer' | 'busy' | 'rejected' | 'cancelled' | 'failed' | 'missed' | 'abandoned';
  readonly started_at: string;
  readonly talk_seconds: number;
  readonly notes: string | null;
  readonly outcome: string | null;
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
  | { readonly id: number; readonly type: 'call.logged'; readonly timestamp: string; readonly data: LogEntry }
  | { readonly id: number; readonly type: Happened; readonly timestamp: string; readonly data: Call };

/** What happens to a call, without its line in the log; see /openapi.yaml. */
export type Happened = `call.${
  | 'created' | 'agent_ringing' | 'agent_answered' | 'customer_ringing' | 'answered' | 'ended' | 'muted' | 'unmuted' | 'held' | 'resumed'
  | `recording_${'started' | 'stopped'}` | 'offered' | 'offer_ended' | `device_${'changed' | 'failed'}`
  | `transfer_${'started' | 'answered' | 'swapped' | 'completed' | 'cancelled'}` | `supervisor_${'invited' | 'joined' | 'changed' | 'left'}`}`;

/** Whether there is anything left of it for an agent: a caller who is told that nobody is there rings at nobody's. */
export const live = ({ state, direction }: Call): boolean => state !== 'ended' && !(direction === 'inbound' && state === 'ringing_customer');

/** Whether its transfer is under way. */
export const handing = ({ transfer }: Call): boolean => transfer !== null && (transfer.state === 'ringing' || transfer.state === 'talking');

/** A caller to whom nobody talked. */
export const isMissed = ({ direction, disposition }: Pick<LogEntry, 'direction' | 'disposition'>): boolean =>
  direction === 'inbound' && disposition !== 'answered';
