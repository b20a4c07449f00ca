// Tells which keys belong to an input method. The key that ends a composition is told in three ways: Chromium and Firefox
// have it before the composition's end, with `isComposing`; Safari after it, without; and some say no more than the code 229.

/** The code of a key that an input method took. */
const takenKey = 229;
/** How long after a composition's end a key is taken to be the one that ended it, in milliseconds. */
const sameKey = 50;

let composing = false;
let composed = -Infinity;
let takenEnter = -Infinity;

/** Whether a key is an input method's, and so means nothing to the page. */
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
