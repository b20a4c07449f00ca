// A press counts only for the row that was at its place a moment before, and the row under the mouse stays where it is.

import { hint } from "./hint";
import { aroundChanges } from "./live";
import { tooEarly } from "./presses";

/** Rows and tabs that may come, go and move by themselves. Cards have a guard of their own. */
const movable = "[data-k=tree-list] > li, [data-k=overview-list] > li, .tabs li, .strip li";
/** Time for which a row takes no press after it moved by itself, in milliseconds: that of cards. */
const rowStillness = 400;

/** A place that a row left by itself, and when; none if it was not there before. */
interface Left {
  at: number;
  from: DOMRect | undefined;
}

/** The places that a row left lately. */
const leftLately = new WeakMap<Element, Left[]>();

/** Where each row that can be seen is. */
function rowPlaces(): Map<Element, DOMRect> {
  const places = new Map<Element, DOMRect>();
  for (const row of document.querySelectorAll(movable)) {
    const place = row.getBoundingClientRect();
    if (place.width > 0 && place.bottom > 0 && place.top < innerHeight) places.set(row, place);
  }
  return places;
}

function noteMoves(before: Map<Element, DOMRect>): void {
  const at = performance.now();
  for (const [row, place] of rowPlaces()) {
    const from = before.get(row);
    if (from && Math.abs(from.left - place.left) < 1 && Math.abs(from.top - place.top) < 1) continue;
    const recent = (leftLately.get(row) ?? []).filter((one) => at - one.at < rowStillness);
    leftLately.set(row, [...recent, { at, from }]);
  }
}

const leftPane = (): HTMLElement | null => document.getElementById("left");

/** Moves the content of the left pane by so many pixels, by its scroll position or, where that has no room, by empty room. */
function shiftPane(by: number): void {
  const pane = leftPane();
  const tree = pane?.querySelector<HTMLElement>("[data-k=tree]");
  if (!pane || !tree || by === 0) return;
  const wanted = pane.scrollTop + by;
  if (wanted > pane.scrollHeight - pane.clientHeight) {
    // With that much room at its end the whole content counts, also where it is shorter than the pane.
    const ample = 2 * pane.clientHeight;
    tree.style.marginBottom = `${ample}px`;
    tree.style.marginBottom = `${Math.max(0, ample + wanted + pane.clientHeight - pane.scrollHeight)}px`;
  }
  pane.scrollTop = wanted;
  const above = pane.scrollTop - wanted;
  if (above > 0) tree.style.marginTop = `${(parseFloat(tree.style.marginTop) || 0) + above}px`;
}

/** Takes away the empty room that kept a row in its place. */
function settlePane(): void {
  const tree = leftPane()?.querySelector<HTMLElement>("[data-k=tree]");
  if (tree?.getAttribute("style")) tree.removeAttribute("style");
}

/** The session of the tree under the mouse; a finger leaves no such trace. */
const pointedRow = (): Element | null =>
  matchMedia("(hover: hover)").matches ? document.querySelector("[data-k=tree-list] > li:hover") : null;

/** Runs a change of the page: the row under the mouse stays in its place, and places that rows left are noted. */
async function steadied(act: () => Promise<void>): Promise<void> {
  if (document.hidden) return act();
  const [before, pointed] = [rowPlaces(), pointedRow()];
  const was = pointed?.getBoundingClientRect().top ?? 0;
  await act();
  if (pointed?.isConnected) shiftPane(Math.round(pointed.getBoundingClientRect().top - was));
  noteMoves(before);
}

/** True while a press goes on that began on a row which had just come there. */
let unmeant = false;

function beginOnRow({ target, timeStamp, clientX, clientY }: PointerEvent): void {
  const row = target instanceof Element ? target.closest(movable) : null;
  const wasThere = (from: DOMRect | undefined): boolean =>
    from !== undefined && clientX >= from.left && clientX <= from.right && clientY >= from.top && clientY <= from.bottom;
  const places = (row && leftLately.get(row)) ?? [];
  unmeant = places.some(({ at, from }) => timeStamp - at < rowStillness && !wasThere(from));
}

function endOnRow(event: MouseEvent): void {
  if (!unmeant || event.detail === 0) return;
  unmeant = false;
  event.preventDefault();
  event.stopImmediatePropagation();
  hint(tooEarly);
}

/** In a low window the prompt gives its room to a card as the focus goes there, and what has the focus moves with that: it stays in sight. */
function keepInSight({ target }: FocusEvent): void {
  if (!(target instanceof HTMLElement) || !target.closest("[data-k=asks-list]")) return;
  const show = (): void => {
    if (document.activeElement === target && target.matches(":focus-visible")) target.scrollIntoView({ block: "nearest" });
  };
  requestAnimationFrame(() => {
    show();
    requestAnimationFrame(show);
  });
}

/** Begins. */
export function watchRows(): void {
  aroundChanges(steadied);
  addEventListener("pointerdown", beginOnRow, { capture: true, passive: true });
  addEventListener("click", endOnRow, true);
  addEventListener("focusin", keepInSight, { passive: true });
  leftPane()?.addEventListener("pointerleave", settlePane, { passive: true });
}
