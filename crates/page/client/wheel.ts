// Mouse wheel over horizontal rows.

import { isMenuOpen } from "./menu";

/** Begins. */
export function watchWheel(): void {
  // A wheel that only goes up and down moves what lies side by side.
  document.addEventListener(
    "wheel",
    (event) => {
      const row = event.target instanceof Element ? event.target.closest<HTMLElement>(".tabs, .strip") : null;
      if (!row || isMenuOpen() || event.ctrlKey || Math.abs(event.deltaX) >= Math.abs(event.deltaY)) return;
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
      const before = row.scrollLeft;
      row.scrollLeft += event.deltaY * lines;
      if (row.scrollLeft !== before) event.preventDefault();
    },
    { passive: false },
  );
}
