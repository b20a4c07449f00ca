// Staging, discarding and committing from the review page, all through git itself; and the way out of it.

import { complain, exchange, isGood, type Reply } from "./api";
import { confirmed, sheet } from "./dialogs";
import { byId, root } from "./dom";
import { hint } from "./hint";
import { later } from "./later";
import { go } from "./navigate";
import { t } from "./words";

/** What the page of the review offers; it is there already. */
const ofChanges = (): ReturnType<typeof later<"changes">> => later("changes");
/** Where what is written and not used yet is kept. */
const ofUnsent = (): ReturnType<typeof later<"remarks">> => later("remarks");
const namesOf = (file: HTMLElement): object => ({ path: file.dataset.path, old: file.dataset.old });

async function git(act: object): Promise<Reply> {
  const { reviewApi, reviewBoard } = await ofChanges();
  const board = reviewBoard();
  if (board) board.ariaBusy = "true";
  const reply = await exchange("POST", `${reviewApi()}/git?${board?.dataset.query ?? ""}`, act);
  if (board) board.ariaBusy = null;
  return reply;
}

/** Lets git act, and shows what it and its hooks print meanwhile. A hook may take minutes. */
async function gitWatched(act: object, show: (output: string) => void): Promise<Reply> {
  const { reviewApi, reviewBoard } = await ofChanges();
  const headers: Record<string, string> = { accept: "text/event-stream", "content-type": "application/json" };
  const proof = localStorage.getItem("proof");
  if (proof !== null) headers["x-drovers-proof"] = proof;
  try {
    const url = `${reviewApi()}/git?${reviewBoard()?.dataset.query ?? ""}`;
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(act) });
    if (!answer.ok || !answer.body) return { status: answer.status, json: (await answer.json()) as Reply["json"] };
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ; ) {
      const { done, value = "" } = await reader.read();
      if (done) break;
      const events = (rest + value).split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events) {
        const [, kind = "", data = "{}"] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? [];
        const json = JSON.parse(data) as Reply["json"];
        if (kind === "output") show(String(json.output));
        else return { status: kind === "done" ? 200 : Number(json.status), json };
      }
    }
  } catch {
    // The same as an end without a result.
  }
  return { status: 0, json: {} };
}

/** The rows of the hunk around a row. */
function hunkOf(row: Element): HTMLElement[] {
  let from: Element = row;
  while (from.previousElementSibling && !from.matches(".hunk")) from = from.previousElementSibling;
  const rows: HTMLElement[] = [];
  for (let at = from.nextElementSibling; at && !at.matches(".hunk"); at = at.nextElementSibling) if (at.matches(".r")) rows.push(at as HTMLElement);
  return rows;
}

/** The changed lines among rows. */
function changedLines(rows: HTMLElement[], seen: string): object {
  const numbers = (side: "o" | "n", kinds: string): number[] =>
    rows.filter((row) => row.matches(kinds)).map((row) => Number(row.dataset[side] ?? 0)).filter((at) => at > 0);
  return { gone: numbers("o", ".del, .pair[data-changed]"), come: numbers("n", ".add, .pair[data-changed]"), seen };
}

function stagedInWords(staged: boolean, what: "file" | "lines" | "hunk"): string {
  const done = { file: t("Staged the file."), lines: t("Staged the lines."), hunk: t("Staged the hunk.") };
  const undone = { file: t("Unstaged the file."), lines: t("Unstaged the lines."), hunk: t("Unstaged the hunk.") };
  return (staged ? done : undone)[what];
}

/** Stages or unstages: the selected lines, else the hunk at the cursor, else the file. */
async function stage(kind: "stage" | "unstage", stays: () => boolean): Promise<void> {
  const own = await ofChanges();
  const { loadFile, point, readReview, whyReviewFailed } = own;
  const file = own.fileAtHand();
  const board = own.reviewBoard();
  if (!file || !board) return hint(t("There is no file here."));
  // Nothing is staged that nobody pointed at, and not what the cursor was on when it has moved on.
  if (!own.isAtHand(file)) return hint(t("Choose a file or a hunk first: n, N, or a press on it."));
  if (!stays()) return hint(t("The cursor moved. Nothing was done."));
  if (board.dataset.writable === undefined) return hint(t("git cannot stage here. Choose “Uncommitted” or “Not staged”."));
  const rows = own.selectedRows();
  const picked = own.linesChosen;
  const { seen = "" } = file.querySelector<HTMLElement>(".difflines")?.dataset ?? {};
  const first = rows[0];
  let lines: object | undefined;
  if (first) {
    const { scope } = board.dataset;
    const fits = kind === "stage" ? scope === "unstaged" || (scope === "uncommitted" && file.dataset.staged === undefined) : scope === "staged";
    if (!fits) {
      return hint(kind === "stage" ? t("Choose “Not staged” to stage parts of this file.") : t("Choose “Staged” to unstage parts of this file. On its title, u unstages all of it."));
    }
    lines = changedLines(picked ? rows : hunkOf(first), seen);
  }
  const reply = await git({ do: kind, ...namesOf(file), lines });
  if (!isGood(reply)) return complain(file, whyReviewFailed(reply));
  hint(stagedInWords(kind === "stage", !first ? "file" : picked ? "lines" : "hunk"));
  const { path } = file.dataset;
  point(null);
  await readReview();
  const now = [...document.querySelectorAll<HTMLElement>("#review .file")].find((one) => one.dataset.path === path);
  if (!now) return;
  point(now);
  await loadFile(now);
}

