// The review page: the list of changed files, their lines as they come in sight, and the keys that walk through them.

import { complain, exchange, inWords, isGood, type Reply } from "./api";
import { tick } from "./clock";
import { byId, root } from "./dom";
import { hint } from "./hint";
import { later } from "./later";
import { t } from "./words";

export const reviewPlace = (): HTMLElement | null => byId("review");
export const reviewBoard = (): HTMLElement | null => document.querySelector<HTMLElement>("#review > .review");
export const reviewApi = (): string => `/api/instances/${encodeURIComponent(root.dataset.instance ?? "")}/review`;

export const files = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>("#review .file")];

/** How files are shown on this device. */
let split = localStorage.getItem("review-split") !== null;
let space = false;

/** The query that names a file of the review. */
export function fileQuery(file: HTMLElement): string {
  const { path = "", old } = file.dataset;
  const before = old === undefined ? "" : `&old=${encodeURIComponent(old)}`;
  return `${reviewBoard()?.dataset.query ?? ""}&path=${encodeURIComponent(path)}${before}`;
}

export const whyReviewFailed = ({ status, json }: Reply): string => (status === 0 ? t("Drovers did not answer. Try again.") : inWords(json, status));

async function html(url: string): Promise<DocumentFragment | string> {
  try {
    const answer = await fetch(url);
    const text = await answer.text();
    if (!answer.ok) return inWords(JSON.parse(text) as object, answer.status);
    const template = document.createElement("template");
    template.innerHTML = text;
    return template.content;
  } catch {
    return t("Drovers did not answer. Try again.");
  }
}

const drawn = (more: string): string => `&split=${split}&space=${space}${more}`;
const partUrl = (file: HTMLElement, part: string, more = ""): string =>
  `${reviewPlace()?.dataset.url ?? ""}/${part}?${fileQuery(file)}${drawn(more)}`;

export const isWriting = (inside: Element | null): boolean => inside?.querySelector("form.comment, dialog[open]") != null;

/** True for what is still a part of the review. */
export const isHere = (one: Element): boolean => reviewPlace()?.contains(one) === true;

/** Fetches the lines of a file. Asked again meanwhile, it fetches them once more, since those on their way may be older than the reason to ask. */
export async function loadFile(file: HTMLElement): Promise<void> {
  const body = file.querySelector<HTMLElement>(".body");
  if (!body) return;
  if (body.dataset.loading !== undefined) return void (body.dataset.loading = "again");
  body.dataset.loading = "";
  const lines = await html(partUrl(file, "file"));
  const again = body.dataset.loading === "again";
  delete body.dataset.loading;
  // The list may have been drawn anew meanwhile, with the same lines in it.
  const now = body.closest<HTMLElement>(".file");
  if (!now || !isHere(now)) return;
  showLines(now, body, lines);
  if (again) await loadFile(now);
}

function showLines(file: HTMLElement, body: HTMLElement, lines: DocumentFragment | string): void {
  if (typeof lines === "string") return complain(file, lines);
  // What a person writes there stays.
  if (isWriting(body)) return;
  complain(file, "");
  const before = rowsOf(file);
  body.replaceChildren(lines);
  keepCursor(file, before);
  body.ariaBusy = "false";
  body.dataset.loaded = "";
  tick();
  for (const more of body.querySelectorAll("[data-do=review-more]")) nearing.observe(more);
}

/** Lines are fetched shortly before they come in sight. */
const nearing = new IntersectionObserver(
  (seen) => {
    for (const { target, isIntersecting } of seen) {
      if (!isIntersecting || !(target instanceof HTMLElement)) continue;
      nearing.unobserve(target);
      if (!target.matches(".file")) void more(target);
      else if (isOpen(target)) void loadFile(target);
    }
  },
  { rootMargin: "800px 0px" },
);

async function more(button: HTMLElement): Promise<void> {
  const file = button.closest<HTMLElement>(".file");
  if (!file) return;
  const lines = await html(partUrl(file, "file", `&from=${button.dataset.from ?? "0"}`));
  if (!isHere(button)) return;
  if (typeof lines === "string") return complain(file, lines);
  const next = lines.firstElementChild;
  button.replaceWith(...(next?.childNodes ?? []));
  for (const again of file.querySelectorAll("[data-do=review-more]")) nearing.observe(again);
}

