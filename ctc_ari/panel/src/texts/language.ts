import { de } from './de.ts';
import type { Texts } from './en.ts';
import { en } from './en.ts';

const LANGUAGES: Readonly<Record<string, Texts>> = { en, de };

/** The texts of one language, and how it writes numbers and times. */
export class Language {
  readonly tag: string;
  /** With its region, for numbers and times: `en-GB`. */
  readonly locale: string;
  readonly #texts: Texts;

  /** The first of these that there is, English otherwise; `de-AT` is `de`. */
  constructor(...wanted: readonly string[]) {
    this.tag = wanted.find((tag) => tag.split('-')[0]! in LANGUAGES) ?? 'en';
    const base = this.tag.split('-')[0]!;
    this.locale = wanted.find((tag) => tag.startsWith(`${base}-`)) ?? this.tag;
    this.#texts = LANGUAGES[base] ?? en;
  }

  text(key: keyof Texts, values: Readonly<Record<string, string | number>> = {}): string {
    return this.#texts[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  }

  /** `prefix_name` if there is such a text, else the other one. */
  choice(prefix: string, name: string, otherwise: keyof Texts, values: Readonly<Record<string, string | number>> = {}): string {
    const key = `${prefix}_${name}`;
    return key in this.#texts ? this.text(key as keyof Texts, values) : this.text(otherwise, values);
  }

  /** A time of day today, a day otherwise. */
  moment(iso: string, now: Date): string {
    const at = new Date(iso);
    if (Number.isNaN(at.getTime())) return '';
    const time = at.toLocaleTimeString(this.locale, { hour: '2-digit', minute: '2-digit' });
    const days = Math.round((startOfDay(now) - startOfDay(at)) / 86_400_000);
    if (days === 0) return time;
    if (days === 1) return `${this.text('yesterday')}, ${time}`;
    return at.toLocaleDateString(this.locale, { day: 'numeric', month: 'short' });
  }
}

function startOfDay(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}
