// Completion: commands behind a slash, files, folders and agents behind an @. The focus stays in the prompt.

import { exchange, isGood } from "./api";
import { ofComposition } from "./composing";
import { byId, root, say } from "./dom";
import { area, insertText } from "./drafts";
import type { Named } from "./paste";
import { t, tn } from "./words";

interface Found {
  kind: "command" | "file" | "folder" | "agent";
  name: string;
  detail: string;
  hint: string;
}

/** Debounce of requests, in milliseconds. */
const rest = 80;

/** The text to complete: kind, query, and start offset. */
interface Wanted {
  kind: "command" | "mention";
  query: string;
  from: number;
}

let noteNamed: (one: Named) => void = () => undefined;
let shown: Found[] = [];
let wanted: Wanted | null = null;
let active = 0;
let asked = 0;
let restTimer: number | undefined;
/** The request whose list a person closed. */
let closed = "";

const box = (): HTMLElement | null => byId("completions");
export const isCompleting = (): boolean => box()?.hidden === false;

function wantedNow(): Wanted | null {
  const field = area();
  if (!field || field.selectionStart !== field.selectionEnd || document.activeElement !== field) return null;
  const before = field.value.slice(0, field.selectionStart);
  const command = /^\/(\S*)$/.exec(before);
  if (command) return { kind: "command", query: command[1] ?? "", from: 0 };
  const mention = /(?:^|[\s(])@([^\s@]*)$/.exec(before);
  return mention ? { kind: "mention", query: mention[1] ?? "", from: before.length - (mention[1] ?? "").length - 1 } : null;
}

function api(kind: string, query: string): string {
  const { instance = "", session } = root.dataset;
  const of = session === undefined ? "" : `&session=${encodeURIComponent(session)}`;
  return `/api/instances/${encodeURIComponent(instance)}/completions?kind=${kind}&query=${encodeURIComponent(query)}${of}`;
}

async function ask(kind: string, query: string): Promise<Found[] | null> {
  if (root.dataset.instance === undefined) return null;
  const reply = await exchange("GET", api(kind, query));
  return isGood(reply) && Array.isArray(reply.json) ? (reply.json as unknown as Found[]) : null;
}

/** Commands that are known, by place. */
const known = new Map<string, Set<string>>();
const placeOf = (): string => `${root.dataset.instance ?? ""}/${root.dataset.session ?? ""}`;

/** True if a command of this name exists; asks the hub if unknown. Null if it does not answer. */
export function isCommand(name: string): boolean | Promise<boolean | null> {
  if (known.get(placeOf())?.has(name)) return true;
  return ask("command", name).then((found) => found?.some((one) => one.name === name) ?? null);
}

function noteCommands(found: Found[]): void {
  const names = known.get(placeOf()) ?? new Set();
  for (const { kind, name } of found) if (kind === "command") names.add(name);
  known.set(placeOf(), names);
}

export function closeCompletion(): void {
  clearTimeout(restTimer);
  asked += 1;
  shown = [];
  const list = box();
  if (!list || list.hidden) return;
  list.hidden = true;
  list.replaceChildren();
  const field = area();
  for (const name of ["role", "aria-expanded", "aria-controls", "aria-autocomplete", "aria-activedescendant"]) field?.removeAttribute(name);
}

function option(one: Found, at: number): HTMLElement {
  const item = document.createElement("li");
  item.id = `completion-${at}`;
  item.role = "option";
  item.ariaSelected = String(at === active);
  const sign = one.kind === "command" ? "/" : "@";
  const words: [string, string][] = [
    ["name", sign + one.name],
    ["hint", one.hint],
    ["quiet", one.detail === "" && one.kind !== "file" && one.kind !== "command" ? t(one.kind) : one.detail],
  ];
  for (const [className, text] of words) {
    if (text === "") continue;
    const span = document.createElement("span");
    span.className = className;
    span.textContent = text;
    item.append(span);
  }
  return item;
}

function drawList(): void {
  const [list, field] = [box(), area()];
  if (!list || !field) return;
  if (shown.length === 0) return closeCompletion();
  const fresh = list.hidden;
  list.replaceChildren(...shown.map(option));
  list.hidden = false;
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-expanded", "true");
  field.setAttribute("aria-controls", "completions");
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-activedescendant", `completion-${active}`);
  list.children[active]?.scrollIntoView({ block: "nearest" });
  if (fresh) say(tn(shown.length, "{n} suggestion", "{n} suggestions"));
}

function moveTo(at: number): void {
  active = (at + shown.length) % shown.length;
  drawList();
}

/** Inserts a suggestion. */
function take(one: Found | undefined): void {
  const [field, at] = [area(), wanted];
  if (!field || !at || !one) return;
  const sign = one.kind === "command" ? "/" : "@";
  if (one.kind !== "command") noteNamed({ kind: one.kind, name: one.name } as Named);
  closeCompletion();
  field.setSelectionRange(at.from, field.selectionStart);
  insertText(`${sign}${one.name} `);
  closeCompletion();
}

async function find(now: Wanted, mine: number): Promise<void> {
  const found = await ask(now.kind, now.query);
  if (mine !== asked) return;
  shown = found ?? [];
  noteCommands(shown);
  active = 0;
  drawList();
}

/** Updates the list after an edit or a caret move. */
export function completeNow(): void {
  const now = wantedNow();
  const same = now && wanted && now.kind === wanted.kind && now.query === wanted.query && now.from === wanted.from;
  if (same && isCompleting()) return;
  wanted = now;
  if (!now || closed === JSON.stringify(now)) return closeCompletion();
  closed = "";
  clearTimeout(restTimer);
  asked += 1;
  const mine = asked;
  restTimer = setTimeout(() => void find(now, mine), now.query === "" ? 0 : rest);
}

/** Handles a key for the open list. Returns true if it did. */
export function keyOfCompletion(event: KeyboardEvent): boolean {
  if (!isCompleting() || ofComposition(event)) return false;
  switch (event.key) {
    case "ArrowDown":
      moveTo(active + 1);
      return true;
    case "ArrowUp":
      moveTo(active - 1);
      return true;
    case "Enter":
    case "Tab":
      if (event.shiftKey || event.altKey) return false;
      take(shown[active]);
      return true;
    case "Escape":
      closed = JSON.stringify(wanted);
      closeCompletion();
      return true;
    default:
      return false;
  }
}

/** Starts. Calls `note` for each inserted mention. */
export function watchCompletion(note: (one: Named) => void): void {
  noteNamed = note;
  document.addEventListener("pointerdown", (event) => {
    const item = (event.target as Element).closest("#completions [role=option]");
    // Keeps the focus, and the phone's keyboard, in the prompt.
    if (item) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const item = (event.target as Element).closest("#completions [role=option]");
    if (item) take(shown[[...(box()?.children ?? [])].indexOf(item)]);
  });
  document.addEventListener("selectionchange", () => {
    if (document.activeElement === area()) completeNow();
  });
  document.addEventListener("focusout", (event) => {
    if (event.target === area()) closeCompletion();
  });
}
