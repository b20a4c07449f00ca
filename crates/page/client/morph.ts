// Updates an element to the hub's version, and preserves user state: open, chosen, typed, focused.

import { keyOf } from "./dom";
import { drop, isPlace } from "./places";

/** Inner HTML of blocks that grow, as last set. */
export const sources = new WeakMap<Element, string>();

/** Menus in which the person selected an option. */
export const chosen = new WeakSet<Element>();

/** Attributes that the page itself sets. */
const ownNames = ["data-open", "data-ready", "data-unread", "data-marked", "data-kept", "data-said", "data-picked", "data-on", "tabindex", "aria-disabled"];

function owned(name: string, element: Element): boolean {
  return ownNames.includes(name) || (name === "open" && (element.tagName === "DETAILS" || element.tagName === "DIALOG"));
}

/** Gives `old` the attributes of `fresh`. */
export function attributes(old: Element, fresh: Element): void {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !owned(name, old)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !owned(name, old)) old.setAttribute(name, value);
  }
}

/** Identity of a child among its siblings. A problem that is shown never matches another line. */
function nameOf(node: Node): string | undefined {
  return keyOf(node) ?? (node instanceof Element && node.matches(".problem") ? ".problem" : undefined);
}

function same(old: Node, fresh: Node): boolean {
  return old.nodeName === fresh.nodeName && nameOf(old) === nameOf(fresh);
}

function children(old: Element, fresh: Element): void {
  const keys = new Set([...fresh.children].map(nameOf));
  const keyed = new Map<string, Element>();
  for (const child of [...old.children]) {
    const key = nameOf(child);
    if (key === undefined) continue;
    if (keys.has(key)) keyed.set(key, child);
    else drop(child);
  }
  let at = old.firstChild;
  for (const want of [...fresh.childNodes]) {
    while (at && isPlace(at)) at = at.nextSibling;
    const key = nameOf(want);
    const have: Node | null | undefined = key === undefined ? at : keyed.get(key);
    if (!have || !same(have, want)) {
      old.insertBefore(want, at);
      continue;
    }
    if (have === at) at = at.nextSibling;
    else old.insertBefore(have, at);
    if (have instanceof Element && want instanceof Element) morph(have, want);
    else if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue;
  }
  while (at) {
    const next = at.nextSibling;
    drop(at);
    at = next;
  }
}

/** Changes `old` into `fresh`. Children of lists travel apart and stay. */
export function morph(old: Element, fresh: Element): void {
  if (old.matches(".problem, #text") || old.isEqualNode(fresh)) return;
  const kept = old instanceof HTMLSelectElement && chosen.has(old) ? old.value : undefined;
  const moment = old.matches("time") && old.getAttribute("data-at") === fresh.getAttribute("data-at");
  sources.delete(old);
  attributes(old, fresh);
  if (moment || old.hasAttribute("data-list")) return;
  children(old, fresh);
  if (kept !== undefined && old instanceof HTMLSelectElement && [...old.options].some((o) => o.value === kept)) {
    old.value = kept;
  }
}
