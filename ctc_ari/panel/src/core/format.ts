import type { Call, ContactRef } from './model.ts';

/** `2:31`, `1:02:31`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** Seconds from one RFC 3339 time to another. */
export function between(from: string | null, to: string | number): number {
  return from === null ? 0 : ((typeof to === 'number' ? to : Date.parse(to)) - Date.parse(from)) / 1000;
}

/** A number in groups, so that it can be read aloud; what is no number stays as it is. */
export function readable(number: string): string {
  const digits = number.replace(/^\+/, '');
  if (!/^\d{7,15}$/.test(digits)) return number;
  const plus = number.startsWith('+') ? '+' : '';
  const country = plus ? (COUNTRY_CODES.exec(digits)?.[0] ?? digits.slice(0, 2)) : '';
  const rest = digits.slice(country.length);
  if (country === '1' && rest.length === 10) return ['+1', rest.slice(0, 3), rest.slice(3, 6), rest.slice(6)].join('\u00a0');
  const remainder = rest.length % 4;
  const first = remainder === 0 ? 4 : remainder === 1 ? 5 : remainder;
  const groups = [rest.slice(0, first), ...(rest.slice(first).match(/.{1,4}/g) ?? [])];
  return [plus + country, ...groups].filter((group) => group !== '').join('\u00a0');
}

/** The country codes of one or two digits; all others have three (ITU-T E.164). */
const COUNTRY_CODES = /^(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})/;

/** Whether this could be dialled. */
export const dialable = (text: string): boolean => /^\s*\+?[\d\s().\/-]{2,24}\s*$/.test(text) && /\d{2}/.test(text);

/** What to call the other side; empty when the number is withheld. */
export function nameOf(call: Pick<Call, 'contact' | 'number'>): string {
  return plain(call.contact?.name ?? '') || readable(call.number);
}

/** Without control characters, and without those that turn the direction of writing (Unicode, UAX 9). */
export const plain = (text: string): string => text.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '').trim();

/** An address that may be opened in another tab; everything but http is none. */
export function webAddress(url: string | null | undefined): string | null {
  if (!url || !URL.canParse(url)) return null;
  return /^https?:$/.test(new URL(url).protocol) ? url : null;
}

/** One or two letters for a face that nobody has; empty without a name. */
export function initials(contact: ContactRef | { name: string } | null): string {
  const words = (contact?.name ?? '').split(/\s+/).filter((word) => /^\p{L}/u.test(word));
  const chosen = words.length > 1 ? [words[0]!, words.at(-1)!] : words;
  return chosen.map((word) => Array.from(word)[0]!.toLocaleUpperCase()).join('');
}

/** A colour of its own for each name, 0 to 359. */
export function hue(name: string): number {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)!) % 360;
  return sum;
}

/** 128 random bits; `randomUUID` is only for pages with https, and a desk phone needs none. */
export const unique = (): string => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
