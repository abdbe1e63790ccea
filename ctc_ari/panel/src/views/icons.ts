import type { SVGTemplateResult, TemplateResult } from 'lit';
import { html, svg } from 'lit';

/** Drawn on a grid of 24 with a stroke of 2; they take the colour of the text around them and say nothing to a screen reader. */
const DRAWN = {
  phone: svg`<path d="M6.6 3.5 9 3l2 5-2.3 1.6a12 12 0 0 0 5.7 5.7L16 13l5 2-.5 2.4a3 3 0 0 1-3.1 2.4A15 15 0 0 1 4.2 6.600a3 3 0 0 1 2.4-3.1Z"/>`,
  hangUp: svg`<path d="M3 14.500c0-2.500 4-4.500 9-4.500s9 2 9 4.500v1.300c0 .8-.7 1.400-1.500 1.200l-3-.6a1.300 1.300 0 0 1-1-1.300v-1.600a12 12 0 0 0-7 0v1.600c0 .6-.4 1.200-1 1.300l-3 .6c-.8.2-1.500-.4-1.500-1.200Z"/>`,
  microphone: svg`<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3"/>`,
  microphoneOff: svg`<path d="M9 9v2a3 3 0 0 0 4.800 2.400M15 10.500V6a3 3 0 0 0-5.700-1.300M5.500 11.500a6.500 6.500 0 0 0 10.600 5M18.500 11.500a6.500 6.500 0 0 1-.6 2.700M12 18v3M4 3l16 18"/>`,
  pause: svg`<path d="M9 5v14M15 5v14"/>`,
  play: svg`<path d="M8 5.500v13l10-6.500Z"/>`,
  keypad: svg`<path d="M6 6h.01M12 6h.01M18 6h.01M6 12h.01M12 12h.01M18 12h.01M6 18h.01M12 18h.01M18 18h.01" stroke-width="3"/>`,
  transfer: svg`<path d="M4 8h13M13.500 4.500 17 8l-3.500 3.500M20 16H7M10.500 12.500 7 16l3.500 3.500"/>`,
  record: svg`<circle cx="12" cy="12" r="8"/><circle cx="12" cy="12" r="3.200" fill="currentColor" stroke="none"/>`,
  stop: svg`<circle cx="12" cy="12" r="8"/><rect x="9.200" y="9.200" width="5.600" height="5.600" rx="1" fill="currentColor" stroke="none"/>`,
  desk: svg`<rect x="4" y="9" width="16" height="11" rx="2"/><path d="M7 9V6.500A2.500 2.500 0 0 1 9.500 4h5A2.500 2.500 0 0 1 17 6.500V9M9 13h.01M12 13h.01M15 13h.01M9 16.500h.01M12 16.500h.01M15 16.500h.01" stroke-width="2"/>`,
  computer: svg`<rect x="3" y="5" width="18" height="11" rx="2"/><path d="M8.500 20h7M12 16v4"/>`,
  settings: svg`<path d="M4 7h9M18 7h2M4 17h2M11 17h9"/><circle cx="15.500" cy="7" r="2.300"/><circle cx="8.500" cy="17" r="2.300"/>`,
  search: svg`<circle cx="11" cy="11" r="6.500"/><path d="m20 20-4.300-4.300"/>`,
  close: svg`<path d="M6 6l12 12M18 6 6 18"/>`,
  back: svg`<path d="M14.500 5.500 8 12l6.500 6.500"/>`,
  outbound: svg`<path d="M7 17 17 7M9 7h8v8"/>`,
  inbound: svg`<path d="M17 7 7 17M7 9v8h8"/>`,
  missed: svg`<path d="m4 7 8 8 8-8M20 12V7h-5"/>`,
  warning: svg`<path d="M12 4 2.800 19.500h18.400ZM12 10v4M12 17h.01"/>`,
  volume: svg`<path d="M4 9.500v5h3.500L12 18.500v-13L7.500 9.500ZM15.500 9a4 4 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11"/>`,
  ear: svg`<path d="M7 9.500a5 5 0 0 1 10 0c0 3.500-3 4-3.500 6.500-.3 2-1.400 3-3 3A2.800 2.800 0 0 1 8 17M10 10a2 2 0 0 1 4 0c0 1.300-1.500 1.700-1.500 3"/>`,
  swap: svg`<path d="M7 4v15M3.500 15.500 7 19l3.500-3.500M17 20V5M13.500 8.500 17 5l3.500 3.500"/>`,
  check: svg`<path d="m5 12.500 4.500 4.500L19 7.500"/>`,
  popOut: svg`<path d="M14 4h6v6M20 4l-8 8M10 5H6a2 2 0 0 0-2 2v11a2 2 0 0 0 2 2h11a2 2 0 0 0 2-2v-4"/>`,
  group: svg`<circle cx="9" cy="9" r="3.300"/><path d="M3 19a6 6 0 0 1 12 0M15.500 6.200a3.300 3.300 0 0 1 0 5.600M17.500 14.200A6 6 0 0 1 21 19"/>`,
  person: svg`<circle cx="12" cy="8" r="4"/><path d="M4.500 20a7.500 7.500 0 0 1 15 0"/>`,
} satisfies Record<string, SVGTemplateResult>;

export type IconName = keyof typeof DRAWN;

export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${DRAWN[name]}</svg>`;
}
