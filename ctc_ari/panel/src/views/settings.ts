import { LitElement, css, html, nothing } from 'lit';
import type { TemplateResult } from 'lit';
import type { Controller } from '../core/controller.ts';
import { Meter, Ringer, choose, chosen, listDevices, microphoneTrouble, openMicrophone } from '../phone/audio.ts';
import type { Devices } from '../phone/audio.ts';
import type { Microphone } from '../core/state.ts';
import type { Language } from '../texts/language.ts';
import { icon } from './icons.ts';
import { title } from './pieces.ts';
import { parts, shape } from './styles.ts';

const NONE: Devices = { microphones: [], speakers: [] };
const RING_MS = 2300;

/** Microphone and speaker, with a level that moves; it listens only while it is shown. */
export class AudioSettings extends LitElement {
  static override properties = { does: { attribute: false }, say: { attribute: false }, devices: { state: true }, refused: { state: true } };
  static override styles = [
    shape,
    parts,
    css`
      :host { display: flex; flex-direction: column; flex: 1; }
    `,
  ];

  declare does: Controller;
  declare say: Language;
  declare devices: Devices;
  declare refused: boolean;
  #own: MediaStream | null = null;
  #meter: Meter | null = null;
  #frame = 0;

  constructor() {
    super();
    this.devices = NONE;
    this.refused = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    navigator.mediaDevices?.addEventListener('devicechange', this.#look);
    void this.#listen();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    navigator.mediaDevices?.removeEventListener('devicechange', this.#look);
    this.#quiet();
  }

  protected override render(): TemplateResult {
    const { say, does, devices } = this;
    const option = (device: MediaDeviceInfo, current: string) => html`<option value=${device.deviceId} ?selected=${device.deviceId === current}>${device.label}</option>`;
    const speaker = (what: 'speaker' | 'ringer', pick: (id: string) => void) => html`<div>
      <label for=${what}>${say.text(what)}</label>
      <select id=${what} @change=${(event: Event) => pick((event.target as HTMLSelectElement).value)}>
        <option value="">${say.text('systemDefault')}</option>
        ${devices.speakers.filter((device) => device.deviceId !== 'default').map((device) => option(device, chosen(what)))}
      </select>
    </div>`;
    return html`<div class="page">
      ${title(say.text('settings'), say, () => does.store.dispatch({ type: 'screen', screen: 'home' }))}
      <p class="soft">${say.text('webOnly')}</p>
      ${this.refused && does.store.state.device === 'desk' ? html`<button class="pill main" @click=${() => this.#listen()}>${icon('microphone')}${say.text('allowMicrophone')}</button>` : nothing}
      <div>
        <label for="microphone">${say.text('microphone')}</label>
        <select id="microphone" @change=${this.#chooseMicrophone}>
          <option value="">${say.text('systemDefault')}</option>
          ${devices.microphones.filter((device) => device.deviceId !== 'default').map((device) => option(device, chosen('microphone')))}
        </select>
      </div>
      <div>
        <label id="level">${say.text('level')}</label>
        <div class="meter" role="meter" aria-labelledby="level" aria-valuemin="0" aria-valuemax="100" aria-valuenow="0"><i></i></div>
        <p class="soft">${say.text('levelHint')}</p>
      </div>
      ${devices.speakers.length > 0 ? html`${speaker('speaker', (id) => does.chooseSpeaker(id))}${speaker('ringer', (id) => choose('ringer', id))}` : nothing}
      <button class="pill" @click=${this.#testRing}>${icon('volume')}${say.text('testRing')}</button>
    </div>`;
  }

  #look = async (): Promise<void> => {
    this.devices = await listDevices();
  };

  #chooseMicrophone = async (event: Event): Promise<void> => {
    await this.does.chooseMicrophone((event.target as HTMLSelectElement).value);
    await this.#listen();
  };

  #testRing = (): void => {
    const ringer = new Ringer(() => undefined);
    ringer.start();
    setTimeout(() => ringer.stop(), RING_MS);
  };

  async #listen(): Promise<void> {
    this.#quiet();
    try {
      const stream = this.does.phone.input ?? (this.#own = await openMicrophone());
      if (!this.isConnected) return this.#quiet();
      this.#tell('ready');
      this.#meter = new Meter(stream);
      this.#draw();
    } catch (error) {
      this.#tell(microphoneTrouble(error));
    }
    await this.#look();
  }

  /** The panel says what to do. */
  #tell(microphone: Microphone): void {
    this.refused = microphone !== 'ready';
    this.does.store.dispatch({ type: 'microphone', microphone });
  }

  #draw = (): void => {
    const meter = this.renderRoot.querySelector<HTMLElement>('.meter');
    if (meter && this.#meter) {
      const level = this.#meter.level;
      meter.style.setProperty('--level', level.toFixed(3));
      meter.setAttribute('aria-valuenow', String(Math.round(level * 100)));
    }
    this.#frame = requestAnimationFrame(this.#draw);
  };

  #quiet(): void {
    cancelAnimationFrame(this.#frame);
    this.#meter?.close();
    this.#meter = null;
    for (const track of this.#own?.getTracks() ?? []) track.stop();
    this.#own = null;
  }
}