async function openGap(button: HTMLElement): Promise<void> {
  const file = button.closest<HTMLElement>(".file");
  const { o = "", n = "", lines = "" } = button.dataset;
  if (!file) return;
  const rows = await html(partUrl(file, "lines", `&gap_old=${o}&gap_new=${n}&lines=${lines}`));
  if (!isHere(button)) return;
  if (typeof rows === "string") complain(file, rows);
  else button.replaceWith(rows);
}

/** The scope and base that the address of the page names. */
function chosenScope(): string {
  const wanted = new URLSearchParams(location.search);
  const { session } = reviewPlace()?.dataset ?? {};
  const query = new URLSearchParams();
  for (const name of ["of", "base"]) {
    const value = wanted.get(name);
    if (value) query.set(name, value);
  }
  if (session !== undefined) query.set("session", session);
  return query.toString();
}

let reading = 0;
let shownFor = "";

/** Draws the list. A dialog in which a person writes a commit stays as it is: out of its place it would close. */
function drawBoard(place: HTMLElement, fresh: DocumentFragment): void {
  const open = place.querySelector("dialog[open]");
  const [old, board] = [open?.parentElement, fresh.firstElementChild];
  if (!open || !old || !board || old.parentElement !== place) return place.replaceChildren(fresh);
  board.querySelector(`#${open.id}`)?.remove();
  for (const child of [...old.childNodes]) if (child !== open) child.remove();
  for (const { name, value } of board.attributes) old.setAttribute(name, value);
  open.before(...board.childNodes);
}

/** Reads the list. Files that stay keep what they show until their lines are here anew. */
export async function readReview(): Promise<void> {
  const place = reviewPlace();
  if (!place) return;
  reading += 1;
  const mine = reading;
  const url = `${place.dataset.url ?? ""}?${chosenScope()}`;
  const fresh = await html(url);
  // A page that is left may have become another one, element by element.
  if (mine !== reading || reviewPlace() !== place) return;
  place.ariaBusy = "false";
  if (typeof fresh === "string") return complain(place, fresh);
  const [before, top] = [new Map<string, HTMLElement>(), place.scrollTop];
  const same = shownFor === url;
  shownFor = url;
  if (same) for (const file of files()) before.set(file.dataset.path ?? "", file);
  const at = cursor ?? document.body;
  drawBoard(place, fresh);
  for (const file of files()) {
    const old = before.get(file.dataset.path ?? "");
    const body = old?.querySelector<HTMLElement>(".body[data-loaded]");
    if (body) file.querySelector(".body")?.replaceWith(body);
    if (old && old.dataset.viewed === file.dataset.viewed) file.toggleAttribute("data-fold", old.hasAttribute("data-fold"));
    nearing.observe(file);
  }
  showModes();
  tick();
  place.scrollTop = same ? top : 0;
  // The cursor on a file stays on it, although the file is drawn anew.
  const path = at instanceof HTMLElement ? at.dataset.path : undefined;
  if (same) point(at.isConnected ? at : (files().find((file) => file.dataset.path === path) ?? null));
  void later("marks").then((own) => own.catchUpMarks());
}

/** Shows the review that the page is for. */
export function showReview(): void {
  const place = reviewPlace();
  if (!place) return;
  watchReviewPage();
  if (document.activeElement === document.body) place.focus({ preventScroll: true });
  // A person writes right after the key.
  void readReview().then(() => later("remarks"));
}

function showModes(): void {
  for (const [name, on] of Object.entries({ "review-split": split, "review-space": space })) {
    const button = document.querySelector(`#review [data-do=${name}]`);
    if (button) button.ariaPressed = String(on);
  }
}

function drawAnew(): void {
  showModes();
  for (const file of files()) nearing.unobserve(file), nearing.observe(file);
}

