import { css } from 'lit';

/** Colours and measures. A CRM may set the `--ctc-…` properties on the element. Contrast: WCAG 2.2, 1.4.3 and 1.4.11. */
export const tokens = css`
  :host {
    --accent: var(--ctc-accent, light-dark(#2f55d4, #8fa9ff));
    --on-accent: var(--ctc-on-accent, light-dark(#fff, #0c1330));
    --go: light-dark(#0d7a43, #2fbf71);
    --on-go: light-dark(#fff, #04200f);
    --stop: light-dark(#c9252d, #ff6b6b);
    --on-stop: light-dark(#fff, #2b0305);
    --warn: light-dark(#8a5300, #ffc266);
    --surface: var(--ctc-surface, light-dark(#fff, #16181d));
    --raised: light-dark(#f4f5f8, #20232a);
    --pressed: light-dark(#e6e8ee, #2c303a);
    --line: light-dark(#dcdfe6, #343945);
    --edge: light-dark(#878d9c, #757d8f);
    --text: light-dark(#171a21, #f1f3f7);
    --soft: light-dark(#565d6d, #a7afbf);
    --radius: 12px;
    --font: var(--ctc-font, system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif);
    color-scheme: light dark;
    display: block;
    min-width: 280px;
    max-width: 100%;
    height: 640px;
  }
  :host([theme='light']) { color-scheme: light; }
  :host([theme='dark']) { color-scheme: dark; }
  :host([hidden]) { display: none; }
`;

export const shape = css`
  * { box-sizing: border-box; margin: 0; }
  .panel {
    container-type: inline-size;
    display: flex;
    flex-direction: column;
    height: 100%;
    min-height: 440px;
    background: var(--surface);
    color: var(--text);
    font: 400 15px/1.4 var(--font);
    border: 1px solid var(--line);
    border-radius: 16px;
    overflow: hidden;
    position: relative;
  }
  h1 { font-size: 16px; font-weight: 600; }
  h2 { font-size: 13px; font-weight: 600; color: var(--soft); }
  p { overflow-wrap: anywhere; }
  .icon { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; flex: none; }
  .sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  .soft { color: var(--soft); }
  .tabular { font-variant-numeric: tabular-nums; }
  .grow { flex: 1; min-width: 0; }
  .stack { display: flex; flex-direction: column; }
  .row { display: flex; align-items: center; gap: 8px; min-width: 0; }
  .cut { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }

  button, input, textarea, select { font: inherit; color: inherit; }
  button { border: 0; background: none; cursor: pointer; touch-action: manipulation; }
  button:disabled, button[aria-disabled='true'] { cursor: default; opacity: 0.45; }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }

  .pill {
    display: inline-flex; align-items: center; justify-content: center; gap: 8px;
    min-height: 48px; padding: 0 20px; border-radius: 24px; font-weight: 600;
    background: var(--raised); color: var(--text);
    transition: filter 0.12s, transform 0.12s;
  }
  .pill:not(:disabled):hover { filter: brightness(0.96); }
  .pill:not(:disabled):active { transform: scale(0.98); }
  .pill.go { background: var(--go); color: var(--on-go); }
  .pill.stop { background: var(--stop); color: var(--on-stop); }
  .pill.main { background: var(--accent); color: var(--on-accent); }
  .pill.round { width: 48px; padding: 0; flex: none; }
  .block { display: block; }
  .page.bare { padding: 0; }
  .digits-input { text-align: center; font-size: 22px !important; letter-spacing: 0.04em; }
  [hidden] { display: none !important; }
  .pill.wide { width: 100%; }
  .pill.small { min-height: 36px; padding: 0 14px; font-size: 14px; }
  .quiet {
    display: inline-flex; align-items: center; justify-content: center;
    width: 40px; height: 40px; border-radius: 50%; color: var(--soft); flex: none;
  }
  .quiet:not(:disabled):hover { background: var(--raised); color: var(--text); }
  .quiet.slim { width: 34px; margin-inline-start: -4px; }
  .link { color: var(--accent); font-weight: 600; padding: 6px 4px; border-radius: 6px; text-align: start; }
  .link:hover { text-decoration: underline; }

  .field {
    display: flex; align-items: center; gap: 8px; min-height: 48px; padding: 0 4px 0 12px;
    background: var(--surface); border: 1px solid var(--edge); border-radius: var(--radius);
  }
  .field:focus-within { outline: 3px solid var(--accent); outline-offset: -1px; border-color: transparent; }
  .field input { flex: 1; min-width: 0; height: 46px; border: 0; background: none; outline: none; font-size: 16px; }
  ::placeholder { color: var(--soft); opacity: 1; }
  select, textarea { width: 100%; border: 1px solid var(--edge); border-radius: var(--radius); background: var(--surface); padding: 10px 12px; }
  select { min-height: 44px; }
  textarea { resize: vertical; min-height: 92px; font-size: 15px; }
  label, .label { display: block; font-weight: 600; font-size: 13px; color: var(--soft); margin-bottom: 4px; }
`;

