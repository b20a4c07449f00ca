// Marks on several sessions of the tree or the overview, and what is done with all of them at once. Nothing is granted here.

import { exchange, isGood, type Reply } from "./api";
import { byId, root, say } from "./dom";
import { hint } from "./hint";
import { later } from "./later";
import type { MenuTarget } from "./session";
import { t, tn } from "./words";

/** Commands that are under way at once. */
const atOnce = 4;
/** Sessions that can be marked. Beyond it no more are. */
const mostMarks = 200;

/** Rows that can be marked. */
const lines = "[data-k=tree-list] > li > a, [data-k=overview-list] > .session > a, .overview .below a";

/** Marked sessions by the path of their page. */
const marks = new Map<string, MenuTarget>();
/** Those that were marked before the range that is being extended, and where that begins. */
let before: string[] = [];
let anchor = "";

const isInSight = (link: HTMLElement): boolean => link.checkVisibility();
const links = (): HTMLAnchorElement[] => [...document.querySelectorAll<HTMLAnchorElement>(lines)].filter(isInSight);

function targetOf(link: HTMLAnchorElement): MenuTarget | null {
  const [, instance, session] = /^\/i\/([^/]+)\/s\/([^/]+)$/.exec(link.pathname) ?? [];
  if (instance === undefined || session === undefined) return null;
  const title = link.querySelector(".name")?.textContent ?? "";
  return { instance: decodeURIComponent(instance), session: decodeURIComponent(session), title, at: link };
}

const apiOfMarked = ({ instance, session }: MenuTarget): string =>
  `/api/instances/${encodeURIComponent(instance)}/sessions/${encodeURIComponent(session)}`;

function mark(link: HTMLAnchorElement): void {
  const target = targetOf(link);
  if (!target || marks.has(link.pathname)) return;
  if (marks.size >= mostMarks) return hint(t("No more than {most} sessions can be marked.", { most: mostMarks }));
  marks.set(link.pathname, target);
}

/** The row that keys are for: the one with the focus, else the one in front. */
function rowOfKeys(): HTMLAnchorElement | undefined {
  const all = links();
  return all.find((link) => link === document.activeElement) ?? all.find((link) => link.ariaCurrent !== null);
}

type Act = (marked: MenuTarget[]) => unknown;

