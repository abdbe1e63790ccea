import type { TemplateResult } from 'lit';
import { html, nothing } from 'lit';
import { dialable, nameOf, readable } from '../core/format.ts';
import type { Call, Transfer } from '../core/model.ts';
import { icon } from './icons.ts';
import { face, title } from './pieces.ts';
import type { View } from './pieces.ts';

/** To whom? */
export function transferTo(view: View): TemplateResult {
  const { state, does, say } = view;
  const number = dialable(state.query) ? state.query.trim() : null;
  const nobody = state.query.trim() !== '' && !number && !state.searching && state.found.length + state.colleagues.length === 0;
  return html`<div class="page">
    ${title(say.text('transferTo'), say, () => does.store.dispatch({ type: 'screen', screen: 'home' }))}
    <div class="field">
      <span class="soft row">${icon('search')}</span>
      <input type="text" autocomplete="off" spellcheck="false" data-focus="transfer" aria-label=${say.text('transferHint')} placeholder=${say.text('transferHint')}
        .value=${state.query} @input=${(event: InputEvent) => does.search((event.target as HTMLInputElement).value)} />
    </div>
    <ul class="list">
      ${number ? target(view, number, null, '') : nothing}
      ${state.colleagues.map((agent) => target(view, agent.email, agent.name || agent.email, agent.extension ?? ''))}
      ${state.found.flatMap((contact) => contact.numbers.map((each) => target(view, each.number, contact.name, readable(each.number))))}
    </ul>
    <p class="empty" role="status" ?hidden=${!nobody && !state.searching}>
      ${state.searching ? say.text('searching') : nobody ? say.text('nothingFound', { query: state.query.trim() }) : ''}
    </p>
  </div>`;
}

function target({ state, does, say }: View, to: string, name: string | null, second: string): TemplateResult {
  const waits = state.pending.includes('transfer');
  const shown = name ?? readable(to);
  return html`<li class="target">
    <span class="entry">
      ${face(name)}
      <span class="grow"><bdi class="first cut block">${shown}</bdi><span class="second tabular">${second}</span></span>
    </span>
    <span class="row wrap">
      <button class="pill small main" aria-label="${say.text('askFirst')}: ${shown}" ?disabled=${waits} @click=${() => does.transfer(to, 'attended')}>${say.text('askFirst')}</button>
      <button class="pill small" aria-label="${say.text('transferNow')}: ${shown}" ?disabled=${waits} @click=${() => does.transfer(to, 'blind')}>${say.text('transferNow')}</button>
    </span>
  </li>`;
}

/** A transfer is under way: who waits, who talks, and what can be done. */
export function consulting({ state, does, say }: View, call: Call, transfer: Transfer): TemplateResult {
  const busy = state.pending.some((wish) => wish === 'complete' || wish === 'swap' || wish === 'cancel');
  const talks = transfer.state === 'talking';
  const withTarget = talks && transfer.talking_with !== 'customer';
  const name = transfer.agent?.name || readable(transfer.to);
  const attended = transfer.mode === 'attended';
  return html`<div class="page">
    <h2>${say.text('transfer')}</h2>
    <div class="party ${talks && !withTarget ? 'talks' : ''}">
      ${face(call.contact?.name ?? null)}
      <span class="grow"><bdi class="first cut block">${nameOf(call)}</bdi><span class="second">${say.text(talks && !withTarget ? 'talksToYou' : 'waitsOnHold')}</span></span>
    </div>
    <div class="party ${withTarget ? 'talks' : ''}">
      ${face(transfer.agent?.name ?? null)}
      <span class="grow">
        <bdi class="first cut block">${name}</bdi>
        <span class="second">${talks ? say.text(withTarget ? 'talksToYou' : 'waitsOnHold') : say.text('transferRinging', { name })}</span>
      </span>
    </div>
    <div class="bottom stack">
      ${attended && talks
        ? html`<button class="pill main wide" data-control="complete" ?disabled=${busy} @click=${() => does.complete()}>${icon('check')}${say.text('completeTransfer')}</button>
            <button class="pill wide" data-control="swap" ?disabled=${busy} @click=${() => does.swap()}>${icon('swap')}${say.text('swap')}</button>`
        : nothing}
      <button class="pill wide" data-control="cancel" ?disabled=${busy} @click=${() => does.cancel()}>${icon('back')}${say.text('cancelTransfer')}</button>
      <button class="pill stop wide" data-control="hangup" @click=${() => does.hangUp()}>${icon('hangUp')}${say.text('hangUp')}</button>
    </div>
  </div>`;
}
