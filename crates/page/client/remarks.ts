// Comments of a review: written beside the lines, changed, deleted, and sent to the agent as one prompt; what follows a review.

import { complain, exchange, isGood } from "./api";
import { byId, root } from "./dom";
import { hint } from "./hint";
import { later } from "./later";
import { go } from "./navigate";
import { keepUnsent, unsentText } from "./unsent";
import { t, tn } from "./words";

type Changes = Awaited<ReturnType<typeof later<"changes">>>;

const numbersOf = (rows: HTMLElement[], side: "o" | "n"): number[] => rows.map((row) => Number(row.dataset[side] ?? 0)).filter((at) => at > 0);

/** The lines that a comment on these rows is on: those after, unless only lines that went are selected. */
function linesOf(rows: HTMLElement[]): { side: string; line: number; last: number } | null {
  const side = rows.every((row) => row.matches(".del") || row.dataset.n === undefined) ? "o" : "n";
  const numbers = numbersOf(rows, side);
  const [line, last] = [Math.min(...numbers), Math.max(...numbers)];
  return numbers.length > 0 ? { side: side === "o" ? "old" : "new", line, last } : null;
}

/** Opens the form, with what was written at this place before and not saved. */
function openForm(place: (form: HTMLElement) => void, label: string, unsent: string, text = ""): HTMLFormElement | null {
  document.querySelector("#review form.comment")?.remove();
  const form = byId<HTMLTemplateElement>("comment-form")?.content.firstElementChild?.cloneNode(true);
  if (!(form instanceof HTMLFormElement)) return null;
  place(form);
  const [where, area] = [form.querySelector(".where"), form.querySelector("textarea")];
  if (where) where.textContent = label;
  if (!area) return null;
  form.dataset.unsent = unsent;
  area.value = unsentText(unsent) || text;
  area.addEventListener("input", () => keepUnsent(unsent, area.value === text ? "" : area.value));
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeForm(form);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  area.focus();
  form.scrollIntoView({ block: "nearest" });
  return form;
}

function closeForm(form: Element): void {
  form.remove();
  byId("review")?.focus({ preventScroll: true });
  void later("marks").then((own) => own.catchUpMarks());
}

/** Where what is written about a file is kept. */
const unsentPlace = ({ reviewBoard }: Changes, file: Element | null, on: string): string =>
  `${reviewBoard()?.dataset.folder ?? ""} ${file instanceof HTMLElement ? (file.dataset.path ?? "") : ""} ${on}`;

/** The lines that a comment will be on. */
function placeInWords({ side, line, last }: { side: string; line: number; last: number }): string {
  if (line !== last) {
    return side === "old" ? t("Comment on lines {line}–{last} before the change", { line, last }) : t("Comment on lines {line}–{last}", { line, last });
  }
  return side === "old" ? t("Comment on line {line} before the change", { line }) : t("Comment on line {line}", { line });
}

/** Opens the form for a comment on the selected lines, or on the file. */
function commentKey(onFile: boolean, own: Changes): void {
  const { fileAtHand, fold, selectedRows } = own;
  const file = fileAtHand();
  if (!file) return hint(t("There is no file here."));
  const rows = onFile ? [] : selectedRows();
  const lines = linesOf(rows);
  if (!onFile && !lines) return hint(t("Choose a line first: j, or a press on its number. C comments on the file."));
  fold(file, false);
  const on = JSON.stringify(lines ?? { side: "file" });
  const form = openForm(
    (made) => (rows.at(-1) ? rows.at(-1)?.after(made) : file.querySelector(".body")?.before(made)),
    lines ? placeInWords(lines) : t("Comment on the file"),
    unsentPlace(own, file, on),
  );
  if (form) form.dataset.on = on;
}

