import { clickToCall } from './links.ts';
import { CtcPanel } from './panel.ts';
import { AudioSettings } from './views/settings.ts';

// A CRM may embed the script twice.
if (!customElements.get('ctc-panel')) {
  customElements.define('ctc-audio-settings', AudioSettings);
  customElements.define('ctc-panel', CtcPanel);
}

export { CtcPanel, clickToCall };
