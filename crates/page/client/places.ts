// A card that goes leaves its place behind while its list is in use, so that nothing slides under a pointer or the focus.

import { focusNeighbour } from "./dom";
import { allKept } from "./outbox";
import { t } from "./words";

/** The lists whose cards leave a place. */
const cardLists = "[data-k=asks-list], [data-k=needs-list]";
/** Time for which a list stays in use after a touch ends, in milliseconds: another touch may follow. */
const fingerStays = 1_500;

/** Height of the place of a card with none beside it, in pixels. */
const aloneHeight = 64;

let pointerKind = "";
/** What the finger was in, by name: a card that goes takes the element that was touched with it. */
let fingerIn: string | null = null;
let fingerAt = -Infinity;

/** Answers given on this page, as text, by the URL of the request. */
const answeredHere = new Map<string, string>();

/** Stores the text that the placeholder of a card will show. */
export function noteAnswer(url: string, words: string): void {
  answeredHere.set(url, words);
}

/** Elements that would move if a list became shorter: the list and everything below it. */
const sliding = (list: Element): Element => list.closest("#left") ?? list;

const slideName = (slides: Element): string => slides.id || (slides.getAttribute("data-k") ?? "");

/** Name of the element that would move under a finger; `null` if none would. */
function slidesAt(target: EventTarget | null): string | null {
  const list = target instanceof Element ? target.closest(`#left, ${cardLists}`) : null;
  return list && slideName(sliding(list));
}

/** True if a pointer, a finger or the keyboard focus is in a list, or in an element that would move with it. */
export function isUsed(list: Element): boolean {
  const all = sliding(list);
  const pointed = pointerKind === "mouse" && all.matches(":hover");
  const touched = fingerIn === slideName(all) && performance.now() - fingerAt < fingerStays;
  return pointed || touched || list.querySelector(":focus-visible") !== null;
}

/** The card of a list that is under the mouse, else the one with the focus. */
export const usedCard = (list: Element): Element | null =>
  (pointerKind === "mouse" ? list.querySelector(":scope > li:hover") : null) ?? list.querySelector(":scope > :is(li:focus-visible, li:has(:focus-visible))");

export const isPlace = (node: Node): boolean => node instanceof HTMLElement && node.dataset.place !== undefined;

function wordsFor(card: Element): string {
  const url = card.querySelector<HTMLElement>("form[data-url]")?.dataset.url ?? "";
  const refused = allKept().some((kept) => kept.url === url && kept.state === "refused");
  const own = refused ? undefined : answeredHere.get(url);
  return t(own ?? (url === "" ? "No longer waiting" : "Answered elsewhere or withdrawn"));
}

/** Rows over which a cursor goes. */
const cursorRows = "[data-k=tree-list] > li, [data-k=overview-list] > li";

/** Takes a node off the page; a card of a list that is in use leaves its place, and the focus of a row goes to its neighbour. */
export function drop(node: ChildNode): void {
  if (isPlace(node)) return;
  if (node instanceof HTMLElement && node.matches(cursorRows) && node.contains(document.activeElement)) focusNeighbour(node);
  const list = node.parentElement;
  if (!(node instanceof HTMLElement) || !node.matches("li.card") || !list?.matches(cardLists) || !isUsed(list)) {
    return node.remove();
  }
  const place = document.createElement("li");
  place.className = "place";
  place.dataset.place = "";
  place.tabIndex = -1;
  place.textContent = wordsFor(node);
  const { height } = node.getBoundingClientRect();
  // Below the only card of a conversation nothing slides: the hole of a long form is closed but for a line.
  const alone = list.matches("[data-k=asks-list]") && list.querySelectorAll(":scope > li").length === 1;
  place.style.height = `${alone ? Math.min(height, aloneHeight) : height}px`;
  const focused = node.matches(":is(:focus-visible, :has(:focus-visible))");
  node.replaceWith(place);
  if (focused) place.focus({ preventScroll: true });
}

/** Takes away the places of lists that are not in use any more. True if some are left. */
export function sweep(): boolean {
  let left = false;
  for (const place of document.querySelectorAll("[data-place]")) {
    if (place.parentElement && isUsed(place.parentElement)) left = true;
    else place.remove();
  }
  return left;
}

/** Removes all cards and placeholders of requests that the page no longer shows. */
export function clearAsks(): void {
  document.querySelector("[data-k=asks-list]")?.replaceChildren();
}

/** Begins. */
export function watchPlaces(): void {
  for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel"] as const) {
    document.addEventListener(
      name,
      (event) => {
        pointerKind = event.pointerType;
        if (pointerKind === "mouse") return;
        // A finger goes on being told where it went down, also where that has gone from the page.
        if (event.type === "pointerdown") fingerIn = slidesAt(event.target);
        fingerAt = performance.now();
      },
      { capture: true, passive: true },
    );
  }
}
