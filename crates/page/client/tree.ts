// The sessions of an instance as a tree: folded, sorted, filtered and grouped as this browser's person wants it. The hub draws a flat
// list in its own order; rows say what their place depends on.

import { showArchive, watchArchive } from "./archive";
import { foldPane, isSheet, sheet } from "./dialogs";
import { byId, keyOf, root } from "./dom";
import { betweenBatches } from "./live";
import { orderTree } from "./overview";
import { markUnread, watchUnread } from "./unread";
import { keepHint, watchHints } from "./why";

/** What the place of a row depends on. */
interface TreeRow {
  key: string;
  parent: string;
  rank: number;
  made: number;
  output: number;
  title: string;
  folder: string;
}

const orderKey = "tree-order";
const foldersKey = "tree-folders";
const foldedKey = "tree-folded";
/** Folded sessions that are kept. Beyond it the one that was folded first is unfolded. */
const mostFolded = 500;

const treeList = (): HTMLElement | null => document.querySelector<HTMLElement>("[data-k=tree-list]");
const treeRows = (): HTMLElement[] => [...(treeList()?.children ?? [])] as HTMLElement[];
const linkOf = (row: Element): HTMLAnchorElement | null => row.querySelector<HTMLAnchorElement>(":scope > a");
const field = (): HTMLInputElement | null => byId<HTMLInputElement>("tree-filter");
/** Whether sessions stand by folder: as the person chose, else as the hub draws the button. */
const grouped = (): boolean => {
  const button = byId("tree-folders");
  const chosen = localStorage.getItem(foldersKey) ?? (button?.dataset.grouped === undefined ? "off" : "on");
  return button !== null && chosen === "on";
};

let folded = new Set<string>();

function readFolded(): void {
  try {
    folded = new Set(JSON.parse(localStorage.getItem(foldedKey) ?? "[]") as string[]);
  } catch {
    folded = new Set();
  }
}

function describe(row: Element, key: string): TreeRow {
  const link = linkOf(row);
  const { parent, rank, made, output, folder = "" } = link?.dataset ?? {};
  const title = link?.querySelector(".name")?.textContent ?? "";
  const above = parent === undefined ? "" : `s:${parent}`;
  return { key, parent: above, rank: Number(rank), made: Number(made), output: Number(output), title, folder };
}

type Compare = (a: TreeRow, b: TreeRow) => number;

const byKey: Compare = (a, b) => (a.key < b.key ? -1 : 1);
const oldest: Compare = (a, b) => a.made - b.made || byKey(a, b);
const newest: Compare = (a, b) => oldest(b, a);
/** What waits longest is first; of what is quiet, the last change. */
const urgent: Compare = (a, b) => b.rank - a.rank || (a.rank > 0 ? a.output - b.output : b.output - a.output) || newest(a, b);

const orders: Record<string, { roots: Compare; below: Compare }> = {
  newest: { roots: newest, below: oldest },
  urgency: { roots: urgent, below: urgent },
  change: { roots: (a, b) => b.output - a.output || newest(a, b), below: (a, b) => b.output - a.output || newest(a, b) },
  title: { roots: (a, b) => a.title.localeCompare(b.title) || newest(a, b), below: (a, b) => a.title.localeCompare(b.title) || oldest(a, b) },
};

const chosenOrder = (): string => localStorage.getItem(orderKey) ?? "newest";

/** The keys of rows in the order that the person chose, each family together. */
function sorted(keys: string[], rowOf: (key: string) => Element | null | undefined): string[] {
  const rows = new Map(keys.flatMap((key) => {
    const row = rowOf(key);
    return row ? [[key, describe(row, key)] as const] : [];
  }));
  const below = new Map<string, TreeRow[]>();
  for (const row of rows.values()) {
    const parent = rows.has(row.parent) ? row.parent : "";
    below.set(parent, [...(below.get(parent) ?? []), row]);
  }
  const { roots, below: children } = orders[chosenOrder()] ?? { roots: newest, below: oldest };
  const byFolder: Compare = (a, b) => a.folder.localeCompare(b.folder) || roots(a, b);
  const out: string[] = [];
  const stack = (below.get("") ?? []).sort(grouped() ? byFolder : roots).reverse();
  for (let row = stack.pop(); row; row = stack.pop()) {
    out.push(row.key);
    stack.push(...(below.get(row.key) ?? []).sort(children).reverse());
  }
  // A row that could not be found is fetched, and sorted with the next change.
  return [...out, ...keys.filter((key) => !rows.has(key))];
}

/** True while a pointer or the focus is on a row: then none moves. */
const isInUse = (): boolean => treeList()?.querySelector("li:hover, :focus-visible") !== null;

