import { LitElement, html, nothing } from 'lit';
import type { PropertyValues, TemplateResult } from 'lit';
import { Controller } from './core/controller.ts';
import { current, mode } from './core/state.ts';
import type { Mode, State } from './core/state.ts';
import { Language } from './texts/language.ts';
import { after } from './views/after.ts';
import { dialling, offer, talking } from './views/call.ts';
import { banners, head } from './views/frame.ts';
import { home } from './views/home.ts';
import { icon } from './views/icons.ts';
import { called } from './views/pieces.ts';
import type { View } from './views/pieces.ts';
import { parts, shape, tokens } from './views/styles.ts';
import { consulting, handover, transferTo, unknownLine } from './views/transfer.ts';

/**
 * `<ctc-panel base-url="https://calls.example.com/" session="ctcs_…">`: an agent's telephone in a CRM's page.
 *
 * Attributes: `base-url` (default: where this script came from), `session`, `lang` (en, de), `theme` (light, dark; default: as
 * the system has it). Methods: `call`, `answer`, `hangUp`, `popOut`. Events bubble, see docs/panel.md.
 */
export class CtcPanel extends LitElement {
  static override properties = {
    baseUrl: { attribute: 'base-url' },
    session: {},
    lang: {},
    theme: { reflect: true },
    tick: { state: true },
  };
  static override styles = [tokens, shape, parts];

  declare baseUrl: string | null;
  declare session: string | null;
  declare lang: string;
  declare theme: string | null;
  /** Counts seconds while a conversation lasts. */
  declare tick: number;

  #does: Controller | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #say = new Language();
  #spoken = '';
  #out: Window | null = null;

  constructor() {
    super();
    this.baseUrl = null;
    this.session = null;
    this.theme = null;
    this.tick = 0;
  }

  /** What the panel shows now; for a CRM that wants to know more than the events tell. */
  get state(): State | null {
    return this.#does?.store.state ?? null;
  }

  /** Calls a number, or a contact (its first number, or `to`). */
  call(to: string | { to?: string; contact_id?: string }): Promise<void> {
    return this.#does?.call(typeof to === 'string' ? { to } : to) ?? Promise.resolve();
  }

  answer(): void {
    this.#does?.answer();
  }

  hangUp(): Promise<void> {
    return this.#does?.hangUp() ?? Promise.resolve();
  }

  /** The panel in a window of its own, which keeps the call while the CRM navigates; call it from a click. */
  popOut(): Window | null {
    const base = this.#base();
    const { session, lang, theme } = this;
    const opened = window.open(new URL('panel/window', base), 'ctc-panel', 'popup,width=380,height=680');
    if (!opened || !session) return opened;
    const listen = ({ source, origin, data }: MessageEvent): void => {
      if (source !== opened || origin !== base.origin) return;
      if (data?.type === 'ctc:window-ready') opened.postMessage({ type: 'ctc:session', session, lang, theme }, base.origin);
      else if (data?.type === 'ctc:event') this.#tell(String(data.name), data.detail);
    };
    addEventListener('message', listen);
    this.#poppedOut(opened);
    const watch = setInterval(() => {
      if (!opened.closed) return;
      clearInterval(watch);
      removeEventListener('message', listen);
      this.#poppedOut(null);
    }, 500);
    return opened;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = setInterval(() => {
      if (this.state?.calls.length) this.tick += 1;
    }, 1000);
    if (this.hasUpdated) this.#begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
    this.#does?.close();
    this.#does = null;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('lang') || !this.hasUpdated) this.#say = new Language(...[this.lang, ...navigator.languages].filter(Boolean));
    if (changed.has('session') || changed.has('baseUrl')) this.#begin();
  }