function toggleSplit(): void {
  split = !split;
  if (split) localStorage.setItem("review-split", "");
  else localStorage.removeItem("review-split");
  drawAnew();
}

function toggleSpace(): void {
  space = !space;
  drawAnew();
  hint(space ? t("White space does not count.") : t("White space counts."));
}

/** The line or file that keys are for, and where the selection begins. */
let cursor: Element | null = null;
let anchor: Element | null = null;
/** True once a person selected lines, and did not only come by. */
export let linesChosen = false;

const rowsOf = (file: Element): HTMLElement[] => [...file.querySelectorAll<HTMLElement>(".r")];
const isOpen = (file: Element): boolean => !file.hasAttribute("data-fold");

/** The file that keys are for: that of the cursor, else the first in sight. */
export function fileAtHand(): HTMLElement | null {
  const own = cursor?.closest<HTMLElement>("#review .file");
  const edge = reviewPlace()?.getBoundingClientRect().top ?? 0;
  return own ?? files().find((file) => file.getBoundingClientRect().bottom > edge + 80) ?? null;
}

/** True for the file with the cursor. */
export const isAtHand = (file: HTMLElement): boolean => cursor !== null && file.contains(cursor);

/** The rows that are selected, at least the one at the cursor. */
export function selectedRows(): HTMLElement[] {
  const file = cursor?.closest(".file");
  if (!file || !cursor?.matches(".r")) return [];
  const rows = rowsOf(file);
  const [a, b] = [rows.indexOf(cursor as HTMLElement), rows.indexOf((anchor ?? cursor) as HTMLElement)];
  return b < 0 ? rows.slice(a, a + 1) : rows.slice(Math.min(a, b), Math.max(a, b) + 1);
}

/** Puts the cursor on a line or file. */
export function point(to: Element | null, extend = false): void {
  if (!extend) [anchor, linesChosen] = [to, false];
  else linesChosen = true;
  cursor = to;
  for (const one of document.querySelectorAll("#review [data-at]")) one.removeAttribute("data-at");
  if (!to) return;
  to.setAttribute("data-at", "");
  for (const row of selectedRows()) row.setAttribute("data-at", "");
  to.scrollIntoView({ block: "nearest" });
  const file = to.closest(".file");
  for (const link of document.querySelectorAll(".files [aria-current]")) link.removeAttribute("aria-current");
  const link = document.querySelector(`.files [href="#${file?.id ?? ""}"]`);
  link?.setAttribute("aria-current", "true");
  link?.scrollIntoView({ block: "nearest" });
}

/** The row of a file's new lines that is the same as one of those before: of equal ones the nearest. */
function sameRow(file: Element, before: HTMLElement[], row: Element | null): HTMLElement | undefined {
  const nth = before.indexOf(row as HTMLElement);
  const far = (other: HTMLElement): number => Math.abs(rows.indexOf(other) - nth);
  const rows = rowsOf(file);
  return rows.filter((other) => other.textContent === row?.textContent).sort((a, b) => far(a) - far(b))[0];
}

/** Keeps cursor and selection on their lines after a file's lines came anew; on the file if its line is gone. */
function keepCursor(file: HTMLElement, before: HTMLElement[]): void {
  if (!before.includes(cursor as HTMLElement)) return;
  const [to, from, extended] = [sameRow(file, before, cursor), sameRow(file, before, anchor), linesChosen];
  point(to ?? file);
  if (to && from && extended) [anchor, linesChosen] = [from, true];
  for (const row of selectedRows()) row.setAttribute("data-at", "");
}

function stepLine(by: number, extend: boolean): void {
  const rows = (extend && cursor ? [cursor.closest(".file")] : files().filter(isOpen)).flatMap((file) => (file ? rowsOf(file) : []));
  const at = rows.indexOf(cursor as HTMLElement);
  const next = at < 0 ? rows.find((row) => cursor === null || (cursor.compareDocumentPosition(row) & 4) > 0) : rows[at + by];
  if (next) point(next, extend);
}

