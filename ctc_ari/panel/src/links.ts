import type { CtcPanel } from './panel.ts';

/** Where numbers in text are not touched: whatever has a meaning of its own. */
const UNTOUCHED = 'a, button, input, textarea, select, option, label, script, style, code, pre, svg, ctc-panel, [data-ctc-number], [contenteditable], [data-ctc-ignore]';
/** `+44 20 7946 0123`, `(020) 7946 0123`; not dates, prices, or parts of longer codes. */
const NUMBER = /(?<![\w+./:#-])(?:\+\d{1,3}[\s.-]?|0)(?:\(0?\d{1,5}\)|\d)(?:[\s.-]?\d){6,12}(?![\w/:-])/g;

export interface ClickToCall {
  stop(): void;
}

/**
 * `[data-ctc-number]` and `tel:` links below `root` call through the panel instead; with `text`, numbers in text too. The page's
 * elements stay as they are: one listener does it, and only numbers in text get an element around them.
 */
export function clickToCall(panel: CtcPanel, root: HTMLElement = document.body, options: { text?: boolean } = {}): ClickToCall {
  const click = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const found = (event.target as Element | null)?.closest?.<HTMLElement>('[data-ctc-number], a[href^="tel:"]');
    if (!found) return;
    event.preventDefault();
    call(panel, found);
  };
  const key = (event: KeyboardEvent): void => {
    const found = event.target as HTMLElement | null;
    if ((event.key !== 'Enter' && event.key !== ' ') || !found?.matches?.('[data-ctc-found]')) return;
    event.preventDefault();
    call(panel, found);
  };
  root.addEventListener('click', click);
  root.addEventListener('keydown', key);
  const observer = options.text ? new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach(mark))) : null;
  if (observer) {
    mark(root);
    observer.observe(root, { childList: true, subtree: true });
  }
  return {
    stop() {
      root.removeEventListener('click', click);
      root.removeEventListener('keydown', key);
      observer?.disconnect();
      for (const each of root.querySelectorAll('[data-ctc-found]')) {
        const parent = each.parentNode;
        each.replaceWith(...each.childNodes);
        parent?.normalize();
      }
    },
  };
}

function call(panel: CtcPanel, found: HTMLElement): void {
  const number = found.dataset['ctcNumber'] ?? decodeURIComponent((found.getAttribute('href') ?? '').slice('tel:'.length).split(';')[0] ?? '');
  const contact = found.dataset['ctcContact'];
  void panel.call(contact ? { to: number, contact_id: contact } : number);
}

function mark(node: Node): void {
  if (node.nodeType === Node.TEXT_NODE) {
    if (!node.parentElement?.closest(UNTOUCHED)) markText(node as Text);
    return;
  }
  if (!(node instanceof Element) || node.closest(UNTOUCHED)) return;
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT, (text) =>
    text.parentElement?.closest(UNTOUCHED) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
  );
  const texts: Text[] = [];
  while (walker.nextNode()) texts.push(walker.currentNode as Text);
  texts.forEach(markText);
}

function markText(text: Text): void {
  const found = [...text.data.matchAll(NUMBER)];
  for (const match of found.reverse()) {
    const number = text.splitText(match.index);
    number.splitText(match[0].length);
    const link = document.createElement('span');
    link.dataset['ctcNumber'] = match[0];
    link.dataset['ctcFound'] = '';
    link.role = 'link';
    link.tabIndex = 0;
    link.style.setProperty('text-decoration', 'underline dotted');
    link.style.setProperty('cursor', 'pointer');
    number.replaceWith(link);
    link.append(number);
  }
}
