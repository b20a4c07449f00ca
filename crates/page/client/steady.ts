// When a card takes input, and when it may grant: see docs/consent.md. A card has to stand where it is, as it is, for a
// while; what it grants has to be in sight as a whole, and read to its end.

import { root } from "./dom";
import { sweep } from "./places";
import { minding } from "./reading";

/** Time after drawing before a card accepts input, in milliseconds. */
const stillness = 400;
/** Between looks at where cards are, while there are some. Changes, scrolling and presses are looked at at once. */
const lookAtCards = 250;
/** Pixels by which a card may stick out, or its text be short of its end: sizes are no whole numbers. */
const slack = 2;
/** Pixels from a card's edge at which it is looked for what lies over it. */
const inset = 4;

/** Controls that accept input only after that time. */
export const guarded = "li.card, #confirm[open]";
/** Elements that clip a card when it is scrolled. */
const cutting = "#app, #log, #left, ul, dialog";

/** Stability of a card: position, content, since when, and whether all of it was visible and read. */
interface Stand {
  as: string;
  since: number;
  whole: boolean;
  read: boolean;
}

const stands = new WeakMap<Element, Stand>();
/** Stands that are not drawn yet, and those of frames that are being drawn. */
let undrawn: Stand[] = [];
let inFrame: Stand[] = [];
/** Requests, with their content, that were read to their end. */
const readThrough = new Set<string>();

/** The card that the key allows, and its own stand as such. */
let marked: { card: HTMLElement; stand: Stand } | null = null;

const cardsDrawn = new MessageChannel();
cardsDrawn.port1.onmessage = () => {
  for (const stand of inFrame) stand.since = Math.min(stand.since, performance.now());
  inFrame = [];
  setTimeout(measure, stillness + 1);
};

/** A stand that counts from when it is drawn: what a person cannot see yet takes no input. */
function newStand(as: string, whole: boolean, read: boolean): Stand {
  const made = { as, since: Infinity, whole, read };
  if (undrawn.push(made) > 1) return made;
  requestAnimationFrame(() => {
    inFrame.push(...undrawn);
    undrawn = [];
    // It is heard right after this frame.
    cardsDrawn.port2.postMessage(null);
  });
  return made;
}

/** Part of a card that must be fully visible. */
const bodyOf = (card: HTMLElement): HTMLElement => card.querySelector<HTMLElement>(".ask") ?? card;

function within({ left, top, right, bottom }: DOMRect, box: Pick<DOMRect, "left" | "top" | "right" | "bottom">): boolean {
  return (
    left >= box.left - slack && top >= box.top - slack && right <= box.right + slack && bottom <= box.bottom + slack
  );
}

