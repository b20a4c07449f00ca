// The overview: a cursor over its rows, a filter, a session beside it, and rows that stay where a person points.

import { byId, find, keyOf, root } from "./dom";
import { go } from "./navigate";
import { usedCard } from "./places";

const board = (): HTMLElement | null => document.querySelector<HTMLElement>("[data-k=overview]");
const isOverview = (): boolean => root.dataset.overview !== undefined;
const filterField = (): HTMLInputElement | null => byId<HTMLInputElement>("filter");

/** Links of the rows that can be seen, in order. */
function rowLinks(): HTMLAnchorElement[] {
  const links = board()?.querySelectorAll<HTMLAnchorElement>("li.session:not([hidden]) > a, li.session[data-open]:not([hidden]) .below a");
  return [...(links ?? [])];
}

/** The row that had the focus last: the cursor returns to it. */
let cursor = "";

function cursorLink(): HTMLAnchorElement | undefined {
  const { activeElement } = document;
  const links = rowLinks();
  return links.find((link) => link === activeElement) ?? links.find((link) => link.pathname === cursor);
}

function moveCursor(to: HTMLAnchorElement | undefined): void {
  if (!to) return;
  cursor = to.pathname;
  to.focus({ focusVisible: true } as FocusOptions);
  to.scrollIntoView({ block: "nearest" });
}

function stepRow(by: number): void {
  const links = rowLinks();
  const at = links.indexOf(cursorLink() as HTMLAnchorElement);
  const isFocused = at >= 0 && document.activeElement === links[at];
  moveCursor(at < 0 ? links[0] : isFocused ? links[Math.max(0, Math.min(links.length - 1, at + by))] : links[at]);
  const { session } = root.dataset;
  if (session !== undefined) followPeek();
}

let peekTimer: number | undefined;
/** How long the cursor rests on a row before the session beside the overview follows it, in milliseconds. */
const peekRest = 150;

/** Shows the session under the cursor beside the overview, once the cursor rests. */
function followPeek(): void {
  clearTimeout(peekTimer);
  peekTimer = setTimeout(() => void showPeek(cursorLink()?.dataset.peek ?? "/"), peekRest);
}

async function showPeek(url: string): Promise<void> {
  clearTimeout(peekTimer);
  if (!isOverview() || location.pathname + location.search === url) return;
  history.replaceState(null, "", url);
  await go(url, false);
}

/** Shows the session under the cursor beside the overview, or closes it there. */
function togglePeek(): void {
  const link = cursorLink() ?? rowLinks()[0];
  const isShown = link?.dataset.peek === location.pathname + location.search;
  if (link && document.activeElement !== link) moveCursor(link);
  void showPeek(isShown ? "/" : (link?.dataset.peek ?? "/"));
}

/** Opens or closes the subagents of the row under the cursor. */
function unfoldCursor(open: boolean): void {
  const row = cursorLink()?.closest<HTMLElement>("li.session");
  const fold = row?.querySelector<HTMLElement>(":scope > .fold");
  if (!row || !fold || row.hasAttribute("data-open") === open) return;
  const inside = row.querySelector(".below")?.contains(document.activeElement) === true;
  unfold(fold);
  if (!open && inside) moveCursor(row.querySelector<HTMLAnchorElement>(":scope > a") ?? undefined);
}

/** Opens or closes the subagents of a row. */
export function unfold(fold: HTMLElement): void {
  const isOpen = fold.closest("li")?.toggleAttribute("data-open") ?? false;
  fold.ariaExpanded = String(isOpen);
}

/** True while the filter hides rows. */
let filtering = false;

/** Hides the rows that do not match the filter, and the titles of groups without rows. Runs after every change of the page. */
export function filterRows(): void {
  const list = board()?.querySelector("ul");
  const field = filterField();
  if (!list || !field) return;
  // The hub draws every row as folded.
  for (const fold of list.querySelectorAll("li[data-open] > .fold")) fold.ariaExpanded = "true";
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0 && !filtering) return;
  filtering = words.length > 0;
  let title: HTMLElement | null = null;
  let any = false;
  for (const row of list.querySelectorAll<HTMLElement>(":scope > li")) {
    if (row.matches(".group")) {
      title = row;
      row.hidden = filtering;
      continue;
    }
    const more = row.querySelector<HTMLElement>(":scope > a")?.dataset.search ?? "";
    const text = `${row.textContent ?? ""} ${more}`.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    if (row.hidden) continue;
    any = true;
    if (title) title.hidden = false;
  }
  const nothing = document.querySelector<HTMLElement>(".overview-head .nothing");
  if (nothing) nothing.hidden = any || !filtering;
}

/** The `data-k` of the list of rows and titles, of the tree of an instance, and of the cards at the side. */
const listName = "overview-list";
const treeName = "tree-list";
const cardsName = "needs-list";

/** The order of a list as the hub gave it last, while the list has another one. */
const waitingOrders = new Map<string, string[]>();

const keysIn = (list: Element): string[] => [...list.children].map((row) => keyOf(row) ?? "");
const groupTitle = "g:";
const isTitle = (key: string): boolean => key.startsWith(groupTitle);

/** The order in which the row with the focus stays in its group, at its place in it; the title of that group stays with it. */
function withFocused(now: string[], wanted: string[], focused: string): string[] {
  const title = now.slice(0, now.indexOf(focused)).findLast(isTitle);
  const rest = wanted.filter((key) => key !== focused);
  // A group whose only row waits elsewhere has no title yet.
  const others = rest.filter((key, at) => !isTitle(key) || key === title || !isTitle(rest[at + 1] ?? groupTitle));
  if (title === undefined || !wanted.includes(focused)) return wanted;
  const offset = now.indexOf(focused) - now.indexOf(title);
  const begin = others.indexOf(title);
  if (begin < 0) others.splice(Math.min(now.indexOf(title), others.length), 0, title, focused);
  else {
    const next = others.findIndex((key, at) => at > begin && isTitle(key));
    const end = next < 0 ? others.length : next;
    others.splice(Math.min(begin + offset, end), 0, focused);
  }
  return others;
}

