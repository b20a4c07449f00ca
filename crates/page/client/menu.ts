// All instances: their tabs as a list, and the keys from one to the next.

import { returnTo } from "./navigate";

const tabList = (): HTMLElement | null => document.querySelector<HTMLElement>(".tabs");
export const instanceLinks = (): HTMLAnchorElement[] => [...document.querySelectorAll<HTMLAnchorElement>(".tab a")];
const menuButton = (): HTMLElement | null => document.querySelector<HTMLElement>("[data-do=menu]");

export const isMenuOpen = (): boolean => document.body.dataset.menu !== undefined;

/** Opens or closes the list of all instances. */
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
  if (next) void returnTo(next.pathname);
}

/** Goes to the instance at a place, counted from 1. */
export function instanceAt(place: number): void {
  const link = instanceLinks()[place - 1];
  if (link && link.ariaCurrent !== "page") void returnTo(link.pathname);
}
