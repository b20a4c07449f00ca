// DOM look-ups, and the data attributes of the document.

import { t } from "./words";

export const root = document.documentElement;

/** Elements that are not on the page yet, by key. */
export const aside = new Map<string, Element>();

export function byId<T extends HTMLElement>(id: string): T | null {
  return document.getElementById(id) as T | null;
}

/** The element with this `data-k`, on the page or in the store of unplaced elements. */
export function find(key: string): Element | null {
  const selector = `[data-k="${CSS.escape(key)}"]`;
  const here = document.querySelector(selector) ?? aside.get(key);
  if (here) return here;
  for (const element of aside.values()) {
    const inside = element.querySelector(selector);
    if (inside) return inside;
  }
  return null;
}

/** The element that this HTML, made by the hub, describes. */
export function parse(html: string): Element | null {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

export function keyOf(node: Node): string | undefined {
  return node instanceof HTMLElement ? node.dataset.k : undefined;
}

/** Announces a text to screen readers. */
export function say(text: string): void {
  const said = byId("said");
  if (said) said.textContent = t(text);
}

/** Puts the focus on the row after one that goes, or else on the one before it. */
export function focusNeighbour(row: Element): void {
  for (const step of ["nextElementSibling", "previousElementSibling"] as const) {
    for (let next = row[step]; next; next = next[step]) {
      const link = next.querySelector<HTMLElement>(":scope > a");
      if (link?.checkVisibility() === true) return link.focus({ preventScroll: true, focusVisible: true } as FocusOptions);
    }
  }
}

/** Puts the focus on a card, as a key does. */
export function focusCard(card: HTMLElement): void {
  card.tabIndex = -1;
  card.focus({ focusVisible: true } as FocusOptions);
}