/** The order of the rows after a change: while the list is in use, known rows stay in theirs, and new ones come behind their parent or last. */
function arranged(keys: string[], rowOf: (key: string) => Element | null | undefined): string[] {
  const wanted = sorted(keys, rowOf);
  if (!isInUse()) return wanted;
  const here = treeRows().map((row) => keyOf(row) ?? "");
  const stay = here.filter((key) => keys.includes(key));
  for (const key of wanted.filter((one) => !here.includes(one))) {
    const before = wanted[wanted.indexOf(key) - 1];
    stay.splice(before === undefined ? 0 : stay.indexOf(before) + 1, 0, key);
  }
  return stay;
}

/** Puts the rows in their order. The focus stays where it is. */
function sortRows(force = false): void {
  const list = treeList();
  if (!list || (!force && isInUse())) return;
  const rows = new Map(treeRows().map((row) => [keyOf(row) ?? "", row]));
  const wanted = sorted([...rows.keys()], (key) => rows.get(key));
  if (wanted.join() === [...rows.keys()].join()) return;
  const focused = document.activeElement;
  const at = byId("left")?.scrollTop;
  list.append(...wanted.flatMap((key) => rows.get(key) ?? []));
  if (focused instanceof HTMLElement && list.contains(focused)) focused.focus({ preventScroll: true });
  const left = byId("left");
  if (left && at !== undefined) left.scrollTop = at;
}

const filterWords = (): string[] => (field()?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);

/** The rows that match the filter, and all above them. */
function matching(rows: HTMLElement[], words: string[]): Set<string> {
  const parents = new Map(rows.map((row) => [keyOf(row) ?? "", `s:${linkOf(row)?.dataset.parent ?? ""}`]));
  const shown = new Set<string>();
  for (const row of rows) {
    const link = linkOf(row);
    const text = `${link?.textContent ?? ""} ${link?.dataset.search ?? ""}`.toLowerCase();
    if (!words.every((word) => text.includes(word))) continue;
    for (let key: string | undefined = keyOf(row); key !== undefined && !shown.has(key); key = parents.get(key)) shown.add(key);
  }
  return shown;
}