/** Gives a file the content of the last commit. What it had can be brought back. */
async function discard(): Promise<void> {
  const { fileAtHand, point, readReview, reviewBoard, whyReviewFailed } = await ofChanges();
  const file = fileAtHand();
  const name = file?.querySelector(".path")?.textContent ?? "";
  if (!file || reviewBoard()?.dataset.writable === undefined) return hint(t("git cannot discard here. Choose “Uncommitted”."));
  if (!(await confirmed(t("Discard all changes of {name}? What the file has now is kept and can be brought back.", { name }), t("Discard"), t("Cancel")))) return;
  const reply = await git({ do: "discard", ...namesOf(file) });
  if (!isGood(reply)) return complain(file, whyReviewFailed(reply));
  const kept = String(reply.json.kept ?? "");
  const restore = { do: "restore", ...namesOf(file), kept };
  const command = String(reply.json.command ?? "");
  point(null);
  await readReview();
  const { note } = await later("session");
  note({
    text: t("Discarded the changes of {name}. They are kept as {kept}: `{command}` brings them back, too.", { name, kept, command }),
    undo: () => git(restore).then((back) => (isGood(back) ? readReview() : hint(whyReviewFailed(back)))),
  });
}

/** Where the message is kept that was written and not used yet: with its folder. */
const messagePlace = (board: HTMLElement | null): string => `${board?.dataset.folder ?? ""} commit`;

/** The button that Enter presses in a field: that of the field. The browser would press the first one. */
function buttonOf(event: KeyboardEvent): string | null {
  const { key, target } = event;
  if (key !== "Enter" || event.isComposing || !(target instanceof HTMLElement)) return null;
  if (target.matches("[name=branch]")) return "branch";
  return target.matches("textarea") && (event.ctrlKey || event.metaKey) ? "commit" : null;
}

async function openCommit(): Promise<void> {
  const [{ reviewBoard }, { keepUnsent, unsentText }] = await Promise.all([ofChanges(), ofUnsent()]);
  const dialog = byId<HTMLDialogElement>("commit");
  if (!dialog) return hint(t("git cannot commit here. Choose “Uncommitted”."));
  const area = dialog.querySelector("textarea");
  if (area) area.value ||= unsentText(messagePlace(reviewBoard()));
  if (area) area.oninput = () => keepUnsent(messagePlace(reviewBoard()), area.value);
  dialog.onkeydown = (event) => {
    const value = buttonOf(event);
    const button = value === null ? null : dialog.querySelector<HTMLElement>(`button[value=${value}]`);
    if (!button) return;
    event.preventDefault();
    dialog.querySelector("form")?.requestSubmit(button);
  };
  if (!dialog.open) dialog.showModal();
}