  protected override render(): TemplateResult {
    const does = this.#does;
    if (this.#out)
      return html`<section class="panel" aria-label=${this.#say.text('panel')} lang=${this.#say.tag} data-mode="out"><div class="middle">
        <span class="face large" aria-hidden="true">${icon('popOut')}</span><p class="first">${this.#say.text('poppedOut')}</p>
        <button class="pill" @click=${() => this.#out?.close()}>${this.#say.text('popIn')}</button>
      </div></section>`;
    if (!does) return html`<div class="panel">${this.#signedOut()}</div>`;
    const view: View = { state: does.store.state, does, say: this.#say, now: Date.now() + does.skew, popOut: window.opener ? null : () => this.popOut() };
    const shown = mode(view.state);
    return html`<section class="panel" aria-label=${this.#say.text('panel')} lang=${this.#say.tag} data-mode=${shown}>
      ${shown === 'signed_out' ? nothing : html`${head(view)}${banners(view)}`}
      <div class="body">${this.#body(view, shown)}</div>
      <div class="sr" role="status" aria-live="polite">${this.#announce(view, shown)}</div>
    </section>`;
  }

  protected override updated(): void {
    const { screen } = this.state ?? {};
    if (screen && screen !== this.#shownScreen) {
      // A screen is opened on purpose and takes the focus along; a call that comes in or ends does not.
      if (this.#shownScreen && screen !== 'home') this.renderRoot.querySelector<HTMLElement>(`[data-focus=${screen}]`)?.focus();
      this.#shownScreen = screen;
    }
  }

  #shownScreen: string | null = null;

  #body(view: View, shown: Mode): unknown {
    const { state, does, say } = view;
    const call = current(state);
    if (shown === 'signed_out') return this.#signedOut();
    if (shown === 'loading') return html`<div class="middle"><div class="spinner"></div><p class="soft">${say.text('loading')}</p></div>`;
    if (shown === 'offered' && call) return offer(view, call);
    if (shown === 'handover' && state.handover?.transfer) return handover(view, state.handover, state.handover.transfer);
    if (shown === 'line') return unknownLine(view);
    if (state.screen === 'settings') return html`<ctc-audio-settings .does=${does} .say=${say}></ctc-audio-settings>`;
    if (shown === 'dialling' && call) return dialling(view, call);
    if (shown === 'consulting' && call?.transfer) return consulting(view, call, call.transfer);
    if (shown === 'talking' && call) return state.screen === 'transfer' ? transferTo(view) : talking(view, call);
    if (shown === 'wrap_up' && state.wrapUp) return after(view, state.wrapUp);
    return home(view);
  }

  #signedOut(): TemplateResult {
    return html`<div class="middle"><span class="face large" aria-hidden="true">${icon('person')}</span><p class="first">${this.#say.text('signedOut')}</p><p class="soft">${this.#say.text('signedOutHelp')}</p></div>`;
  }

  /** For screen readers: what just changed, once. */
  #announce({ state, say }: View, shown: Mode): string {
    const call = current(state);
    const name = call ? called(say, call) : '';
    if (shown === 'offered') this.#spoken = say.text('announceIncoming', { name });
    else if (shown === 'handover') this.#spoken = say.text('announceHandover', { name: state.handover?.agent.name ?? '' });
    else if (shown === 'line') this.#spoken = say.text(state.line === 'rings' ? 'phoneRings' : 'phoneTalks');
    else if (shown === 'dialling') this.#spoken = say.text('announceRinging', { name });
    else if (shown === 'talking' && call)
      this.#spoken = call.held ? say.text('announceHeld') : call.muted ? say.text('announceMuted') : say.text('announceTalking', { name });
    else if (shown === 'wrap_up') this.#spoken = say.text('announceEnded', { reason: say.choice('reason', state.wrapUp?.end_reason ?? '', 'callEnded') });
    else this.#spoken = '';
    return this.#spoken;
  }

  /** While the window is open it is the phone, and this element only says so. */
  #poppedOut(out: Window | null): void {
    this.#out = out;
    this.#begin();
    this.requestUpdate();
  }

  #begin(): void {
    this.#does?.close();
    this.#does = null;
    if (!this.session || !this.isConnected || this.#out) return;
    const does = new Controller(this.#base(), this.session, (name, detail) => this.#tell(name, detail));
    this.#does = does;
    does.store.subscribe(() => this.requestUpdate());
    void does.start();
    this.requestUpdate();
  }

  #base(): URL {
    const base = new URL(this.baseUrl ?? new URL('..', import.meta.url), document.baseURI);
    if (!base.pathname.endsWith('/')) base.pathname += '/';
    return base;
  }

  #tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(`ctc:${name}`, { detail, bubbles: true, composed: true }));
    // One listener for whoever wants to hear of everything.
    this.dispatchEvent(new CustomEvent('ctc:event', { detail: { name, detail }, bubbles: true, composed: true }));
  }
}
