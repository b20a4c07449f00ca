// Open list of instances: keys and outside clicks.

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

/** Handles keys and clicks while the list is open. */
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
}
