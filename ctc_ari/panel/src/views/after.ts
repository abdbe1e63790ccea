import type { TemplateResult } from 'lit';
import { html, nothing } from 'lit';
import { between, duration } from '../core/format.ts';
import type { Call } from '../core/model.ts';
import { canCall } from '../core/state.ts';
import type { Texts } from '../texts/en.ts';
import { icon } from './icons.ts';
import { called, face } from './pieces.ts';
import type { View } from './pieces.ts';

const OUTCOMES: readonly (readonly [string, keyof Texts])[] = [
  ['reached', 'outcomeReached'],
  ['call_back', 'outcomeCallBack'],
  ['voicemail', 'outcomeVoicemail'],
  ['wrong_number', 'outcomeWrongNumber'],
  ['done', 'outcomeDone'],
];

/** The call is over: what came of it. */
export function after({ state, does, say }: View, call: Call): TemplateResult {
  const seconds = call.answered_at && call.ended_at ? between(call.answered_at, Date.parse(call.ended_at)) : 0;
  const reason = say.choice('reason', call.end_reason ?? '', 'callEnded');
  const choose = (outcome: string) => () => does.store.dispatch({ type: 'notes', outcome: state.notes.outcome === outcome ? null : outcome });
  return html`<form class="page" @submit=${(event: Event) => { event.preventDefault(); does.saveNotes(); }}>
    <div class="party">
      ${face(call.contact?.name ?? null)}
      <span class="grow">
        <bdi class="first cut block">${called(say, call)}</bdi>
        <span class="second soft">${reason}${seconds > 0 ? html` · <span class="tabular">${duration(seconds)}</span>` : ''}</span>
      </span>
      ${call.answered_at === null && call.number
        ? html`<button type="button" class="pill small go" data-control="again" ?disabled=${!canCall(state)} @click=${() => does.call(call.contact ? { contact_id: call.contact.id, to: call.number } : { to: call.number })}>
            ${icon('phone')}${say.text('callBack')}</button>`
        : nothing}
    </div>
    <div>
      <h2 class="label" id="outcome">${say.text('outcome')}</h2>
      <div class="chips" role="group" aria-labelledby="outcome">
        ${OUTCOMES.map(([name, text]) => html`<button type="button" class="chip" aria-pressed=${String(state.notes.outcome === name)} @click=${choose(name)}>${say.text(text)}</button>`)}
      </div>
    </div>
    <div>
      <label for="notes">${say.text('notes')}</label>
      <textarea id="notes" maxlength="4000" placeholder=${say.text('notesHint')} .value=${state.notes.text}
        @input=${(event: InputEvent) => does.store.dispatch({ type: 'notes', text: (event.target as HTMLTextAreaElement).value })}></textarea>
    </div>
    <div class="bottom">
      <button type="button" class="pill" data-control="skip" @click=${() => does.wrapUp()}>${say.text('skip')}</button>
      <button class="pill main" data-control="save" ?disabled=${!state.notes.text.trim() && !state.notes.outcome}>${say.text('save')}</button>
    </div>
  </form>`;
}