/** Visible area of the window: pinch zoom may reduce it. */
function visible(): Pick<DOMRect, "left" | "top" | "right" | "bottom"> {
  const seen = visualViewport;
  if (!seen) return { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
  const { offsetLeft, offsetTop, width, height } = seen;
  return { left: offsetLeft, top: offsetTop, right: offsetLeft + width, bottom: offsetTop + height };
}

/** True if no part of an element is clipped or covered. */
function isWhole(element: HTMLElement, at: DOMRect): boolean {
  if (document.hidden || at.width === 0) return false;
  if (!within(at, visible())) return false;
  for (let up = element.parentElement; up; up = up.parentElement) {
    if (up.matches(cutting) && !within(at, up.getBoundingClientRect())) return false;
  }
  const [left, right, top, bottom] = [at.left + inset, at.right - inset, at.top + inset, at.bottom - inset];
  const middle = [(left + right) / 2, (top + bottom) / 2] as const;
  const points = [middle, [left, top], [right, top], [left, bottom], [right, bottom]] as const;
  return points.every(([x, y]) => element.contains(document.elementFromPoint(x, y)));
}

const formOf = (card: HTMLElement): HTMLElement | null => card.querySelector<HTMLElement>("form[data-url]");

/** A request with its content. */
const contentOf = (card: HTMLElement): string => {
  const { url = "", fingerprint = "" } = formOf(card)?.dataset ?? {};
  return `${url} ${fingerprint} ${card.className} ${card.querySelector("#confirm-text")?.textContent ?? ""}`;
};

/** Whether something that scrolls is at its end, as is what does not scroll. */
function isAtItsEnd(box: HTMLElement | null): boolean {
  return !box || box.scrollTop + box.clientHeight >= box.scrollHeight - slack;
}

/** True if the end of the request was visible: that of the box that holds it, and in a low window that of the card. */
function isRead(card: HTMLElement, whole: boolean): boolean {
  const boxes = [card.querySelector<HTMLElement>(".whole"), card.querySelector<HTMLElement>(".ask")];
  if (!boxes.some((box) => box && box.scrollHeight > box.clientHeight + slack)) return true;
  const content = contentOf(card);
  if (whole && boxes.every(isAtItsEnd)) readThrough.add(content);
  return readThrough.has(content);
}

/** Notes how a card stands now. */
function note(card: HTMLElement): Stand {
  const body = bodyOf(card);
  const at = body.getBoundingClientRect();
  const whole = isWhole(body, at);
  const read = isRead(card, whole);
  const place = [at.left, at.top, at.width, at.height].map(Math.round).join();
  const as = `${place} ${whole} ${read} ${contentOf(card)}`;
  const known = stands.get(card);
  if (known?.as === as) return known;
  const fresh = newStand(as, whole, read);
  stands.set(card, fresh);
  return fresh;
}

const stood = (stand: Stand, at: number): boolean => at - stand.since >= stillness;

/** The buttons of a card that grant. */
const grants = "button[value=once], button[value=always]";

/** Shows what can be pressed. A button that cannot keeps the focus, and says so when it is pressed. */
function showStand(card: HTMLElement, stand: Stand): void {
  set(card, "data-ready", stood(stand, performance.now()));
  set(card, "data-unread", !stand.read);
  const kept = formOf(card)?.dataset.kept !== undefined;
  for (const button of card.querySelectorAll<HTMLElement>("form[data-url] button:not([data-take-back])")) {
    const off = kept || (!stand.read && button.matches(grants));
    if (off !== (button.ariaDisabled === "true")) button.ariaDisabled = off ? "true" : null;
  }
}

function set(element: HTMLElement, name: string, on: boolean): void {
  if (element.hasAttribute(name) !== on) element.toggleAttribute(name, on);
}

/** True if the key may allow a card once all other conditions hold. */
const isAllowable = (card: HTMLElement): boolean =>
  stands.get(card)?.whole === true && stands.get(card)?.read === true && formOf(card)?.dataset.kept === undefined;

/** Cards with leave to give: those below the conversation, then those at the side. */
const askingCards = (): HTMLElement[] =>
  ["asks", "needs"].flatMap((list) => [
    ...document.querySelectorAll<HTMLElement>(`[data-k=${list}] li.card:has(button[value=once])`),
  ]);

/** Marks the card that the key allows: the one that has the focus; where none has it, the first that is in sight. */
function mark(): void {
  const focused = document.activeElement?.closest<HTMLElement>("li.card");
  const next = askingCards().find((card) => (!focused || card === focused) && isAllowable(card));
  for (const card of document.querySelectorAll<HTMLElement>("[data-marked]")) if (card !== next) set(card, "data-marked", false);
  if (next) set(next, "data-marked", true);
  const as = next ? contentOf(next) : "";
  if (marked?.card === next && marked?.stand.as === as) return;
  marked = next ? { card: next, stand: newStand(as, true, true) } : null;
}

let looking: number | undefined;

/** Looks where all cards are, and how. */
export function measure(): void {
  const places = sweep();
  minding();
  const cards = document.querySelectorAll<HTMLElement>(guarded);
  for (const card of cards) showStand(card, note(card));
  mark();
  const busy = places || cards.length > 0;
  if (busy && looking === undefined) looking = setInterval(lookAgain, lookAtCards);
  if (busy || looking === undefined) return;
  clearInterval(looking);
  looking = undefined;
}

function lookAgain(): void {
  if (!document.hidden) measure();
}

let stirred = false;

/** Looks at the cards before the next frame: something came, or something moved those that are `known`. */
export function stir(known = false): void {
  if (stirred || (known && looking === undefined)) return;
  stirred = true;
  requestAnimationFrame(() => {
    stirred = false;
    measure();
  });
}

/** True if a card accepts input made at this time. */
export function isStill(card: HTMLElement, at: number): boolean {
  return stood(note(card), at);
}

/** A card that was pressed too early begins anew: the second press of a double click counts no more than the first. */
export function unsettle(card: HTMLElement): void {
  const stand = stands.get(card);
  if (stand) stand.since = Math.max(stand.since, performance.now());
  stir();
}

/** Why a card cannot grant now; `null` if it can. */
export function whyNotGranted(card: HTMLElement): string | null {
  const { whole, read } = note(card);
  if (!whole) return "Scroll until the whole request is visible.";
  return read ? null : "Scroll to the end of the request first.";
}

/** The card that the key allows at a moment, or why it allows none. */
export function allowable(at: number): HTMLElement | string {
  measure();
  const none = document.querySelector("li.card button[value=once]")
    ? "No request is fully visible. Scroll to it first."
    : "No request here can be allowed.";
  if (!marked) return none;
  const still = stood(marked.stand, at) && isStill(marked.card, at);
  return still ? marked.card : "This request has only just become visible.";
}

/** Begins. */
export function watchCards(): void {
  for (const name of ["scroll", "resize", "toggle", "close", "transitionend"]) {
    addEventListener(name, () => stir(true), { capture: true, passive: true });
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) measure();
    else stir();
  });
  for (const name of ["scroll", "resize"]) visualViewport?.addEventListener(name, () => stir(true), { passive: true });
  new ResizeObserver(() => stir(true)).observe(root);
  // A list that begins or ceases to be in use.
  for (const name of ["pointerover", "focusin", "focusout"]) addEventListener(name, () => stir(true), { passive: true });
  measure();
}
