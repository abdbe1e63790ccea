// Making elements. Text is always put in as text: a caller's name can contain anything.

export const find = (selector) => document.querySelector(selector);

/** `el('a', {href, class, data-…, onclick}, ...children)`; null and false are left out. */
export const el = (name, properties = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) element[key] = value;
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
};

/** One of the symbols in index.html. */
export const icon = (name) => {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
};

/** Initials on a colour of the name's own, the same as in the panel. */
export const face = (name) => {
  const words = (name ?? '').split(/\s+/).filter((word) => /^\p{L}/u.test(word));
  const letters = words.length > 1 ? [words.at(0), words.at(-1)] : words;
  const hue = [...(name ?? '')].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 0);
  const shown = letters.map((word) => [...word][0].toUpperCase()).join('') || icon('phone');
  return el('span', { class: `face c${Math.floor(hue / 45)}`, 'aria-hidden': 'true' }, shown);
};

/** What is on the screen instead of nothing. */
export const hint = (title, ...text) => el('div', { class: 'hint' }, el('p', { class: 'strong' }, title), ...text.map((line) => el('p', {}, line)));

/** Milliseconds after which somebody has probably typed what she wanted. */
export const TYPING = 200;

/** Does it once, when nothing has happened for that many milliseconds. */
export const after = (milliseconds, what) => {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(what, milliseconds);
  };
};