/** The order in which nothing comes or moves above the card that is in use; what belongs there comes right behind it. */
function withUsed(list: Element, wanted: string[]): string[] {
  const used = usedCard(list);
  if (!used) return wanted;
  const now = keysIn(list);
  const stay = now.slice(0, now.indexOf(keyOf(used) ?? "") + 1).filter((key) => wanted.includes(key));
  return [...stay, ...wanted.filter((key) => !stay.includes(key))];
}

/** Row of a key. */
type RowOf = (key: string) => Element | null | undefined;

/** The order in which a person wants the sessions of an instance; that of the hub where absent. */
let treeOrder: ((keys: string[], rowOf: RowOf) => string[]) | undefined;

/** Sets the order of the tree. */
export function orderTree(by: typeof treeOrder): void {
  treeOrder = by;
}

/**
 * The order that a list gets when the hub gives it another one. Under a pointer nothing moves, comes or goes; the row with the focus
 * waits in its group, and a card in use stays where it is.
 */
export function pinned(list: Element, wanted: string[], rowOf: RowOf = find): string[] {
  const name = keyOf(list) ?? "";
  if (name === treeName) return treeOrder?.(wanted, rowOf) ?? wanted;
  if (name !== listName && name !== cardsName) return wanted;
  waitingOrders.delete(name);
  let order = wanted;
  if (name === cardsName) order = withUsed(list, wanted);
  else {
    const now = keysIn(list);
    const focused = list.querySelector(":scope > li.session:has(:focus-visible)");
    if (list.querySelector(":scope > li.session:hover")) order = now;
    else if (focused) order = withFocused(now, wanted, keyOf(focused) ?? "");
  }
  if (order.join() !== wanted.join()) waitingOrders.set(name, wanted);
  return order;
}

/** The order of a list as the hub gave it, where the list has another one. */
export const heldOrder = (key: string): string[] | null => waitingOrders.get(key) ?? null;

/** Gives the rows of a document or region that takes the place of the one here the order that its list keeps. Rows that it lacks stay away. */
export function pinFresh(fresh: ParentNode): void {
  for (const name of [listName, treeName, cardsName]) {
    const [list, incoming] = [document, fresh].map((from) => from.querySelector(`[data-k=${name}]`));
    if (!list || !incoming) continue;
    const rows = new Map([...incoming.children].map((row) => [keyOf(row) ?? "", row]));
    const order = pinned(list, [...rows.keys()], (key) => rows.get(key));
    // What is new is shown at once: a whole document has come, by an act of the person.
    const lacking = [...rows.keys()].filter((key) => !order.includes(key));
    const known = [...order, ...lacking].flatMap((key) => rows.get(key) ?? []);
    incoming.append(...known);
  }
}

/** Presses *Retry* or *Continue* of the row under the cursor. */
export function resumeCursor(): void {
  cursorLink()?.closest("li")?.querySelector<HTMLElement>(":scope > .act")?.click();
}

const overviewKeys: Record<string, () => void> = {
  j: () => stepRow(1),
  k: () => stepRow(-1),
  " ": togglePeek,
  "/": () => filterField()?.focus(),
};

/** Keys of the list itself: they mean this only while the focus is in it. */
const listKeys: Record<string, () => void> = {
  ArrowDown: () => stepRow(1),
  ArrowUp: () => stepRow(-1),
  ArrowRight: () => unfoldCursor(true),
  ArrowLeft: () => unfoldCursor(false),
  Home: () => moveCursor(rowLinks()[0]),
  End: () => moveCursor(rowLinks().at(-1)),
};

function inFilter(event: KeyboardEvent, field: HTMLInputElement): void {
  if (event.key === "Escape") {
    field.value = "";
    filterRows();
    moveCursor(cursorLink() ?? rowLinks()[0]);
  } else if (event.key === "ArrowDown" || event.key === "Enter") {
    moveCursor(rowLinks()[0]);
  } else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

function onOverviewKey(event: KeyboardEvent): void {
  const { target } = event;
  if (!isOverview() || !(target instanceof HTMLElement) || event.isComposing) return;
  if (target === filterField()) return inFilter(event, target as HTMLInputElement);
  if (event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]")) return;
  const inList = board()?.contains(target) === true;
  if (target.matches("input, textarea, select") || (event.key === " " && !inList && target !== document.body)) return;
  if (event.key === "Escape" && root.dataset.session !== undefined) void showPeek("/").then(() => moveCursor(cursorLink()));
  else {
    const act = overviewKeys[event.key] ?? (inList ? listKeys[event.key] : undefined);
    if (!act || (event.key === " " && target.matches("button"))) return;
    if (!event.repeat || !" r".includes(event.key)) act();
  }
  event.preventDefault();
  event.stopImmediatePropagation();
}

/** Begins. `settle` gives the list the order that it was kept from. */
export function watchOverview(settle: (key: string) => void): void {
  document.addEventListener("keydown", onOverviewKey);
  document.addEventListener("input", ({ target }) => {
    if (target instanceof HTMLInputElement && target.id === "filter") filterRows();
  });
  document.addEventListener("focusin", ({ target }) => {
    if (target instanceof HTMLAnchorElement && target.dataset.peek !== undefined) cursor = target.pathname;
  });
  for (const name of ["pointerout", "focusout"]) {
    document.addEventListener(name, () => setTimeout(() => [...waitingOrders.keys()].forEach(settle)));
  }
}
