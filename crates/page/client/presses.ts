// Presses on cards. A press counts if it began and ended on the same control of a card that did not move.

import { ofComposition } from "./composing";
import { hint } from "./hint";
import { guarded, isStill, unsettle } from "./steady";

interface Press {
  card: HTMLElement | null;
  /** The control that was pressed; `null` if any of the card will do, as arrow keys choose others. */
  control: Element | null;
  /** True if the card did not move. */
  still: boolean;
  byKey: boolean;
}

/** The press that is going on. */
let press: Press | null = null;

export const tooEarly = "This just appeared, moved or changed. Check it, then press again.";

const cardAt = (target: EventTarget | null): HTMLElement | null =>
  target instanceof Element ? target.closest<HTMLElement>(guarded) : null;

const controlAt = (target: EventTarget | null): Element | null =>
  target instanceof Element ? target.closest("button, a, label, summary") : null;

function begin(event: Event, control: Element | null): void {
  const card = cardAt(event.target);
  const byKey = event instanceof KeyboardEvent;
  press = { card, control, byKey, still: card === null || isStill(card, event.timeStamp) };
}

/** A key is up: a click may follow, and is of this press. */
function endKey(): void {
  const ended = press;
  if (!ended?.byKey) return;
  setTimeout(() => {
    if (press === ended) press = null;
  });
}

/** The press that a click ends. One that no pointer and no key made, as assistive technology does, has none. */
const pressOf = ({ detail }: MouseEvent): Press | null => (press && press.byKey === (detail === 0) ? press : null);

function stop(event: Event): void {
  event.preventDefault();
  event.stopImmediatePropagation();
}

/** True if a card does not accept input made at this time; then a hint is shown. */
export function isTooEarly(card: HTMLElement, at: number): boolean {
  if (isStill(card, at)) return false;
  unsettle(card);
  hint(tooEarly);
  return true;
}

function onClick(event: MouseEvent): void {
  const { target } = event;
  const card = cardAt(target);
  // Whoever writes in a card is not deciding anything by that.
  if (!card || (target instanceof Element && target.matches("input[type=text]"))) return;
  const of = pressOf(event);
  const began = !of || (of.card === card && (of.control === null || of.control === controlAt(target)));
  if (began && (!of || of.still)) {
    if (isTooEarly(card, event.timeStamp)) stop(event);
    return;
  }
  stop(event);
  unsettle(card);
  if (of?.card === card) hint(tooEarly);
}

/** True if holding a key changes the focused control. */
function acts({ key, target, shiftKey }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false;
  const written = target.matches("textarea, input[type=text], input[type=password]");
  if (key === "Enter") return !(target.matches("textarea") && shiftKey) && (written || target.matches("button, a, input"));
  return key === " " && !written && target.matches("button, input");
}

function onKey(event: KeyboardEvent): void {
  // A key counts once, however long it is held.
  if (event.repeat && acts(event) && !ofComposition(event)) return stop(event);
  if (!event.repeat && (event.key === "Enter" || event.key === " " || event.key.startsWith("Arrow"))) {
    begin(event, event.key.startsWith("Arrow") ? null : controlAt(event.target));
  }
  const choice = event.target instanceof Element && event.target.matches("input[type=radio], input[type=checkbox]");
  // It would send the form: a choice is made by the space bar.
  if (event.key === "Enter" && choice) stop(event);
}

/** Begins. */
export function watchPresses(): void {
  document.addEventListener("pointerdown", (event) => begin(event, controlAt(event.target)), true);
  document.addEventListener("keyup", endKey, true);
  document.addEventListener("keydown", onKey, true);
  document.addEventListener("click", onClick, true);
}
