// All instances: their tabs as a list, the wheel over them, and the keys from one to the next.

import { go } from "./navigate";

const tabList = (): HTMLElement | null => document.querySelector<HTMLElement>(".tabs");
const instanceLinks = (): HTMLAnchorElement[] => [...document.querySelectorAll<HTMLAnchorElement>(".tab a")];
const menuButton = (): HTMLElement | null => document.querySelector<HTMLElement>("[data-do=menu]");

export const isMenuOpen = (): boolean => document.body.dataset.menu !== undefined;

/** Opens the list of all instances, or closes it. */
export function menu(open = !isMenuOpen()): void {
  document.body.toggleAttribute("data-menu", open);
  menuButton()?.setAttribute("aria-expanded", String(open));
  if (open) (instanceLinks().find((link) => link.ariaCurrent === "page") ?? instanceLinks()[0])?.focus();
  else if (tabList()?.contains(document.activeElement)) menuButton()?.focus();
}

/** Goes to the next instance, or the one before. */
export function stepInstance(by: number): void {
  const all = instanceLinks();
  const at = all.findIndex((link) => link.ariaCurrent === "page");
  const next = at < 0 ? all[0] : all[at + by];
  if (next) void go(next.pathname);
}

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
  });
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
