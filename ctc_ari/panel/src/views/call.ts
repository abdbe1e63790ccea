import type { TemplateResult } from 'lit';
import { html, nothing } from 'lit';
import { between, duration, readable, plain, webAddress } from '../core/format.ts';
import type { Call, Supervisor } from '../core/model.ts';
import type { Language } from '../texts/language.ts';
import type { Wish } from '../core/state.ts';
import { icon } from './icons.ts';
import { bars, called, control, face, keys, title } from './pieces.ts';
import type { View } from './pieces.ts';

/** Who is on the other side, as large as it deserves. */
function who(say: Language, call: Call, stage: unknown, extra: unknown = nothing, kind = '', above: unknown = nothing): TemplateResult {
  const page = webAddress(call.contact?.url);
  return html`<div class="call ${kind}">
    ${above}
    ${face(call.contact?.name ?? null, true)}
    <bdi class="name">${called(say, call)}${page
      ? html`<a class="out" href=${page} target="_blank" rel="noopener noreferrer" aria-label=${say.text('openContact')} title=${say.text('openContact')}>${icon('popOut')}</a>`
      : nothing}</bdi>
    ${call.contact?.company ? html`<bdi class="soft cut">${call.contact.company}</bdi>` : nothing}
    ${call.contact ? html`<span class="number tabular">${readable(call.number)}</span>` : nothing}
    <div class="stage">${stage}</div>
    ${extra}
  </div>`;
}

/** Somebody calls. */
export function offer({ state, does, say }: View, call: Call): TemplateResult {
  const hint =
    state.line === 'answering' ? say.text('connectingMicrophone')
    : state.device === 'desk' ? say.text('answerDesk')
    : state.phone === 'waiting' ? say.text('answerElsewhere')
    : nothing;
  const above = html`<p class="heading">${icon('inbound')}${say.text('incomingCall')}${call.did ? html` <span class="soft tabular">${say.text('calledNumber', { number: readable(call.did) })}</span>` : nothing}</p>`;
  return html`<div class="page">
    ${who(say, call, hint, nothing, 'alone ringing', above)}
    <div class="bottom">
      <button class="pill stop" data-control="decline" @click=${() => does.decline()}>${icon('hangUp')}${say.text('decline')}</button>
      ${state.device === 'web'
        ? html`<button class="pill go" data-control="answer" ?disabled=${state.line === 'answering'} @click=${() => does.answer()}>${icon('phone')}${say.text('answer')}</button>`
        : nothing}
    </div>
  </div>`;
}

/** A phone rings, ours or theirs. */
export function dialling({ state, does, say }: View, call: Call): TemplateResult {
  const ours = call.state === 'ringing_agent';
  const waits = ours && call.device === 'web' && state.line === 'rings';
  const stage =
    !ours ? say.text('callingCustomer')
    : call.device === 'desk' ? say.text('pickUpDesk')
    : waits ? say.text('answerToStart', { name: called(say, call) })
    : state.line === 'answering' ? say.text('connectingMicrophone')
    : say.text('startingCall');
  return html`<div class="page">
    ${who(say, call, stage, nothing, !ours || waits ? 'alone ringing' : 'alone')}
    <div class="bottom">
      <button class="pill stop" data-control="hangup" ?disabled=${state.pending.includes('hangup')} @click=${() => does.hangUp()}>${icon('hangUp')}${say.text('cancelCall')}</button>
      ${waits ? html`<button class="pill go" data-control="answer" @click=${() => does.answer()}>${icon('phone')}${say.text('answer')}</button>` : nothing}
    </div>
  </div>`;
}

/** Two people talk. */
export function talking(view: View, call: Call): TemplateResult {
  const { state, does, say, now } = view;
  if (state.screen === 'keypad') return keypad(view);
  const busy = (wish: Wish): boolean => state.pending.includes(wish);
  const off = state.link !== 'open';
  const dial = () => does.store.dispatch({ type: 'screen', screen: 'keypad' });
  const time = html`<span class="time tabular" role="timer" aria-label=${say.text('duration')}>${duration(between(call.answered_at, now))}</span>`;
  const badges = html`<div class="badges">
    ${call.held ? html`<span class="badge warn">${icon('pause')}${say.text('held')}</span>` : nothing}
    ${call.muted ? html`<span class="badge warn">${icon('microphoneOff')}${say.text('muted')}</span>` : nothing}
    ${call.recording ? html`<span class="badge stop"><i></i>${say.text('recording')}</span>` : nothing}
    ${listeners(say, call)}
  </div>`;
  return html`<div class="page">
    ${who(say, call, html`${time}${call.device === 'web' && !call.held ? bars(state.quality, say) : nothing}`, badges)}
    <div class="controls">
      ${control({ disabled: off, id: 'mute', symbol: call.muted ? 'microphoneOff' : 'microphone', label: say.text(call.muted ? 'unmute' : 'mute'), on: call.muted, busy: busy('mute'), press: () => does.toggle('mute') })}
      ${control({ disabled: off, id: 'hold', symbol: call.held ? 'play' : 'pause', label: say.text(call.held ? 'resume' : 'hold'), on: call.held, busy: busy('hold'), press: () => does.toggle('hold') })}
      ${control({ disabled: off, id: 'keypad', symbol: 'keypad', label: say.text('keypad'), press: dial })}
      ${control({ disabled: off, id: 'transfer', symbol: 'transfer', label: say.text('transfer'), busy: busy('transfer'), press: () => does.chooseTarget() })}
      ${control({ disabled: off, id: 'recording', symbol: call.recording ? 'stop' : 'record', label: say.text(call.recording ? 'stopRecording' : 'record'), on: call.recording, stop: true, busy: busy('recording'), press: () => does.toggle('recording') })}
      ${control({ disabled: off, id: 'device', symbol: call.device === 'web' ? 'desk' : 'computer', label: say.text(call.device === 'web' ? 'moveToDesk' : 'moveToWeb'), busy: busy('device'), press: () => does.choose(call.device === 'web' ? 'desk' : 'web') })}
    </div>
    <div class="bottom">
      <button class="pill stop" data-control="hangup" ?disabled=${busy('hangup')} @click=${() => does.hangUp()}>${icon('hangUp')}${say.text('hangUp')}</button>
    </div>
  </div>`;
}

const TAKES_PART = { listen: 'listens', whisper: 'whispers', barge: 'barges' } as const;

/** Supervisors who are in it, and how. */
export function listeners(say: Language, call: Call): unknown {
  const shown = ({ agent, mode }: Supervisor) =>
    html`<span class="badge">${icon(mode === 'listen' ? 'ear' : mode === 'whisper' ? 'volume' : 'group')}<bdi class="cut">${say.text(TAKES_PART[mode], { name: plain(agent.name) || agent.email })}</bdi></span>`;
  return call.supervisors.filter(({ state }) => state === 'joined').map(shown);
}

export function keypad({ state, does, say }: View): TemplateResult {
  return html`<div class="page">
    ${title(say.text('keypad'), say, () => does.store.dispatch({ type: 'screen', screen: 'home' }))}
    <p class="digits tabular" aria-live="polite" aria-label=${say.text('pressed')}>${state.digits}</p>
    ${keys((digit) => void does.press(digit))}
    <div class="bottom"><button class="pill stop" data-control="hangup" @click=${() => does.hangUp()}>${icon('hangUp')}${say.text('hangUp')}</button></div>
  </div>`;
}
