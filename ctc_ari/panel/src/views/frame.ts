import type { TemplateResult } from 'lit';
import { html, nothing } from 'lit';
import type { Device } from '../core/model.ts';
import type { State } from '../core/state.ts';
import { obstacle, silent } from '../core/state.ts';
import type { Language } from '../texts/language.ts';
import { icon } from './icons.ts';
import type { View } from './pieces.ts';

/** Who is here, in which condition, and on which phone. */
export function head({ state, does, say, popOut }: View): TemplateResult {
  const [dot, words] = condition(state, say);
  const choice = (device: Device, label: 'deviceWeb' | 'deviceDesk', symbol: 'computer' | 'desk') =>
    html`<button
      role="radio"
      aria-checked=${String(state.device === device)}
      aria-label=${say.text(label)}
      title=${say.text(label)}
      tabindex=${state.device === device ? 0 : -1}
      data-device=${device}
      @click=${() => does.choose(device)}
    >
      ${icon(symbol)}
    </button>`;
  const arrows = (event: KeyboardEvent): void => {
    if (!event.key.startsWith('Arrow')) return;
    event.preventDefault();
    const other = state.device === 'web' ? 'desk' : 'web';
    const group = event.currentTarget as HTMLElement;
    void does.choose(other).then(() => group.querySelector<HTMLElement>(`[data-device=${other}]`)?.focus());
  };
  return html`<header>
    <div class="grow">
      <bdi class="who cut block">${state.me?.name || state.me?.email || say.text('panel')}</bdi>
      <div class="status"><span class="dot ${dot}"></span><span class="cut">${words}${state.me?.extension ? html` · ${state.me.extension}` : nothing}</span></div>
    </div>
    <div class="choice" role="radiogroup" aria-label=${say.text('device')} @keydown=${arrows}>
      ${choice('web', 'deviceWeb', 'computer')}${choice('desk', 'deviceDesk', 'desk')}
    </div>
    ${popOut ? html`<button class="quiet slim" aria-label=${say.text('popOut')} title=${say.text('popOut')} @click=${popOut}>${icon('popOut')}</button>` : nothing}
    <button class="quiet slim" aria-label=${say.text('settings')} title=${say.text('settings')} aria-expanded=${String(state.screen === 'settings')}
      @click=${() => does.store.dispatch({ type: 'screen', screen: state.screen === 'settings' ? 'home' : 'settings' })}>${icon('settings')}</button>
  </header>`;
}

function condition(state: State, say: Language): [string, string] {
  if (state.link === 'lost') return ['', say.text('statusOffline')];
  const handed = state.handover?.transfer?.state;
  if (handed && state.calls.length === 0) return ['busy', say.text(handed === 'ringing' ? 'statusRinging' : 'statusOnCall')];
  if (state.line !== 'idle' && state.calls.length === 0) return ['busy', say.text(state.line === 'talks' ? 'statusOnCall' : 'statusRinging')];
  if (state.failing.length > 0 && state.calls.length === 0) return ['', say.text('statusOffline')];
  if (state.calls.length > 0) return ['busy', say.text(state.calls.some((call) => call.state === 'talking') ? 'statusOnCall' : 'statusRinging')];
  if (state.link === 'connecting') return ['wait', say.text('statusStarting')];
  if (state.device === 'web') {
    if (state.phone === 'elsewhere') return ['wait', say.text('statusElsewhere')];
    if (state.phone === 'starting' || state.phone === 'off') return ['wait', say.text('statusStarting')];
    if (state.phone === 'unavailable' || obstacle(state) !== null) return ['', say.text('statusOffline')];
  }
  return ['ready', say.text('statusReady')];
}

/** What is wrong, and what to do about it. */
export function banners(view: View): TemplateResult {
  const { state, does, say } = view;
  const found = obstacle(state);
  const failed = state.calls.find((call) => call.transfer?.state === 'failed')?.transfer;
  return html`
    ${found ? banner(say.choice('obstacle', found, 'obstacle_phone_unavailable'), found === 'service_lost' ? 'bad' : '', remedies(view, found)) : nothing}
    ${soundless(state) ? banner(say.text('soundLost'), '', html`<button class="link" @click=${() => does.here()}>${say.text('bringSound')}</button>`) : nothing}
    ${state.unsaved > 0 ? banner(say.text('unsaved'), 'note', nothing) : nothing}
    ${state.soundBlocked ? banner(say.text('soundBlocked'), '', html`<button class="link">${say.text('enableSound')}</button>`) : nothing}
    ${failed ? banner(say.text('transferFailed', { reason: say.choice('reason', failed.reason ?? '', 'reason_failed') }), '', nothing) : nothing}
    ${state.notice
      ? banner(
          say.choice('error', state.notice.code, 'error_other', { code: state.notice.code }),
          'bad',
          nothing,
          html`<button class="quiet" aria-label=${say.text('close')} @click=${() => does.store.dispatch({ type: 'notice', notice: null })}>${icon('close')}</button>`,
        )
      : nothing}
  `;
}

/** A conversation on this computer whose sound is nowhere, and nothing is being done about it. */
function soundless(state: State): boolean {
  const call = silent(state, false);
  return call?.state === 'talking' && !state.pending.includes('device');
}

function remedies({ state, does, say }: View, found: string): TemplateResult | typeof nothing {
  if (found === 'service_lost' || found === 'asterisk_unreachable' || found === 'database_unreachable') return nothing;
  const desk = state.calls.length === 0 ? html`<button class="link" @click=${() => does.choose('desk')}>${say.text('useDesk')}</button>` : nothing;
  if (found === 'phone_elsewhere') return html`<button class="link" @click=${() => does.here()}>${say.text('useHere')}</button>${desk}`;
  if (found.startsWith('microphone_') && found !== 'microphone_insecure') {
    return html`<button class="link" @click=${() => does.allowMicrophone()}>${say.text('tryAgain')}</button>${desk}`;
  }
  return desk;
}

function banner(text: string, kind: string, actions: unknown, end: unknown = nothing): TemplateResult {
  return html`<div class="banner ${kind}" role=${kind === 'note' ? 'status' : 'alert'}>
    ${icon(kind === 'note' ? 'check' : 'warning')}
    <div class="grow"><p>${text}</p><div class="actions">${actions}</div></div>
    ${end}
  </div>`;
}
