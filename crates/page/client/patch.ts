// Applies batches, strictly in order. Whatever does not fit is fetched.

import { aside, find, keyOf, parse, root } from "./dom";
import { attributes, morph, sources } from "./morph";
import { heldOrder, pinFresh, pinned } from "./overview";
import { drop, isPlace } from "./places";

/** The length that the inside must have, how much of its end stays, what comes before that, and how much goes for it. */
type Splice = [number, number, string, number?];

export type Op =
  | ["f", string]
  | ["t", string]
  | ["o", string, string[]]
  | ["e", string, string[], string[]?]
  | ["b", string, ...Splice]
  | ["g", string, string]
  | Splice;

/** The key of the last splice's element, which the next one of the same does not name, and the element. */
let spliced = "";
let grown: Element | null = null;

/** Growing blocks that hold the person's selection: they are brought up to date once it is gone. */
const held = new Set<Element>();

/** True if any text is selected. The check costs as much as appending a word. */
let selecting = false;

function selected(element: Element): boolean {
  return selecting && getSelection()?.containsNode(element, true) === true;
}

/** Replaces the content of `old` with that of `fresh`. Equal nodes stay, so that only new ones are laid out and drawn. */
function follow(old: Node, fresh: Node): void {
  let at = old.firstChild;
  for (const want of [...fresh.childNodes]) {
    if (!at) {
      old.appendChild(want);
      continue;
    }
    const next: ChildNode | null = at.nextSibling;
    if (at instanceof Text && want instanceof Text) {
      if (want.data.startsWith(at.data)) at.appendData(want.data.slice(at.length));
      else at.data = want.data;
    } else if (!at.isEqualNode(want)) {
      if (at.cloneNode().isEqualNode(want.cloneNode())) follow(at, want);
      else at.replaceWith(want);
    }
    at = next;
  }
  while (at) {
    const next: ChildNode | null = at.nextSibling;
    at.remove();
    at = next;
  }
}

function write(element: Element): void {
  const source = sources.get(element);
  if (source === undefined) return;
  const fresh = element.cloneNode() as Element;
  fresh.innerHTML = source;
  follow(element, fresh);
}

document.addEventListener("selectionchange", () => {
  selecting = getSelection()?.isCollapsed === false;
  for (const element of held) {
    if (selected(element)) continue;
    held.delete(element);
    write(element);
  }
});

function fragmentUrl(key: string, rev: number): string {
  const { instance, session, from, overview, review } = root.dataset;
  const below = session === undefined ? "" : `/s/${encodeURIComponent(session)}`;
  const path = instance === undefined ? "/" : `/i/${encodeURIComponent(instance)}${below}`;
  const beside = (overview === undefined ? "" : "&overview=true") + (review === undefined ? "" : "&review=true");
  const window = `${beside}${from === undefined ? "" : `&from=${encodeURIComponent(from)}`}`;
  return `/fragment${path}?key=${encodeURIComponent(key)}&at=${rev}${window}`;
}

/** Timeout for fetching an element. Later changes of the page wait for it. */
const patience = 15_000;

/** Fetches the hub's version of an element; `null` if it is gone. */
export async function fetchElement(url: string): Promise<Element | null> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(patience) });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return parse(await answer.text());
}

function put(fresh: Element | null): void {
  const key = fresh ? keyOf(fresh) : undefined;
  if (!fresh || key === undefined) return;
  const old = find(key);
  if (!old) aside.set(key, fresh);
  else if (old.tagName === fresh.tagName) {
    pinFresh(fresh);
    morph(old, fresh);
  } else old.replaceWith(fresh);
}

async function order(key: string, given: string[], rev: number): Promise<void> {
  const list = find(key);
  if (!list) return;
  const keys = pinned(list, given);
  const wanted = new Set(keys);
  const known = new Map<string, Element>();
  for (const child of [...list.children]) {
    const name = keyOf(child);
    if (name !== undefined && wanted.has(name)) known.set(name, child);
    else drop(child);
  }
  let at = list.firstElementChild;
  for (const name of keys) {
    const child = known.get(name) ?? aside.get(name) ?? (await fetchElement(fragmentUrl(name, rev)));
    aside.delete(name);
    if (!child) continue;
    while (at && isPlace(at)) at = at.nextElementSibling;
    if (child === at) at = at.nextElementSibling;
    else if (child.contains(document.activeElement)) {
      // An element that is moved loses the focus: what stands before it moves behind it instead, and finds its place later.
      while (at && at !== child) {
        const next: Element | null = at.nextElementSibling;
        if (!isPlace(at)) list.append(at);
        at = next;
      }
      at = child.nextElementSibling;
    } else list.insertBefore(child, at);
  }
}

async function extend(key: string, come: string[], gone: string[], rev: number): Promise<void> {
  const moved = new Set([...come, ...gone]);
  const has = heldOrder(key) ?? [...(find(key)?.children ?? [])].map(keyOf);
  const stay = has.filter((name) => name !== undefined && !moved.has(name)) as string[];
  await order(key, [...stay, ...come], rev);
}

function tag(fresh: Element | null): void {
  const key = fresh ? keyOf(fresh) : undefined;
  const old = key === undefined ? null : find(key);
  if (old && fresh) attributes(old, fresh);
}

async function splice(key: string, [length, end, text, gone = 0]: Splice, rev: number): Promise<void> {
  // Looking for it goes through the whole page, and most changes are of one text that grows.
  const element = key === spliced && grown?.isConnected ? grown : find(key);
  [spliced, grown] = [key, element];
  const source = element && (sources.get(element) ?? element.innerHTML);
  if (!element || source?.length !== length) {
    put(await fetchElement(fragmentUrl(key, rev)));
    return;
  }
  sources.set(element, source.slice(0, length - end - gone) + text + source.slice(length - end));
  if (selected(element)) held.add(element);
  else write(element);
}

/** True for a change of nothing but a text that grows. */
export const isGrowth = (op: Op): boolean => typeof op[0] === "number" || op[0] === "b";

/** Applies a batch that brings the page to `rev`. */
export async function apply(ops: Op[], rev: number): Promise<void> {
  const large = new Map<string, Promise<Element | null>>();
  for (const op of ops) if (op[0] === "g") large.set(op[1], fetchElement(op[2]));
  for (const op of ops) {
    switch (op[0]) {
      case "f":
        put(parse(op[1]));
        break;
      case "t":
        tag(parse(op[1]));
        break;
      case "o":
        await order(op[1], op[2], rev);
        break;
      case "e":
        await extend(op[1], op[2], op[3] ?? [], rev);
        break;
      case "b":
        await splice(op[1], [op[2], op[3], op[4], op[5]], rev);
        break;
      case "g":
        put((await large.get(op[1])) ?? null);
        break;
      default:
        await splice(spliced, op, rev);
    }
  }
  // What a batch brings, it also places; anything left is not shown.
  aside.clear();
}

/** Gives a list the order that it was kept from, as far as nothing keeps it any more. */
export async function settleList(key: string): Promise<void> {
  const wanted = heldOrder(key);
  if (wanted) await order(key, wanted, Number(root.dataset.rev));
}