export const parts = css`
  header { display: flex; align-items: center; gap: 8px; padding: 10px 8px 10px 16px; border-bottom: 1px solid var(--line); }
  header .who { font-weight: 600; line-height: 1.25; }
  header .status { font-size: 12.5px; color: var(--soft); display: flex; align-items: center; gap: 6px; }
  .dot { width: 9px; height: 9px; border-radius: 50%; background: var(--edge); flex: none; }
  .dot.ready { background: var(--go); }
  .dot.busy { background: var(--stop); }
  .dot.wait { background: var(--warn); }

  .choice { display: inline-flex; padding: 3px; gap: 2px; background: var(--raised); border-radius: 22px; }
  .choice button { display: flex; align-items: center; justify-content: center; width: 40px; height: 34px; border-radius: 18px; color: var(--soft); }
  .choice button[aria-checked='true'] { background: var(--surface); color: var(--accent); box-shadow: 0 1px 3px rgb(0 0 0 / 22%); }

  .banner { display: flex; gap: 10px; align-items: flex-start; padding: 10px 8px 10px 16px; font-size: 14px; background: color-mix(in oklab, var(--warn) 13%, var(--surface)); border-bottom: 1px solid color-mix(in oklab, var(--warn) 40%, var(--surface)); }
  .banner > .icon { color: var(--warn); margin-top: 1px; }
  .banner.bad { background: color-mix(in oklab, var(--stop) 11%, var(--surface)); border-color: color-mix(in oklab, var(--stop) 40%, var(--surface)); }
  .banner.bad > .icon { color: var(--stop); }
  .banner.note { background: var(--raised); border-color: var(--line); }
  .banner.note > .icon { color: var(--soft); }
  .banner .quiet { width: 32px; height: 32px; margin-top: -5px; }
  .banner .actions { display: flex; flex-wrap: wrap; gap: 4px 16px; margin-top: 2px; }

  .body { container-type: size; flex: 1; display: flex; flex-direction: column; min-height: 0; overflow-y: auto; overscroll-behavior: contain; }
  .page { display: flex; flex-direction: column; gap: 14px; padding: 16px; flex: 1; width: 100%; max-width: 560px; margin-inline: auto; }
  .title { display: flex; align-items: center; gap: 4px; margin: -6px 0 -4px -8px; font-weight: 600; font-size: 16px; }

  .wrap { flex-wrap: wrap; }
  .between { justify-content: space-between; min-height: 32px; }
  .tabs { display: inline-flex; gap: 2px; }
  .tab { min-height: 32px; padding: 0 12px; border-radius: 16px; font-size: 13px; font-weight: 600; color: var(--soft); }
  .tab:hover { background: var(--raised); }
  .tab[aria-pressed='true'] { background: var(--raised); color: var(--text); }
  .count { display: inline-block; min-width: 18px; padding: 0 5px; margin-inline-start: 3px; border-radius: 9px; font-size: 12px; line-height: 18px; text-align: center; background: var(--stop); color: var(--on-stop); }

  ul { list-style: none; padding: 0; }
  .list { margin: 0 -8px; }
  .list > li { display: flex; align-items: center; border-radius: var(--radius); }
  .list > li:hover { background: var(--raised); }
  .entry { display: flex; align-items: center; gap: 12px; flex: 1; min-width: 0; padding: 8px; text-align: start; border-radius: var(--radius); }
  .entry .first { font-weight: 550; }
  .entry .second { font-size: 13px; color: var(--soft); display: flex; gap: 5px; align-items: center; }
  .entry .second .icon { width: 15px; height: 15px; }
  .missed .first, .missed .second .icon { color: var(--stop); }
  .entry .at { font-size: 12.5px; color: var(--soft); white-space: nowrap; }
  .list > .target { flex-wrap: wrap; padding-bottom: 8px; }
  .target .entry { flex: 1 1 100%; padding-bottom: 2px; }
  .target .row { padding-inline: 60px 8px; flex-wrap: wrap; }

  .face { --size: 40px; display: grid; place-items: center; width: var(--size); height: var(--size); border-radius: 50%; flex: none; font-weight: 600; font-size: calc(var(--size) * 0.38); background: light-dark(oklch(92% 0.05 var(--hue, 260)), oklch(38% 0.07 var(--hue, 260))); color: light-dark(oklch(36% 0.11 var(--hue, 260)), oklch(93% 0.04 var(--hue, 260))); }
  .c0 { --hue: 20; } .c1 { --hue: 65; } .c2 { --hue: 110; } .c3 { --hue: 155; } .c4 { --hue: 200; } .c5 { --hue: 245; } .c6 { --hue: 290; } .c7 { --hue: 335; }
  .face .icon { width: calc(var(--size) * 0.5); height: calc(var(--size) * 0.5); }
  .face.large { --size: 84px; }

  .call { display: flex; flex-direction: column; align-items: center; gap: 4px; text-align: center; padding: 18px 0 6px; }
  .call .name { font-size: 22px; line-height: 1.25; font-weight: 650; margin-top: 10px; max-width: 100%; overflow-wrap: anywhere; display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; }
  .call .number { color: var(--soft); }
  .call .stage { margin-top: 6px; min-height: 28px; display: flex; align-items: center; justify-content: center; gap: 8px; font-weight: 550; }
  .call .time { font-size: 19px; font-weight: 600; }
  .call.alone { margin-block: auto; }
  .ringing .face { animation: ring 1.6s ease-out infinite; }
  @keyframes ring {
    from { box-shadow: 0 0 0 0 color-mix(in oklab, var(--go) 55%, transparent); }
    to { box-shadow: 0 0 0 22px transparent; }
  }
  .heading { display: inline-flex; flex-wrap: wrap; align-items: center; justify-content: center; gap: 2px 8px; font-weight: 600; color: var(--go); margin-bottom: 18px; }
  .heading .soft { font-weight: 400; font-size: 14px; }
  .name .out { display: inline-flex; vertical-align: -1px; padding: 3px; margin-inline-start: 4px; border-radius: 6px; color: var(--accent); }
  .name .out .icon { width: 18px; height: 18px; }
  .badges { display: flex; flex-wrap: wrap; gap: 6px; justify-content: center; min-height: 26px; }
  .badge { display: inline-flex; align-items: center; gap: 5px; padding: 2px 10px; border-radius: 13px; font-size: 13px; font-weight: 600; background: var(--raised); }
  .badge .cut { max-width: 150px; }
  .badge .icon { width: 14px; height: 14px; }
  .badge.warn { color: var(--warn); background: color-mix(in oklab, var(--warn) 14%, var(--surface)); }
  .badge.stop { color: var(--stop); background: color-mix(in oklab, var(--stop) 12%, var(--surface)); }
  .badge.stop i { width: 9px; height: 9px; border-radius: 50%; background: currentColor; animation: blink 1.6s infinite; }
  @keyframes blink { 50% { opacity: 0.25; } }

  .bars { display: inline-flex; align-items: flex-end; gap: 2px; height: 14px; }
  .bars i { width: 4px; border-radius: 1px; background: var(--line); }
  .bars i:nth-child(1) { height: 5px; } .bars i:nth-child(2) { height: 8px; } .bars i:nth-child(3) { height: 11px; } .bars i:nth-child(4) { height: 14px; }
  .bars i.on { background: var(--go); }
  .bars.b1 i.on, .bars.b0 i { background: var(--stop); }
  .bars.b2 i.on { background: var(--warn); }

  .controls { display: grid; grid-template-columns: repeat(3, 1fr); gap: 12px 8px; margin: 4px auto; width: 100%; max-width: 320px; }
  .controls.two { grid-template-columns: repeat(2, 1fr); max-width: 210px; }
  .control { display: flex; flex-direction: column; align-items: center; gap: 6px; font-size: 13px; padding: 2px; border-radius: var(--radius); min-width: 0; }
  .control > span:first-child { display: grid; place-items: center; width: 56px; height: 56px; border-radius: 50%; background: var(--raised); transition: background 0.12s; }
  .control .icon { width: 24px; height: 24px; }
  .control:not(:disabled, .on):hover > span:first-child { background: var(--pressed); }
  .control.on > span:first-child { background: var(--text); color: var(--surface); }
  .control.on.stop > span:first-child { background: var(--stop); color: var(--on-stop); }
  .control[aria-busy='true'] > span:first-child { animation: blink 1s infinite; }
  .bottom { position: sticky; bottom: 0; margin: auto -16px -16px; padding: 10px 16px 16px; display: flex; gap: 12px; background: linear-gradient(transparent, var(--surface) 10px); }
  .bottom .pill { flex: 1; }

  .keys { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; max-width: 288px; width: 100%; margin: 0 auto; }
  .keys button { min-height: 54px; border-radius: 27px; background: var(--raised); font-size: 22px; line-height: 1; font-weight: 550; display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 3px; }
  .keys button:hover { background: var(--pressed); }
  .keys small { font-size: 10px; letter-spacing: 0.12em; color: var(--soft); font-weight: 600; min-height: 10px; }
  .digits { min-height: 40px; font-size: 26px; text-align: center; letter-spacing: 0.06em; overflow-wrap: anywhere; }

  .party { display: flex; align-items: center; gap: 12px; padding: 12px; border-radius: var(--radius); background: var(--raised); }
  .party.talks { background: color-mix(in oklab, var(--go) 12%, var(--surface)); box-shadow: inset 0 0 0 2px var(--go); }
  .party .first { font-weight: 600; }
  .party .second { font-size: 13px; color: var(--soft); }

  .chips { display: flex; flex-wrap: wrap; gap: 8px; }
  .chip { padding: 8px 14px; border-radius: 20px; border: 1px solid var(--edge); font-size: 14px; }
  .chip[aria-pressed='true'] { background: var(--accent); color: var(--on-accent); border-color: transparent; font-weight: 600; }

  meter { display: none; }
  .meter { height: 10px; border-radius: 5px; background: var(--raised); overflow: hidden; }
  .meter i { display: block; height: 100%; width: 100%; background: var(--go); transform-origin: left; transform: scaleX(var(--level, 0)); transition: transform 0.06s linear; }
  .empty { text-align: center; color: var(--soft); padding: 28px 16px; }
  .middle { margin: auto; text-align: center; padding: 24px; display: flex; flex-direction: column; gap: 8px; align-items: center; }
  .middle .first { font-weight: 600; }
  .middle .face { background: var(--raised); color: var(--soft); margin-bottom: 8px; }
  .spinner { width: 28px; height: 28px; border-radius: 50%; border: 3px solid var(--line); border-top-color: var(--accent); animation: turn 0.9s linear infinite; }
  @keyframes turn { to { transform: rotate(1turn); } }

  @container (max-height: 560px) {
    .call { padding-top: 6px; }
    .call .face.large { --size: 60px; }
    .call .name { font-size: 20px; margin-top: 6px; }
    .control > span:first-child { width: 50px; height: 50px; }
    .keys button { min-height: 46px; }
    .page { gap: 10px; }
  }
  @container (max-height: 490px) {
    .call:not(.alone) { display: grid; grid-template-columns: auto 1fr; column-gap: 14px; text-align: start; justify-items: start; align-items: center; }
    .call:not(.alone) .face { grid-row: span 3; --size: 52px; }
    .call:not(.alone) > :not(.face) { grid-column: 2; }
    .call:not(.alone) .stage { margin: 0; }
    .badges { justify-content: flex-start; }
  }
  @container (max-width: 299px) {
    .controls { gap: 8px 4px; }
    .page { padding: 12px; }
  }
  @media (prefers-reduced-motion: reduce) {
    *, .ringing .face { animation: none !important; transition: none !important; }
    .ringing .face { box-shadow: 0 0 0 6px color-mix(in oklab, var(--go) 45%, transparent); }
  }
  @media (forced-colors: active) {
    .pill, .control > span:first-child, .chip, .keys button { border: 1px solid ButtonText; }
    .control.on > span:first-child, .chip[aria-pressed='true'] { border: 3px solid Highlight; }
  }
`;