/** Where `n` and `p` stop: each hunk, and each file that shows none. */
function stops(): Element[] {
  return files().flatMap((file) => {
    const hunks = isOpen(file) ? [...file.querySelectorAll(".hunk")] : [];
    return hunks.length > 0 ? hunks : [file];
  });
}

function isBefore(one: Element, other: Element): boolean {
  return one === other || one.contains(other) || (one.compareDocumentPosition(other) & 4) > 0;
}

function stepAmong(all: Element[], by: number): Element | undefined {
  const at = cursor;
  const here = at ? all.findLastIndex((one) => isBefore(one, at)) : -1;
  return all[Math.max(0, here + by)];
}

const firstOf = (hunk: Element): Element => {
  let row = hunk.nextElementSibling;
  while (row && !row.matches(".add, .del, [data-changed], .hunk")) row = row.nextElementSibling;
  return row?.matches(".r") ? row : hunk;
};

async function stepHunk(by: number): Promise<void> {
  const to = stepAmong(stops(), by);
  if (!to) return;
  if (to.matches(".hunk")) return point(firstOf(to));
  point(to);
  if (!isOpen(to) || to.querySelector("[data-loaded]")) return;
  await loadFile(to as HTMLElement);
  const hunk = to.querySelector(".hunk");
  if (hunk && cursor === to) point(firstOf(hunk));
}

function stepFile(by: number): void {
  const to = stepAmong(files(), by);
  if (!to) return;
  point(to);
  to.scrollIntoView({ block: "start" });
  if (isOpen(to)) void loadFile(to as HTMLElement);
}

export function fold(file: HTMLElement, folded = !file.hasAttribute("data-fold")): void {
  file.toggleAttribute("data-fold", folded);
  if (!folded && !file.querySelector("[data-loaded]")) nearing.observe(file);
}

/** The row of a file in the tree. */
export const treeRow = (file: HTMLElement): Element | null => document.querySelector(`.files [href="#${file.id}"]`)?.parentElement ?? null;

/** Shows whether a file was viewed. */
export function showViewed(file: HTMLElement, state: string): void {
  file.dataset.viewed = state;
  const box = file.querySelector<HTMLInputElement>("[data-do=review-viewed]");
  if (box) box.checked = state === "yes";
  treeRow(file)?.setAttribute("data-viewed", state);
  const count = document.querySelector(".viewed-count");
  if (count) count.textContent = String(files().filter((one) => one.dataset.viewed === "yes").length);
}

/** Marks a file as viewed, or takes the mark back. */
async function toggleViewed(file: HTMLElement | null, walk = false): Promise<void> {
  if (!file) return hint(t("There is no file here."));
  const viewed = file.dataset.viewed !== "yes";
  const reply = await exchange("PUT", `${reviewApi()}/viewed?${fileQuery(file)}`, { viewed });
  const box = file.querySelector<HTMLInputElement>("[data-do=review-viewed]");
  if (box) box.checked = isGood(reply) ? viewed : !viewed;
  if (!isGood(reply)) return complain(file, whyReviewFailed(reply));
  showViewed(file, viewed ? "yes" : "no");
  fold(file, viewed);
  if (walk && viewed) stepFile(1);
}

function chooseScope(name: string, value: string): void {
  const wanted = new URLSearchParams(name === "of" ? "" : location.search);
  if (value === "") wanted.delete(name);
  else wanted.set(name, value);
  history.replaceState(null, "", `${location.pathname}?${wanted.toString()}`);
  point(null);
  void readReview();
}

/** What the keys for git are for is what the cursor is on when they are pressed, not when git's part of the page is here. */
function staging(key: string): unknown {
  const at = cursor;
  return later("staging").then((own) => own.stagingKey(key, () => cursor === at));
}

const remark = (what: string, control?: HTMLElement): unknown => later("remarks").then((own) => own.remark(what, control));

