import type { TemplateResult } from 'lit';
import { html, nothing } from 'lit';
import { between, dialable, duration, plain, readable } from '../core/format.ts';
import type { Call, Transfer } from '../core/model.ts';
import { keypad, listeners } from './call.ts';
import { icon } from './icons.ts';
import { called, control, face, title } from './pieces.ts';
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
      ${state.found.flatMap((contact) => contact.numbers.map((each) => target(view, each.number, contact.name, [readable(each.number), each.label].filter(Boolean).join(' · '))))}
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

/** One of those who take part in a transfer. */
function party(name: string, faceOf: string | null, second: string, talks = false): TemplateResult {
  return html`<div class="party ${talks ? 'talks' : ''}">
    ${face(faceOf)}
    <span class="grow"><bdi class="first cut block">${name}</bdi><span class="second">${second}</span></span>
  </div>`;
}

/** A transfer is under way: who waits, who talks, and what can be done. */
export function consulting(view: View, call: Call, transfer: Transfer): TemplateResult {
  const { state, does, say, now } = view;
  if (state.screen === 'keypad') return keypad(view);
  const busy = state.pending.some((wish) => wish === 'complete' || wish === 'swap' || wish === 'cancel');
  const talks = transfer.state === 'talking';
  const withTarget = talks && transfer.talking_with !== 'customer';
  const withCustomer = talks && !withTarget;
  const name = transfer.agent?.name || readable(transfer.to);
  const attended = transfer.mode === 'attended';
  const own = transfer.by === 'api';
  return html`<div class="page">
    <div class="row wrap between"><h2>${say.text('transfer')}</h2>${listeners(say, call)}
      <span class="soft tabular" role="timer" aria-label=${say.text('duration')}>${duration(between(call.answered_at, now))}</span></div>
    ${party(called(say, call), call.contact?.name ?? null, say.text(withCustomer ? 'talksToYou' : 'waitsOnHold'), withCustomer)}
    ${party(name, transfer.agent?.name ?? null, talks ? say.text(withTarget ? 'talksToYou' : 'waitsOnHold') : say.text('transferRinging', { name }), withTarget)}
    ${attended
      ? html`<div class="controls two">
          ${control({ id: 'mute', symbol: call.muted ? 'microphoneOff' : 'microphone', label: say.text(call.muted ? 'unmute' : 'mute'), on: call.muted, busy: state.pending.includes('mute'), press: () => does.toggle('mute') })}
          ${control({ id: 'keypad', symbol: 'keypad', label: say.text('keypad'), press: () => does.store.dispatch({ type: 'screen', screen: 'keypad' }) })}
        </div>`
      : nothing}
    <div class="bottom stack">
      ${attended && talks
        ? html`<button class="pill main wide" data-control="complete" ?disabled=${busy} @click=${() => does.complete()}>${icon('check')}${say.text('completeTransfer')}</button>
            ${own ? html`<button class="pill wide" data-control="swap" ?disabled=${busy} @click=${() => does.swap()}>${icon('swap')}${say.text('swap')}</button>` : nothing}`
        : nothing}
      <button class="pill wide" data-control="cancel" ?disabled=${busy} @click=${() => does.cancel()}>${icon('back')}${say.text('cancelTransfer')}</button>
      <button class="pill stop wide" data-control="hangup" @click=${() => does.hangUp()}>${icon('hangUp')}${say.text('endAll')}</button>
    </div>
  </div>`;
}

/** A colleague transfers a call to this agent: whose it is, and who asks. */
export function handover({ state, does, say }: View, call: Call, transfer: Transfer): TemplateResult {
  const colleague = plain(call.agent.name) || call.agent.email;
  const customer = called(say, call);
  const rings = transfer.state === 'ringing';
  const withMe = !rings && transfer.talking_with !== 'customer';
  const here = state.line === 'rings' || (rings && state.device === 'web' && state.phone === 'waiting');
  const customerDoes = transfer.mode === 'blind' || withMe ? say.text('waitsOnHold') : say.text('talksWith', { name: colleague });
  return html`<div class="page">
    <div class="call alone ${rings ? 'ringing' : ''}">
      <p class="heading">${icon('transfer')}${say.text(transfer.mode === 'blind' ? 'handsOver' : 'asksYou', { name: colleague })}</p>
      ${face(call.contact?.name ?? null, true)}
      <bdi class="name">${customer}</bdi>
      ${call.contact?.company ? html`<bdi class="soft cut">${call.contact.company}</bdi>` : nothing}
      ${call.contact ? html`<span class="number tabular">${readable(call.number)}</span>` : nothing}
      <div class="stage">
        ${state.line === 'answering' ? say.text('connectingMicrophone')
        : rings ? (here ? nothing : say.text('answerPhone'))
        : withMe ? say.text('youTalkWith', { name: colleague }) : customerDoes}
      </div>
    </div>
    <div class="bottom">
      ${rings && here
        ? html`<button class="pill stop" data-control="decline" @click=${() => does.decline()}>${icon('hangUp')}${say.text('decline')}</button>
            <button class="pill go" data-control="answer" @click=${() => does.answer()}>${icon('phone')}${say.text('answer')}</button>`
        : state.line === 'talks' || state.phone === 'waiting'
          ? html`<button class="pill stop" data-control="hangup" @click=${() => does.hangUp()}>${icon('hangUp')}${say.text('hangUp')}</button>`
          : nothing}
    </div>
  </div>`;
}

/** This telephone rings or talks, and the service tells of no call: a supervisor's, say. */
export function unknownLine({ state, does, say }: View): TemplateResult {
  const rings = state.line === 'rings';
  return html`<div class="page">
    <div class="call alone ${rings ? 'ringing' : ''}">
      <p class="heading">${icon('phone')}${say.text(rings ? 'phoneRings' : 'phoneTalks')}</p>
      ${face(state.lineName || null, true)}
      <bdi class="name">${plain(readable(state.lineName)) || say.text('withheld')}</bdi>
      <div class="stage">${state.line === 'answering' ? say.text('connectingMicrophone') : nothing}</div>
    </div>
    <div class="bottom">
      ${rings
        ? html`<button class="pill stop" data-control="decline" @click=${() => does.decline()}>${icon('hangUp')}${say.text('decline')}</button>
            <button class="pill go" data-control="answer" @click=${() => does.answer()}>${icon('phone')}${say.text('answer')}</button>`
        : html`<button class="pill stop" data-control="hangup" @click=${() => does.hangUp()}>${icon('hangUp')}${say.text('hangUp')}</button>`}
    </div>
  </div>`;
}
