// Open list of instances: keys and outside clicks; mouse wheel over horizontal rows.

import { instanceLinks, isMenuOpen, menu } from "./menu";

/** Moves in the open list. True if the key was for that. */
function movedInMenu(key: string): boolean {
  const all = instanceLinks();
  const at = all.findIndex((link) => link === document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[key];
  if (to === undefined) return false;
  all[Math.max(0, Math.min(all.length - 1, to))]?.focus();
  return true;
}

/** Begins. */
export function watchMenu(): void {
  document.addEventListener("keydown", (event) => {
    if (!isMenuOpen()) return;
    if (event.key === "Escape") menu(false);
    else if (!movedInMenu(event.key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  document.addEventListener("click", ({ target }) => {
    const inside = target instanceof Element && target.closest(".tabs, [data-do=menu], dialog") !== null;
    if (isMenuOpen() && !inside) menu(false);
  });
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