const reviewKeys: Record<string, () => unknown> = {
  n: () => stepHunk(1),
  p: () => stepHunk(-1),
  N: () => stepFile(1),
  P: () => stepFile(-1),
  j: () => stepLine(1, false),
  k: () => stepLine(-1, false),
  J: () => stepLine(1, true),
  K: () => stepLine(-1, true),
  v: () => toggleViewed(fileAtHand(), true),
  c: () => remark("c"),
  C: () => remark("C"),
  o: () => [fileAtHand()].forEach((file) => file && fold(file)),
  "|": toggleSplit,
  w: toggleSpace,
  r: readReview,
  e: () => remark("e"),
  R: () => remark("R"),
  "]": () => remark("]"),
};

/** Does what a key means here. */
export const reviewKey = (key: string): unknown => (reviewKeys[key] ?? (() => staging(key)))();

const clicksHere: Record<string, (control: HTMLElement, file: HTMLElement | null) => unknown> = {
  "review-fold": (_, file) => file && fold(file),
  "review-file": (control) => {
    const file = byId(control.getAttribute("href")?.slice(1) ?? "");
    if (!file) return;
    fold(file, false);
    point(file);
    file.scrollIntoView({ block: "start" });
  },
  "review-split": toggleSplit,
  "review-space": toggleSpace,
  "review-gap": openGap,
  "review-more": more,
  "review-accept": () => remark("e"),
  "review-send": () => remark("R"),
  "review-commit": () => staging("m"),
  "review-comment": () => remark("c"),
  "review-stage": () => staging("s"),
  "review-unstage": () => staging("u"),
  "review-discard": () => staging("X"),
  "review-next": () => remark("]"),
};

/** A tap of a finger on a line means its number, which is small; one that selects text does not. */
const isTap = (target: Element): boolean =>
  matchMedia("(pointer: coarse)").matches && target.closest(".r code") !== null && getSelection()?.isCollapsed !== false;

/** A press on the number of a line selects that line; with Shift all lines up to it. */
function onNumber(target: Element, extend: boolean): void {
  const row = target.closest(".r");
  if (!row) return;
  const sameFile = extend && cursor?.closest(".file") === row.closest(".file");
  point(row, sameFile);
  linesChosen = true;
}

let markOfAgent: string | undefined;

/** Reads the list again once the agent begins or ends: its files have changed. */
function followAgent(): void {
  const { mark = "" } = document.querySelector<HTMLElement>("[data-k=head]")?.dataset ?? {};
  const now = `${location.pathname} ${mark}`;
  if (root.dataset.review !== undefined && markOfAgent !== undefined && now !== markOfAgent && !isWriting(reviewPlace())) void readReview();
  markOfAgent = now;
}

let watching = false;

function watchReviewPage(): void {
  if (watching) return;
  watching = true;
  void later("marks").then((own) => own.watchMarks());
  void later("beside").then((own) => own.alongside(followAgent));
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    if (!target.closest("#review")) return;
    const control = target.closest<HTMLElement>("[data-do]");
    const name = control?.dataset.do ?? "";
    const act = clicksHere[name] ?? (name.startsWith("comment-") ? (pressed: HTMLElement) => remark(name, pressed) : undefined);
    if (control && act) {
      event.preventDefault();
      return void act(control, control.closest<HTMLElement>(".file"));
    }
    if (target.matches(".r > i") || isTap(target)) return onNumber(target, event.shiftKey);
    // A press on the head of a file chooses the file.
    if (target.closest(".file > header") && !target.closest("label, button")) point(target.closest(".file"));
  });
  document.addEventListener("change", ({ target }) => {
    if (!(target instanceof HTMLElement) || !target.closest("#review")) return;
    if (target.dataset.do === "review-viewed") void toggleViewed(target.closest<HTMLElement>(".file"));
    if (target instanceof HTMLSelectElement) chooseScope(target.name === "scope" ? "of" : "base", target.value);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (!form.closest("#review")) return;
    event.preventDefault();
    if (form.dataset.do === "comment") void remark("save", form);
    if (form.dataset.do === "commit") void later("staging").then((own) => own.commitStaged(form, event.submitter));
  });
  // Another device may have marked files or written comments meanwhile, and the agent may have gone on.
  document.addEventListener("visibilitychange", () => !document.hidden && root.dataset.review !== undefined && !isWriting(reviewPlace()) && void readReview());
}
