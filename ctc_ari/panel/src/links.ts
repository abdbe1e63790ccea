import type { CtcPanel } from './panel.ts';

/** Where numbers in text are not touched: whatever has a meaning of its own. */
const UNTOUCHED = 'a, button, input, textarea, select, option, label, script, style, code, pre, svg, ctc-panel, [data-ctc-number], [contenteditable], [data-ctc-ignore]';
/** `+44 20 7946 0123`, `(020) 7946 0123`; not dates, prices, or parts of longer codes. */
const NUMBER = /(?<![\w+./:#-])(?:\+\d{1,3}[\s.-]?|0)(?:\(0?\d{1,5}\)|\d)(?:[\s.-]?\d){6,12}(?![\w/:-])/g;
/** What calls, and cannot be reached with the keyboard as it is. */
const UNREACHED = '[data-ctc-number]:not(a[href], button, input, select, summary, [tabindex])';

export interface ClickToCall {
  stop(): void;
}

/** Where a number was found: what we left of the text, and what we put behind it. */
interface Found {
  readonly left: string;
  readonly made: readonly ChildNode[];
}

/**
 * `[data-ctc-number]` and `tel:` links below `root` call through the panel instead; with `text`, numbers in text too. The page's
 * elements stay as they are: one listener does it, and only numbers in text get an element around them. A page that writes
 * another text into such a place finds it as if nobody had been there.
 */
export function clickToCall(panel: CtcPanel, root: HTMLElement = document.body, options: { text?: boolean } = {}): ClickToCall {
  const founds = new WeakMap<Node, Found>();
  const click = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const found = (event.target as Element | null)?.closest?.<HTMLElement>('[data-ctc-number], a[href^="tel:"]');
    if (!found) return;
    event.preventDefault();
    call(panel, found);
  };
  const key = (event: KeyboardEvent): void => {
    const found = event.target as HTMLElement | null;
    if ((event.key !== 'Enter' && event.key !== ' ') || !found?.matches?.('[data-ctc-found], [data-ctc-reached]')) return;
    event.preventDefault();
    call(panel, found);
  };
  const look = (node: Node): void => {
    if (node instanceof Element) reach(node);
    if (options.text) mark(node, founds);
  };
  const undo = (node: Node): void => {
    founds.get(node)?.made.forEach((each) => each.remove());
    founds.delete(node);
  };
  const observer = new MutationObserver((changes) => {
    for (const { type, target, addedNodes, removedNodes } of changes) {
      if (type === 'characterData') {
        // Our own cut is no change; the page's is, and what we made of the text before is not in it.
        if (founds.get(target)?.left === (target as Text).data) continue;
        undo(target);
        look(target);
      }
      removedNodes.forEach((node) => !node.isConnected && undo(node));
      addedNodes.forEach(look);
    }
  });
  root.addEventListener('click', click);
  root.addEventListener('keydown', key);
  look(root);
  observer.observe(root, { childList: true, subtree: true, characterData: options.text ?? false });
  return {
    stop() {
      root.removeEventListener('click', click);
      root.removeEventListener('keydown', key);
      observer.disconnect();
      for (const each of root.querySelectorAll<HTMLElement>('[data-ctc-reached]')) {
        each.removeAttribute('tabindex');
        delete each.dataset['ctcReached'];
      }
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

function reach(node: Element): void {
  for (const each of [node, ...node.querySelectorAll(UNREACHED)]) {
    if (!(each instanceof HTMLElement) || !each.matches(UNREACHED)) continue;
    each.tabIndex = 0;
    each.dataset['ctcReached'] = '';
  }
}

function mark(node: Node, founds: WeakMap<Node, Found>): void {
  if (node.nodeType === Node.TEXT_NODE) {
    if (!node.parentElement?.closest(UNTOUCHED)) markText(node as Text, founds);
    return;
  }
  if (!(node instanceof Element) || node.closest(UNTOUCHED)) return;
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT, (text) =>
    text.parentElement?.closest(UNTOUCHED) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
  );
  const texts: Text[] = [];
  while (walker.nextNode()) texts.push(walker.currentNode as Text);
  for (const text of texts) markText(text, founds);
}

function markText(text: Text, founds: WeakMap<Node, Found>): void {
  const made: ChildNode[] = [];
  for (const match of [...text.data.matchAll(NUMBER)].reverse()) {
    const number = text.splitText(match.index);
    const rest = number.splitText(match[0].length);
    const link = document.createElement('span');
    link.dataset['ctcNumber'] = match[0];
    link.dataset['ctcFound'] = '';
    link.role = 'link';
    link.tabIndex = 0;
    link.style.setProperty('text-decoration', 'underline dotted');
    link.style.setProperty('cursor', 'pointer');
    number.replaceWith(link);
    link.append(number);
    made.push(link, rest);
  }
  if (made.length > 0) founds.set(text, { left: text.data, made });
}
