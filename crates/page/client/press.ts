// A long press of a finger on a session: opens its menu, as ⋯ and the key `.` do.

import { later } from "./later";

/** How long a finger stays on a session, in milliseconds. */
const longPress = 500;
/** Pixels that a finger may move meanwhile: more is a scroll. */
const fingerSlack = 10;
/** How long after a finger was lifted a click may still be that of its press, in milliseconds. */
const clickWithin = 300;

/** What has a menu of its own: a row of a session, and the title of the session in front. */
const withMenu = ".tree li, .strip li, .overview .session, .overview .below li, .head .title";

/** Opens the menu of a session: of the control, row or title that is given, else of the one in front. */
export const openMenu = (at: Element | null): Promise<void> => later("session").then((own) => own.openSessionMenu(at));

/** Begins. */
export function watchLongPress(): void {
  let timer: number | undefined;
  let from = { x: 0, y: 0 };
  let opened = false;
  const cancel = (): void => clearTimeout(timer);
  document.addEventListener("pointerdown", (event) => {
    cancel();
    opened = false;
    const at = event.target instanceof Element ? event.target.closest(withMenu) : null;
    if (!at || event.pointerType === "mouse" || !event.isPrimary) return;
    from = { x: event.clientX, y: event.clientY };
    timer = setTimeout(() => {
      opened = true;
      void openMenu(at);
    }, longPress);
  });
  document.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (Math.hypot(clientX - from.x, clientY - from.y) > fingerSlack) cancel();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, () => {
      cancel();
      // The click of this press comes at once or not at all; a later one is a press of its own, such as one by a key.
      if (opened) setTimeout(() => (opened = false), clickWithin);
    });
  }
  // What the browser does by itself after a long press, and the click at its end, are not meant.
  for (const after of ["contextmenu", "click"]) {
    document.addEventListener(
      after,
      (event) => {
        if (!opened) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        if (after === "click") opened = false;
      },
      true,
    );
  }
}