/** Runs a command for each session, some at once, and returns why it failed, by session. */
async function each(marked: MenuTarget[], act: (of: MenuTarget) => Promise<Reply>): Promise<string[]> {
  const { whyNot } = await later("session");
  const [left, failures] = [[...marked], [] as string[]];
  const worker = async (): Promise<void> => {
    for (let of = left.shift(); of; of = left.shift()) {
      const reply = await act(of);
      if (!isGood(reply)) failures.push(`“${of.title}”: ${whyNot(reply)}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return failures;
}

const sessions = (many: number): string => tn(many, "{n} session", "{n} sessions");

/** Tells what came of a command for several sessions. */
async function told(done: string, marked: MenuTarget[], failures: string[], undo?: () => unknown): Promise<void> {
  const { note } = await later("session");
  const good = marked.length - failures.length;
  const text = failures.length === 0 ? t(done, { sessions: sessions(good) }) : `${t(done, { sessions: t("{some} of {all}", { some: good, all: sessions(marked.length) }) })} ${t("Not done: {failures}", { failures: failures.join(" ") })}`;
  note({ text, bad: failures.length > 0, ...(undo && good > 0 ? { undo } : {}) });
}

const archivedAt = (of: MenuTarget, archived: number): Promise<Reply> => exchange("PATCH", apiOfMarked(of), { time: { archived } });

async function archiveAll(marked: MenuTarget[]): Promise<void> {
  const failures = await each(marked, (of) => archivedAt(of, Date.now()));
  const { leaveFront } = await later("session");
  for (const of of marked) await leaveFront(of);
  await told("Archived {sessions}.", marked, failures, async () => told("Restored {sessions}.", marked, await each(marked, (of) => archivedAt(of, 0))));
}

async function reviewAll(marked: MenuTarget[]): Promise<void> {
  const review = (method: string) => (of: MenuTarget): Promise<Reply> => exchange(method, `${apiOfMarked(of)}/reviewed`, method === "POST" ? {} : undefined);
  const failures = await each(marked, review("POST"));
  await told("Marked as done: {sessions}.", marked, failures, async () => told("To be reviewed again: {sessions}.", marked, await each(marked, review("DELETE"))));
}

/** Hands the conversations over as one Markdown file. */
async function exportAll(marked: MenuTarget[]): Promise<void> {
  const texts = new Map<MenuTarget, string>();
  const failures = await each(marked, async (of) => {
    const answer = await fetch(`${apiOfMarked(of)}/export?format=markdown`).catch(() => null);
    if (answer?.ok === true) texts.set(of, await answer.text());
    return { status: answer?.status ?? 0, json: {} };
  });
  const all = marked.flatMap((of) => texts.get(of) ?? []);
  if (all.length > 0) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([all.join("\n\n---\n\n")], { type: "text/markdown" }));
    link.download = `sessions-${all.length}.md`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
  await told("Exported {sessions}.", marked, failures);
}

const acts: [string, Act][] = [
  ["Stop", async (marked) => told("Stopped {sessions}.", marked, await each(marked, (of) => exchange("POST", `${apiOfMarked(of)}/abort`, {})))],
  ["Archive", archiveAll],
  ["Delete", (marked) => later("session").then((own) => own.deleteSessions(marked))],
  ["Mark done", reviewAll],
  ["Export", exportAll],
];

function press(label: string, act: () => void): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = t(label);
  button.addEventListener("click", act);
  return button;
}

/** The bar of what can be done with the marked sessions, made when there are some. */
function bulkBar(): HTMLElement {
  const known = byId("bulk");
  if (known) return known;
  const made = document.createElement("div");
  made.id = "bulk";
  made.role = "toolbar";
  made.ariaLabel = t("Marked sessions");
  made.append(document.createElement("span"));
  for (const [label, act] of acts) {
    if (label !== "Export" && root.dataset.lacks?.includes("drive")) continue;
    made.append(press(label, () => {
      const marked = [...marks.values()];
      clearMarks();
      void act(marked);
    }));
  }
  made.append(press("Clear", clearMarks));
  byId("bar")?.before(made);
  return made;
}

/** Shows the marks. What is not in sight any more is not marked either: nothing is done to what a person does not see. */
function showMarks(): void {
  const seen = new Set<string>();
  for (const link of document.querySelectorAll<HTMLAnchorElement>(lines)) {
    const picked = marks.has(link.pathname) && isInSight(link);
    if (picked) seen.add(link.pathname);
    link.parentElement?.toggleAttribute("data-picked", picked);
    if (link.role === "treeitem") link.ariaSelected = picked ? "true" : null;
  }
  for (const path of marks.keys()) if (!seen.has(path)) marks.delete(path);
  const bar = marks.size > 0 ? bulkBar() : byId("bulk");
  if (!bar) return;
  bar.hidden = marks.size === 0;
  const text = tn(marks.size, "{n} marked:", "{n} marked:");
  const count = bar.querySelector("span");
  if (!count || count.textContent === text) return;
  count.textContent = text;
  say(marks.size === 0 ? "Nothing is marked." : tn(marks.size, "{n} session marked.", "{n} sessions marked."));
}

function clearMarks(): void {
  const within = byId("bulk")?.contains(document.activeElement) === true;
  marks.clear();
  showMarks();
  if (within) links().find((link) => link.pathname === anchor)?.focus({ focusVisible: true } as FocusOptions);
}

function beginAt(link: HTMLAnchorElement): void {
  anchor = link.pathname;
  before = [...marks.keys()];
}

/** Marks all rows from the anchor to a row, beside those that were marked before. */
function markTo(link: HTMLAnchorElement): void {
  const all = links();
  const ends = [all.findIndex((one) => one.pathname === anchor), all.indexOf(link)];
  for (const path of [...marks.keys()]) if (!before.includes(path)) marks.delete(path);
  for (const one of all.slice(Math.max(0, Math.min(...ends)), Math.max(...ends) + 1)) mark(one);
  showMarks();
}

/** Marks the row that keys are for, or takes its mark away. */
export function toggleMark(link = rowOfKeys()): void {
  watchMarks();
  if (!link) return hint("Choose a session first, with j and k.");
  if (!marks.delete(link.pathname)) mark(link);
  beginAt(link);
  showMarks();
}

/** Marks a session of a menu: from then on a tap marks others. */
export function beginMarking({ at, session }: MenuTarget): void {
  const own = at.matches(lines) ? (at as HTMLAnchorElement) : links().find((link) => targetOf(link)?.session === session);
  if (!own) return hint("Open the list of sessions, and mark the session there.");
  toggleMark(own);
}

/** Extends the marks to the next row, or the one before, which gets the focus. */
export function extendMarks(by: number): void {
  watchMarks();
  const [all, row] = [links(), rowOfKeys()];
  if (!row) return;
  if (anchor === "" || marks.size === 0) beginAt(row);
  const next = all[all.indexOf(row) + by] ?? row;
  next.focus({ focusVisible: true } as FocusOptions);
  markTo(next);
}

/** Marks up to a row that was clicked with Shift. */
export function markUpTo(link: HTMLAnchorElement): void {
  watchMarks();
  const row = rowOfKeys();
  if (marks.size === 0) beginAt(row ?? link);
  markTo(link);
}

let watching = false;

/** Begins, once: marks follow changes of the page, Escape takes them away, and while there are some a finger marks. */
function watchMarks(): void {
  if (watching) return;
  watching = true;
  void later("beside").then((own) => own.alongside(showMarks));
  addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || marks.size === 0 || document.querySelector("dialog[open], :popover-open")) return;
      if (event.target instanceof Element && event.target.matches("input, textarea, select")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      clearMarks();
    },
    true,
  );
  document.addEventListener(
    "click",
    (event) => {
      const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>(lines) : null;
      if (!link || marks.size === 0 || (event as PointerEvent).pointerType !== "touch") return;
      event.preventDefault();
      event.stopImmediatePropagation();
      toggleMark(link);
    },
    true,
  );
}
