// Tells which keys belong to an input method. The key that ends a composition is told in three ways: Chromium and Firefox
// have it before the composition's end, with `isComposing`; Safari after it, without; and some say no more than the code 229.

/** The code of a key that an input method took. */
const takenKey = 229;
/** Time after the end of a composition within which a key counts as the one that ended it, in milliseconds. */
const sameKey = 50;

let composing = false;
let composed = -Infinity;
let takenEnter = -Infinity;

/** True if a key belongs to an input method and has no meaning for the page. */
export function ofComposition(event: KeyboardEvent): boolean {
  const since = event.timeStamp - composed;
  return composing || event.isComposing || event.keyCode === takenKey || since < sameKey;
}

/** Whether what happens at a moment comes of such a key: a browser may send a form by it. */
export const byComposition = (at: number): boolean => at - takenEnter < sameKey;

/** Begins. */
export function watchComposing(): void {
  document.addEventListener("compositionstart", () => (composing = true), true);
  document.addEventListener("focusout", () => (composing = false), true);
  document.addEventListener("input", (event) => (composing &&= (event as InputEvent).isComposing === true), true);
  document.addEventListener(
    "compositionend",
    (event) => {
      composing = false;
      composed = event.timeStamp;
    },
    true,
  );
  document.addEventListener(
    "keydown",
    (event) => {
      if (ofComposition(event)) takenEnter = event.timeStamp;
    },
    true,
  );
}
