import type { TemplateResult } from 'lit';
import { html, nothing } from 'lit';
import { dialable, duration, readable } from '../core/format.ts';
import type { Contact, LogEntry } from '../core/model.ts';
import { isMissed } from '../core/model.ts';
import { canCall, unseen } from '../core/state.ts';
import { icon } from './icons.ts';
import { called, face, keys, title } from './pieces.ts';
import type { View } from './pieces.ts';

/** Nobody is talking: find somebody and call. */
export function home(view: View): TemplateResult {
  const { state, does, say } = view;
  if (state.screen === 'keypad') return pad(view);
  const call = (event: Event): void => {
    event.preventDefault();
    const first = state.found[0];
    if (dialable(state.query)) void does.call({ to: state.query });
    else if (first?.numbers[0]) void does.call({ contact_id: first.id, to: first.numbers[0].number });
  };
  return html`<div class="page">
    <form role="search" class="row" @submit=${call}>
      <div class="field grow">
        <span class="soft row">${icon('search')}</span>
        <input
          type="text"
          inputmode="text"
          autocomplete="off"
          spellcheck="false"
          enterkeyhint="go"
          data-focus="home"
          aria-label=${say.text('searchOrNumber')}
          placeholder=${say.text('searchOrNumber')}
          .value=${state.query}
          @input=${(event: InputEvent) => does.search((event.target as HTMLInputElement).value)}
        />
        ${state.query
          ? html`<button type="button" class="quiet" aria-label=${say.text('clear')} @click=${() => does.search('')}>${icon('close')}</button>`
          : html`<button type="button" class="quiet" aria-label=${say.text('showKeypad')} @click=${() => does.store.dispatch({ type: 'screen', screen: 'keypad' })}>${icon('keypad')}</button>`}
      </div>
      <button class="pill go round" aria-label=${say.text('call')} ?disabled=${!canCall(state) || (!dialable(state.query) && state.found.length === 0)}>
        ${icon('phone')}
      </button>
    </form>
    ${state.query.trim() ? results(view) : recent(view)}
  </div>`;
}

function results(view: View): TemplateResult {
  const { state, say } = view;
  const number = dialable(state.query) ? state.query.trim() : null;
  const nobody = !number && !state.searching && state.found.length === 0;
  return html`<ul class="list" aria-label=${say.text('searchOrNumber')}>
      ${number ? person(view, null, number) : nothing}
      ${state.found.flatMap((contact) => contact.numbers.map(({ number: each, label }) => person(view, contact, each, label ?? undefined)))}
      ${state.colleagues.map((agent) => (agent.extension ? person(view, { id: '', name: agent.name || agent.email, numbers: [] }, agent.extension) : nothing))}
    </ul>
    <p class="empty" role="status" ?hidden=${!nobody && !state.searching}>
      ${state.searching ? say.text('searching') : nobody ? say.text('nothingFound', { query: state.query.trim() }) : ''}
    </p>`;
}

function person(view: View, contact: Contact | null, number: string, label?: string): TemplateResult {
  const { state, does, say } = view;
  const name = contact?.name ?? readable(number);
  return html`<li>
    <button
      class="entry"
      ?disabled=${!canCall(state)}
      @click=${() => does.call(contact?.id ? { contact_id: contact.id, to: number } : { to: number })}
    >
      ${face(contact?.name ?? null)}
      <span class="grow">
        ${contact ? html`<span class="sr">${say.text('call')} </span>` : nothing}<bdi class="first cut block">${name}</bdi>
        <span class="second"><span class="tabular cut">${contact ? readable(number) : say.text('call')}</span>${label ? html`<span class="cut">· ${label}</span>` : nothing}</span>
      </span>
      <span class="soft row">${icon('phone')}</span>
    </button>
  </li>`;
}

function recent(view: View): TemplateResult {
  const { state, does, say } = view;
  if (state.recent === null) return html`<div></div>`;
  if (state.recent.length === 0 && !state.onlyMissed) return html`<p class="empty">${say.text('noRecent')}</p>`;
  const shown = state.onlyMissed ? (state.missed ?? state.recent.filter(isMissed)) : state.recent;
  const news = unseen(state);
  const tab = (onlyMissed: boolean, label: 'all' | 'onlyMissed') =>
    html`<button class="tab" aria-pressed=${String(state.onlyMissed === onlyMissed)} data-control=${label} @click=${() => does.show(onlyMissed)}>
      ${say.text(label)}${onlyMissed && news > 0 ? html` <span class="count" aria-label=${say.text('newMissed', { count: news })}>${news}</span>` : nothing}
    </button>`;
  return html`<section class="stack grow">
    <div class="row between"><h2 id="recent">${say.text('recent')}</h2><div class="tabs" role="group" aria-labelledby="recent">${tab(false, 'all')}${tab(true, 'onlyMissed')}</div></div>
    ${shown.length > 0 ? html`<ul class="list">${shown.map((entry) => past(view, entry))}</ul>` : html`<p class="empty">${say.text('noMissed')}</p>`}
  </section>`;
}

/** One call of the log: whose, what came of it, when; a click calls back. */
function past(view: View, entry: LogEntry): TemplateResult {
  const { state, does, say, now } = view;
  const missed = isMissed(entry);
  return html`<li class=${missed ? 'missed' : ''}>
    <button
      class="entry"
      ?disabled=${!canCall(state) || entry.number === ''}
      @click=${() => does.call(entry.contact ? { contact_id: entry.contact.id, to: entry.number } : { to: entry.number })}
    >
      ${face(entry.contact?.name ?? null)}
      <span class="grow">
        <span class="sr">${say.text('callAgain')} </span><bdi class="first cut block">${called(say, entry)}</bdi>
        <span class="second">${icon(missed ? 'missed' : entry.direction === 'outbound' ? 'outbound' : 'inbound')}<span class="cut">${what(entry, view)}</span></span>
      </span>
      <span class="at tabular">${say.moment(entry.started_at, new Date(now))}</span>
    </button>
  </li>`;
}

function what(entry: LogEntry, { say, state }: View): string {
  if (isMissed(entry)) return say.text('missed');
  if (entry.disposition !== 'answered') return say.choice('disposition', entry.disposition, entry.direction);
  const talked = entry.agents.filter((agent) => agent.talked);
  const other = talked.at(-1);
  if (other && !talked.some((agent) => agent.email === state.me?.email)) return say.text('answeredBy', { name: other.name || other.email });
  return `${say.text(entry.direction)}, ${duration(entry.talk_seconds)}`;
}

function pad(view: View): TemplateResult {
  const { state, does, say } = view;
  return html`<div class="page">
    ${title(say.text('keypad'), say, () => does.store.dispatch({ type: 'screen', screen: 'home' }))}
    <form class="page bare" @submit=${(event: Event) => { event.preventDefault(); void does.call({ to: state.query }); }}>
      <div class="field">
        <input class="digits-input" type="tel" autocomplete="off" data-focus="keypad" aria-label=${say.text('searchOrNumber')} .value=${state.query}
          @input=${(event: InputEvent) => does.search((event.target as HTMLInputElement).value)} />
        <button type="button" class="quiet" aria-label=${say.text('clear')} ?disabled=${!state.query} @click=${() => does.search(state.query.slice(0, -1))}>${icon('close')}</button>
      </div>
      ${keys((digit) => does.search(state.query + digit))}
      <div class="bottom"><button class="pill go" ?disabled=${!canCall(state) || !dialable(state.query)}>${icon('phone')}${say.text('call')}</button></div>
    </form>
  </div>`;
}