async function saveComment(form: HTMLFormElement, own: Changes): Promise<void> {
  const { fileQuery, reviewApi, whyReviewFailed } = own;
  const file = form.closest<HTMLElement>(".file, .elsewhere");
  const text = form.querySelector("textarea")?.value ?? "";
  if (!file || form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  const { edits, on = "{}" } = form.dataset;
  const query = fileQuery(file);
  const reply =
    edits === undefined
      ? await exchange("POST", `${reviewApi()}/comments?${query}`, { ...(JSON.parse(on) as object), text })
      : await exchange("PUT", `${reviewApi()}/comments/${edits}?${query}`, { text });
  form.ariaBusy = null;
  if (!isGood(reply)) return complain(form, whyReviewFailed(reply));
  keepUnsent(form.dataset.unsent ?? "", "");
  closeForm(form);
  await anew(file, own);
}

/** Shows a file and the head with the comments that it has now. */
async function anew(file: HTMLElement, { loadFile, readReview }: Changes): Promise<void> {
  const { path } = file.dataset;
  await readReview();
  const now = [...document.querySelectorAll<HTMLElement>("#review .file")].find((one) => one.dataset.path === path);
  if (now) await loadFile(now);
}

async function deleteComment(comment: HTMLElement, own: Changes): Promise<void> {
  const { fileQuery, reviewApi, whyReviewFailed } = own;
  const file = comment.closest<HTMLElement>(".file, .elsewhere");
  const { comment: id = "" } = comment.dataset;
  if (!file) return;
  const url = `${reviewApi()}/comments/${id}?${fileQuery(file)}`;
  const reply = await exchange("DELETE", url);
  if (!isGood(reply)) return complain(comment, whyReviewFailed(reply));
  await anew(file, own);
  const { note } = await later("session");
  note({ text: t("Deleted the comment."), undo: () => exchange("PUT", url, { restore: reply.json }).then(() => anew(file, own)) });
}

function editComment(comment: HTMLElement, own: Changes): void {
  const text = comment.querySelector(".text")?.textContent ?? "";
  const { comment: id = "" } = comment.dataset;
  const place = unsentPlace(own, comment.closest(".file, .elsewhere"), id);
  const form = openForm((made) => comment.after(made), t("Change the comment"), place, text);
  if (form) form.dataset.edits = id;
}

/** The key of a send whose outcome is not known yet: sent again under it, nothing is sent twice. */
let sendKey = "";

/** Sends the comments as one prompt and goes to the session; without any it only goes there, to its prompt. */
async function backToAgent({ reviewApi, reviewBoard, whyReviewFailed }: Changes): Promise<void> {
  const board = reviewBoard();
  const { agent, drafts = "0", query = "" } = board?.dataset ?? {};
  if (!board || agent === undefined) return hint(t("No session of this folder can get comments. Begin one first."));
  if (drafts !== "0") {
    if (board.ariaBusy === "true") return;
    board.ariaBusy = "true";
    sendKey ||= crypto.randomUUID();
    const reply = await exchange("POST", `${reviewApi()}/send?${query}`, {}, { "idempotency-key": sendKey });
    board.ariaBusy = null;
    if (reply.status !== 0) sendKey = "";
    if (!isGood(reply)) return complain(board, whyReviewFailed(reply));
    hint(tn(Number(drafts), "Sent {n} comment.", "Sent {n} comments as one prompt."));
  }
  await go(agent);
  if (drafts === "0") byId("text")?.focus();
}

/** The review that is accepted at present, or just was: a double click accepts it once. */
let accepting = "";
/** How long after an answer a press still belongs to the one before, in milliseconds. */
const pressedTwice = 600;

/** Accepts: the session is done. */
async function acceptReview({ whyReviewFailed }: Changes): Promise<void> {
  const { instance = "", session } = root.dataset;
  if (session === undefined) return hint(t("Open the review of a session to accept its work."));
  const url = `/api/instances/${encodeURIComponent(instance)}/sessions/${encodeURIComponent(session)}/reviewed`;
  if (accepting === url) return;
  accepting = url;
  const reply = await exchange("POST", url, { done: true });
  setTimeout(() => (accepting = ""), pressedTwice);
  if (!isGood(reply)) return hint(whyReviewFailed(reply));
  const { note } = await later("session");
  note({ text: t("Accepted: the session is done. ] goes to the next review."), undo: () => exchange("DELETE", url) });
}

/** Goes to the review of the next session that waits for one, over all instances. */
async function nextReview({ whyReviewFailed }: Changes): Promise<void> {
  const { instance = "", session = "" } = root.dataset;
  const front = new URLSearchParams(session === "" ? "" : { instance, session });
  const reply = await exchange("GET", `/api/review/next?${front.toString()}`);
  const { path } = reply.json;
  if (!isGood(reply)) return hint(whyReviewFailed(reply));
  if (typeof path !== "string") return hint(t("No other session waits for a review."));
  await go(path);
}

/** Does what a key or a control of the review means for its comments, or for the session. */
export async function remark(what: string, control?: HTMLElement): Promise<unknown> {
  const own = await later("changes");
  const comment = control?.closest<HTMLElement>("aside.comment");
  switch (what) {
    case "comment-file":
      own.point(control?.closest(".file") ?? null);
      return commentKey(true, own);
    case "c":
    case "C":
      return commentKey(what === "C", own);
    case "e":
      return acceptReview(own);
    case "R":
      return backToAgent(own);
    case "]":
      return nextReview(own);
    case "save":
      return saveComment(control as HTMLFormElement, own);
    case "comment-cancel":
      return closeForm(control?.closest("form") as Element);
    case "comment-edit":
      return comment && editComment(comment, own);
    default:
      return comment && deleteComment(comment, own);
  }
}