/** Asks the agent for a commit message, and puts its answer into the form. */
async function suggestMessage(form: HTMLFormElement): Promise<void> {
  const [{ reviewBoard, whyReviewFailed }, { keepUnsent }] = await Promise.all([ofChanges(), ofUnsent()]);
  const [, , instance = "", , session = ""] = (reviewBoard()?.dataset.agent ?? "").split("/");
  const area = form.querySelector("textarea");
  if (!area || session === "") return complain(form, t("No session of this folder can be asked."));
  const api = `/api/instances/${instance}/sessions/${session}`;
  const text = "Write a commit message for what is staged (`git diff --cached`): a subject in imperative English, and a body that says why. Change nothing. Answer with the message alone.";
  complain(form, t("Asked the agent…"), true);
  const asked = await exchange("POST", `${api}/prompt`, { text }, { "idempotency-key": crypto.randomUUID() });
  if (!isGood(asked)) return complain(form, whyReviewFailed(asked));
  const begun = Date.now();
  while (Date.now() - begun < 120_000 && form.isConnected) {
    await new Promise((done) => setTimeout(done, 1_000));
    const answer = await fetch(`${api}/messages?limit=1`).then((found) => found.json() as Promise<Answered[]>, () => []);
    const last = answer.at(-1);
    if (last?.info.role !== "assistant" || last.info.parentID !== asked.json.messageID || !last.info.time.completed) continue;
    const suggested = last.parts.filter((part) => part.type === "text").map((part) => part.text ?? "").join("\n").trim();
    // What a person wrote stays, above it.
    area.value = [area.value.trim(), suggested].filter((text) => text !== "").join("\n\n");
    keepUnsent(messagePlace(reviewBoard()), area.value);
    return complain(form, "");
  }
  complain(form, t("The agent did not answer in time. Its session has the answer once it comes."));
}

interface Answered {
  info: { role: string; parentID?: string; time: { completed?: number } };
  parts: { type: string; text?: string }[];
}

/** What a button of the form asks git for. */
function actOf(name: string, form: FormData): object | null {
  const text = (field: string): string => String(form.get(field) ?? "").trim();
  if (name === "commit") return { do: "commit", message: text("message"), amend: form.get("amend") !== null };
  if (name === "branch") return { do: "branch", name: text("branch") };
  return name === "push" || name === "pull_request" ? { do: name } : null;
}

/** Commits, pushes, begins a branch or opens a pull request, by the button that was pressed. */
export async function commitStaged(form: HTMLFormElement, submitter: HTMLElement | null): Promise<void> {
  const pressed = submitter instanceof HTMLButtonElement ? submitter.value : "commit";
  if (pressed === "suggest") return suggestMessage(form);
  const act = actOf(pressed, new FormData(form));
  if (!act || form.ariaBusy === "true") return;
  // At once: a double click commits once.
  form.ariaBusy = "true";
  const [{ readReview, reviewBoard, whyReviewFailed }, { keepUnsent }] = await Promise.all([ofChanges(), ofUnsent()]);
  const place = messagePlace(reviewBoard());
  complain(form, t("git is at work…"), true);
  const printed = form.querySelector<HTMLElement>(".printed");
  const show = (output: string): void => {
    if (!printed) return;
    printed.textContent = output;
    printed.hidden = output === "";
    printed.scrollTop = printed.scrollHeight;
  };
  show("");
  const reply = await gitWatched(act, show);
  form.ariaBusy = null;
  if (reply.status === 0) return complain(form, t("The connection broke. git goes on: reload the list (r) to see what it did."));
  show("");
  if (!isGood(reply)) return complain(form, whyReviewFailed(reply));
  complain(form, "");
  const said = String(reply.json.output ?? "");
  if (pressed === "commit") {
    form.reset();
    keepUnsent(place, "");
  }
  form.closest("dialog")?.close();
  const { note } = await later("session");
  note({ text: said === "" ? t("Done.") : said.slice(-1_000) });
  if (root.dataset.review !== undefined) await readReview();
}

/** Goes from a review to its session, or to its instance. */
const leaveReview = (): Promise<void> => go(location.pathname.replace(/\/review$/, ""));

interface Step {
  index: number;
  url: string | null;
}

/** Goes back to where the review was opened; to its session where that is not known, or was a review as well. */
function closeReview(): unknown {
  const { navigation } = globalThis as { navigation?: { currentEntry: Step | null; entries: () => Step[] } };
  const before = navigation?.entries()[(navigation.currentEntry?.index ?? 0) - 1]?.url;
  const path = before == null ? "/review" : new URL(before).pathname;
  return path.endsWith("/review") ? leaveReview() : history.back();
}

/** Closes what is open over the review, or the review. */
function onEscape(): unknown {
  const since = document.querySelector<HTMLElement>("#since button");
  // The list of instances closes itself.
  if (document.body.dataset.menu !== undefined) return undefined;
  return document.body.dataset.sheet === undefined && !since ? closeReview() : [sheet(), since?.click()];
}

const keysHere: Record<string, (stays: () => boolean) => unknown> = {
  s: (stays) => stage("stage", stays),
  u: (stays) => stage("unstage", stays),
  X: discard,
  m: openCommit,
  Escape: onEscape,
};

/** Does what a key means for git, unless what it is for does not stay. */
export const stagingKey = (key: string, stays: () => boolean): unknown => keysHere[key]?.(stays);