function set(element: Element, name: string, value: string | null): void {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/** Hides what is folded away or filtered out, and says of each row whether it is open. */
function showRows(rows: HTMLElement[]): void {
  const words = filterWords();
  const matches = words.length > 0 ? matching(rows, words) : null;
  const parents = new Set(rows.map((row) => `s:${linkOf(row)?.dataset.parent ?? ""}`));
  const shut = new Set<string>();
  const byFolder = grouped();
  let [folder, any] = ["", false];
  for (const row of rows) {
    const [key, link] = [keyOf(row) ?? "", linkOf(row)];
    if (!link) continue;
    const above = `s:${link.dataset.parent ?? ""}`;
    const isFolded = matches === null && folded.has(key);
    const away = shut.has(above);
    if (away || isFolded) shut.add(key);
    row.hidden = matches === null ? away : !matches.has(key);
    any ||= !row.hidden;
    set(link, "aria-expanded", parents.has(key) ? String(!isFolded) : null);
    const first = byFolder && !row.hidden && link.ariaLevel === "1" && link.dataset.folder !== folder;
    if (first) folder = link.dataset.folder ?? "";
    const { branch } = link.dataset;
    set(row, "data-folder", first ? folder + (branch === undefined ? "" : ` · ${branch}`) : null);
  }
  const none = byId("tree-none");
  if (none) none.hidden = any || words.length === 0;
}

/** The rows that can be seen. */
const inSight = (): HTMLAnchorElement[] => treeRows().flatMap((row) => (row.hidden ? [] : (linkOf(row) ?? [])));

let cursor = "";

/** One row can be reached by Tab: the one that had the focus last, else the one in front. */
function showCursor(): void {
  const links = inSight();
  const at = links.find((link) => link.pathname === cursor) ?? links.find((link) => link.ariaCurrent === "page") ?? links[0];
  for (const row of treeRows()) {
    const link = linkOf(row);
    if (link) link.tabIndex = link === at ? 0 : -1;
  }
}

function showTools(): void {
  const order = byId<HTMLSelectElement>("tree-order");
  if (order && order.value !== chosenOrder()) order.value = chosenOrder();
  const folders = byId("tree-folders");
  if (folders) folders.ariaPressed = String(grouped());
}

function updateTree(force = false): void {
  if (!treeList()) return;
  showTools();
  sortRows(force);
  const rows = treeRows();
  showRows(rows);
  markUnread(rows, updateTree);
  showCursor();
  // Where a new session is begun, unless the person names another folder.
  const { directory } = treeList()?.querySelector<HTMLElement>("a[aria-current]")?.dataset ?? {};
  if (directory !== undefined) localStorage.setItem(`place:${root.dataset.instance ?? ""}`, directory);
  void showArchive();
  keepHint();
}

/** Gives the rows their order once nothing holds them any more. */
function settleTree(): void {
  if (!isInUse()) betweenBatches(async () => updateTree());
}

/** Folds or unfolds what is below a row. */
function foldRow(link: HTMLAnchorElement, fold: boolean): void {
  const key = keyOf(link.parentElement as HTMLElement) ?? "";
  folded.delete(key);
  if (fold) folded.add(key);
  localStorage.setItem(foldedKey, JSON.stringify([...folded].slice(-mostFolded)));
  updateTree();
}

function moveTo(link: HTMLAnchorElement | undefined): void {
  if (!link) return;
  cursor = link.pathname;
  showCursor();
  link.focus({ focusVisible: true } as FocusOptions);
  link.scrollIntoView({ block: "nearest" });
}

/** Moves in the tree, or opens and closes a row. True if the key was for that. */
function onTreeKey(key: string, link: HTMLAnchorElement): boolean {
  const links = inSight();
  const at = links.indexOf(link);
  const open = link.ariaExpanded;
  const parent = links.find((one) => keyOf(one.parentElement as HTMLElement) === `s:${link.dataset.parent ?? ""}`);
  if (key === "ArrowDown") moveTo(links[at + 1]);
  else if (key === "ArrowUp") moveTo(links[Math.max(0, at - 1)]);
  else if (key === "Home") moveTo(links[0]);
  else if (key === "End") moveTo(links.at(-1));
  else if (key === "ArrowRight") {
    if (open === "false") foldRow(link, false);
    else if (open === "true") moveTo(links[at + 1]);
  } else if (key === "ArrowLeft") {
    if (open === "true" && filterWords().length === 0) foldRow(link, true);
    else moveTo(parent);
  } else return false;
  return true;
}

/** Keys of the filter's field. True if the key was for that. */
function inFilterField(key: string, input: HTMLInputElement): boolean {
  if (key === "Escape") {
    input.value = "";
    updateTree();
    showCursor();
    moveTo(inSight().find((link) => link.tabIndex === 0));
  } else if (key === "ArrowDown" || key === "Enter") moveTo(inSight()[0]);
  else return false;
  return true;
}

function onKeyInTree(event: KeyboardEvent): void {
  const { target, key } = event;
  if (!(target instanceof HTMLElement) || event.isComposing || event.metaKey || event.ctrlKey || event.altKey) return;
  const link = target.closest<HTMLAnchorElement>("[data-k=tree-list] li > a");
  const filter = target.id === "tree-filter" ? (target as HTMLInputElement) : null;
  if (event.shiftKey || !(filter ? inFilterField(key, filter) : link && onTreeKey(key, link))) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

/** Puts the focus into the filter of the sessions, wherever they are listed. */
export function focusFilter(): void {
  const own = byId<HTMLInputElement>("filter") ?? field();
  if (own?.id === "tree-filter" && own.checkVisibility() === false) {
    if (isSheet("left")) sheet("left");
    else if (root.dataset.fold !== "") void foldPane("left").then(() => own.focus());
  }
  own?.focus();
  own?.select();
}

function onTreeClick(event: MouseEvent): void {
  const { target } = event;
  if (!(target instanceof Element)) return;
  const caret = target.closest(".caret");
  const link = caret?.closest<HTMLAnchorElement>("[data-k=tree-list] li > a");
  if (target.id === "tree-folders") {
    localStorage.setItem(foldersKey, grouped() ? "off" : "on");
    return updateTree(true);
  }
  if (!link) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  foldRow(link, link.ariaExpanded === "true");
}

/** Starts, and returns the function that brings the tree up to date after a change of the page. */
export function watchTree(): () => void {
  readFolded();
  orderTree(arranged);
  watchArchive();
  watchUnread(updateTree);
  watchHints();
  addEventListener("keydown", onKeyInTree, true);
  document.addEventListener("click", onTreeClick, true);
  document.addEventListener("input", ({ target }) => target === field() && updateTree());
  document.addEventListener("change", ({ target }) => {
    if (!(target instanceof HTMLSelectElement) || target.id !== "tree-order") return;
    localStorage.setItem(orderKey, target.value);
    updateTree(true);
  });
  document.addEventListener("focusin", ({ target }) => {
    if (!(target instanceof HTMLAnchorElement) || !target.matches("[data-k=tree-list] li > a")) return;
    cursor = target.pathname;
    showCursor();
  });
  // A row that waited for its place goes there once the list is left.
  for (const kind of ["pointerout", "focusout"]) {
    document.addEventListener(kind, ({ target }) => {
      if (target instanceof Element && target.closest("[data-k=tree-list]")) setTimeout(settleTree);
    });
  }
  return updateTree;
}
