import type { TemplateResult } from 'lit';
import { html, nothing } from 'lit';
import type { Controller } from '../core/controller.ts';
import { hue, initials, nameOf } from '../core/format.ts';
import type { Call } from '../core/model.ts';
import type { Quality, State } from '../core/state.ts';
import type { Language } from '../texts/language.ts';
import { icon } from './icons.ts';
import type { IconName } from './icons.ts';

/** What every view gets. */
export interface View {
  readonly state: State;
  readonly does: Controller;
  readonly say: Language;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Null in a window of its own. */
  readonly popOut: (() => void) | null;
}

/** What to call the other side; always something. */
export const called = (say: Language, call: Pick<Call, 'contact' | 'number'>): string => nameOf(call) || say.text('withheld');

export function face(name: string | null, large = false): TemplateResult {
  const letters = name ? initials({ name }) : '';
  // A class, because a strict policy of the page allows no style attribute.
  return html`<span class="face c${Math.floor(hue(name ?? '') / 45)} ${large ? 'large' : ''}" aria-hidden="true">${letters || icon('person')}</span>`;
}

export function bars(quality: Quality | null, say: Language): TemplateResult | typeof nothing {
  if (!quality) return nothing;
  const words = say.text(`quality${quality.bars}`);
  const detail = say.text('qualityDetail', {
    loss: quality.lossPercent.toFixed(1),
    jitter: Math.round(quality.jitterMs),
    delay: Math.round(quality.roundTripMs ?? 0),
  });
  return html`<span class="bars b${quality.bars}" role="img" aria-label=${words} title="${words}: ${detail}"
    >${[1, 2, 3, 4].map((bar) => html`<i class=${bar <= quality.bars ? 'on' : ''}></i>`)}</span
  >`;
}

export interface Control {
  readonly symbol: IconName;
  readonly label: string;
  readonly press: () => void;
  readonly on?: boolean;
  readonly busy?: boolean;
  readonly disabled?: boolean;
  readonly stop?: boolean;
  readonly id?: string;
}

export function control({ symbol, label, press, on, busy, disabled, stop, id }: Control): TemplateResult {
  return html`<button
    class="control ${on ? 'on' : ''} ${stop ? 'stop' : ''}"
    data-control=${id ?? nothing}
    aria-busy=${busy ? 'true' : nothing}
    ?disabled=${disabled ?? false}
    @click=${press}
  >
    <span>${icon(symbol)}</span><span>${label}</span>
  </button>`;
}

const KEYS = [
  ['1', ''], ['2', 'ABC'], ['3', 'DEF'], ['4', 'GHI'], ['5', 'JKL'], ['6', 'MNO'],
  ['7', 'PQRS'], ['8', 'TUV'], ['9', 'WXYZ'], ['*', ''], ['0', '+'], ['#', ''],
] as const;

export function keys(press: (digit: string) => void): TemplateResult {
  return html`<div class="keys">
    ${KEYS.map(([digit, letters]) => html`<button type="button" @click=${() => press(digit)}>${digit}<small aria-hidden="true">${letters}</small></button>`)}
  </div>`;
}

export function title(text: string, say: Language, back: () => void): TemplateResult {
  return html`<div class="title"><button class="quiet" aria-label=${say.text('back')} @click=${back}>${icon('back')}</button><h1>${text}</h1></div>`;
}
