// Numbers, times and outcomes as people read them.

/** The country codes of one or two digits; all others have three (ITU-T E.164). */
const COUNTRY = /^(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})/;

/** `+44 20 7946 0001`. */
export const readable = (number) => {
  const digits = /^\+(\d{7,15})$/.exec(number)?.[1];
  if (!digits) return number || 'Number withheld';
  const country = COUNTRY.exec(digits)[0];
  const rest = digits.slice(country.length);
  const first = [4, 5, 2, 3][rest.length % 4];
  return [`+${country}`, rest.slice(0, first), ...(rest.slice(first).match(/.{1,4}/g) ?? [])].join('\u00a0');
};

export const nameOf = (call) => call.contact?.name ?? readable(call.number);

/** `1:05`, `1:02:31`. */
export const duration = (seconds) => {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, place) => (place ? String(part).padStart(2, '0') : part)).join(':');
};

const sameDay = (one, other) => one.toDateString() === other.toDateString();

/** `Today`, `Yesterday`, or the date. */
export const day = (iso) => {
  const at = new Date(iso);
  const yesterday = new Date();
  yesterday.setDate(yesterday.getDate() - 1);
  if (sameDay(at, new Date())) return 'Today';
  return sameDay(at, yesterday) ? 'Yesterday' : at.toLocaleDateString([], { weekday: 'short', day: 'numeric', month: 'long', year: 'numeric' });
};

export const clock = (iso, seconds = false) => new Date(iso).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', ...(seconds && { second: '2-digit' }), hourCycle: 'h23' });

export const DISPOSITIONS = {
  answered: 'Answered',
  no_answer: 'No answer',
  busy: 'Busy',
  rejected: 'Rejected',
  cancelled: 'Cancelled',
  failed: 'Failed',
  missed: 'Missed',
  abandoned: 'Missed, caller gave up',
};
export const DIRECTIONS = { outbound: 'Outgoing', inbound: 'Incoming', internal: 'Internal' };

export const wasMissed = ({ disposition }) => disposition === 'missed' || disposition === 'abandoned';

/** Why a call ended, where it did not simply end. */
export const REASONS = {
  agent_no_answer: 'your phone was not answered',
  agent_busy: 'your phone was busy',
  agent_rejected: 'your phone rejected it',
  agent_hangup: 'you hung up before the answer',
  customer_no_answer: 'no answer',
  customer_busy: 'busy',
  customer_rejected: 'rejected',
  customer_hangup: 'the caller gave up',
  unreachable: 'cannot be reached',
  cancelled: 'cancelled',
  failed: 'it failed',
  lost: 'lost while the service was away',
};
