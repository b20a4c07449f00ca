// Shift in a list of sessions: with an arrow key or a click it marks several, for acts on all of them.

import { later } from "./later";

/** Lists whose rows can be marked. */
const markable = "[data-k=tree-list], [data-k=overview-list]";

/** Begins. */
export function watchMarking(): void {
  addEventListener(
    "keydown",
    (event) => {
      const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (by === undefined || !event.shiftKey || !(event.target instanceof Element) || !event.target.closest(markable)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      void later("bulk").then((own) => own.extendMarks(by));
    },
    true,
  );
  // The range begins at the row that has the focus, which a press would take away.
  document.addEventListener(
    "mousedown",
    (event) => {
      if (event.shiftKey && event.target instanceof Element && event.target.closest(markable)) event.preventDefault();
    },
    true,
  );
  document.addEventListener(
    "click",
    (event) => {
      const link = event.target instanceof Element && event.shiftKey ? event.target.closest("a") : null;
      if (!link?.closest(markable)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      void later("bulk").then((own) => own.markUpTo(link));
    },
    true,
  );
}
