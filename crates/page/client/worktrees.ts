// Work trees: their list with what is done with each, and a new session in one of its own, with the progress of its making.

import { complain, exchange, inWords, isGood, type Problem, type Reply } from "./api";
import { confirmed } from "./dialogs";
import { byId, parse, root } from "./dom";
import { hint, incapacity } from "./hint";
import { later } from "./later";
import { go } from "./navigate";
import { body } from "./prompt";
import { t, tn } from "./words";

/** Time between two looks at the progress, in milliseconds. */
const makingEvery = 400;
/** How often in a row the progress may stay without an answer. */
const makingTries = 20;

interface Making {
  id: string;
  stage: "making" | "session" | "set_up" | "prompt" | "done" | "failed";
  branch: string;
  path: string;
  not_copied: string[];
  setup: { output: string; cut: boolean; exit: number | null } | null;
  session: string | null;
  problem: string | null;
}

const failedToAnswer = "Drovers did not answer. Try again.";
const why = ({ status, json }: Reply): string => (status === 0 ? t(failedToAnswer) : inWords(json, status));

/** The session of the row with the focus, else what is in front. */
function treePlace(): { instance?: string | undefined; session?: string | undefined } {
  const { activeElement: at } = document;
  const row = at instanceof HTMLAnchorElement ? /^\/i\/([^/]+)\/s\/([^/]+)$/.exec(at.pathname) : null;
  return row === null ? root.dataset : { instance: decodeURIComponent(row[1] ?? ""), session: decodeURIComponent(row[2] ?? "") };
}

/** Fetches a dialog of a repository and opens it. */
async function openTreeDialog(id: string, path: string): Promise<HTMLDialogElement | null> {
  const { instance, session } = treePlace();
  if (document.querySelector("dialog[open]")) return null;
  if (instance === undefined) {
    hint("No session is selected. Press j to select one.");
    return null;
  }
  const query = session === undefined ? "" : `?session=${encodeURIComponent(session)}`;
  const answer = await fetch(`/fragment/worktrees/${encodeURIComponent(instance)}${path}${query}`).catch(() => null);
  const dialog = answer?.ok === true ? parse(await answer.text()) : null;
  if (!(dialog instanceof HTMLDialogElement)) {
    hint(failedToAnswer);
    return null;
  }
  byId(id)?.remove();
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Says that the server of an instance has no further folders, if that is so. */
function refusesTrees(): boolean {
  const lacking = incapacity(treePlace().instance ?? "", "worktree");
  if (lacking !== "") hint(lacking);
  return lacking !== "";
}

/** Opens the dialog of a new session in its own work tree, with the prompt that is being written. */
export async function openNewTree(): Promise<void> {
  if (refusesTrees()) return;
  const dialog = await openTreeDialog("worktree", "/new");
  const form = dialog?.querySelector("form");
  const area = form?.querySelector("textarea");
  if (!dialog || !form || !area) return;
  area.value = byId<HTMLTextAreaElement>("text")?.value ?? "";
  area.focus();
  form.addEventListener("keydown", (event) => {
    const { key, target } = event;
    const begins = target === area ? event.ctrlKey || event.metaKey : target instanceof HTMLInputElement && target.type === "text";
    if (key !== "Enter" || event.isComposing || !begins) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void makeTree(dialog, form);
  });
}

/** The words of a stage. */
const stageWords = ({ stage, branch }: Making): string =>
  ({
    making: t("Making the work tree {branch}", { branch }),
    session: t("Creating the session"),
    set_up: t("Running the set-up command"),
    prompt: t("Sending the prompt"),
    done: t("Done"),
    failed: t("Not finished. The work tree is there, and the prompt is a draft of its session."),
  })[stage];

/** Sends the form. Sent again after no answer, it makes nothing twice. */
async function makeTree(dialog: HTMLDialogElement, form: HTMLFormElement): Promise<void> {
  const button = form.querySelector<HTMLButtonElement>("button.main");
  if (!button || button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  complain(form, "");
  const { instance = "", session } = dialog.dataset;
  const data = new FormData(form);
  const text = String(data.get("text") ?? "");
  const fingerprint = form.querySelector<HTMLElement>(".setup")?.dataset.fingerprint;
  const runs = data.get("setup") === "run";
  const asked = {
    prompt: body(text),
    name: String(data.get("name") ?? "").trim() || undefined,
    session,
    allow_setup: runs ? fingerprint : undefined,
    skip_setup: fingerprint !== undefined && !runs,
  };
  const content = JSON.stringify(asked);
  if (form.dataset.content !== content) form.dataset.key = crypto.randomUUID();
  form.dataset.content = content;
  const url = `/api/instances/${encodeURIComponent(instance)}/worktrees`;
  const headers = { "idempotency-key": form.dataset.key ?? "" };
  let reply = await exchange("POST", url, asked, headers);
  if (reply.json.type === "urn:drovers:problem:untrusted-folder") {
    const question = `${(reply.json as Problem).detail ?? ""}. ${t("Trust what is there from now on?")}`;
    if (await confirmed(question, "Trust", "Cancel")) reply = await exchange("POST", url, { ...asked, trust: true }, headers);
  }
  button.ariaBusy = null;
  const { id } = reply.json;
  if (!isGood(reply) || typeof id !== "string") return complain(form, why(reply));
  const area = byId<HTMLTextAreaElement>("text");
  if (area && area.value === text) {
    area.value = "";
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  form.hidden = true;
  await followMaking(dialog, instance, `${url}/making/${encodeURIComponent(id)}`);
}

/** Shows the progress until it has ended, then the session. A dialog that is closed follows nothing: the hub goes on. */
async function followMaking(dialog: HTMLDialogElement, instance: string, url: string): Promise<void> {
  const place = dialog.querySelector<HTMLElement>(".making");
  if (!place) return;
  place.hidden = false;
  let silent = 0;
  while (dialog.open) {
    const reply = await exchange("GET", url);
    if (!dialog.open) return;
    if (isGood(reply)) {
      silent = 0;
      const job = reply.json as unknown as Making;
      showMaking(place, instance, job);
      if (job.stage === "failed") return;
      if (job.stage === "done") {
        dialog.close();
        if (job.session !== null) await go(`/i/${encodeURIComponent(instance)}/s/${encodeURIComponent(job.session)}`);
        return;
      }
    } else if (reply.status !== 0 || (silent += 1) > makingTries) {
      return complain(place, why(reply));
    }
    await new Promise((next) => setTimeout(next, makingEvery));
  }
}

function showMaking(place: HTMLElement, instance: string, job: Making): void {
  const set = (name: string, text: string): void => {
    const line = place.querySelector<HTMLElement>(`[data-${name}]`);
    if (!line || line.textContent === text) return;
    const atEnd = line.scrollTop + line.clientHeight >= line.scrollHeight - 8;
    line.textContent = text;
    line.hidden = text === "";
    if (atEnd) line.scrollTop = line.scrollHeight;
  };
  place.dataset.now = job.stage;
  set("stage", stageWords(job));
  set("made-in", job.path);
  const { setup } = job;
  set("output", setup === null ? "" : (setup.cut ? "…\n" : "") + setup.output);
  set("left", job.not_copied.length === 0 ? "" : t("Not copied: {files}", { files: job.not_copied.join("; ") }));
  complain(place, job.problem ?? "");
  const link = place.querySelector<HTMLAnchorElement>("[data-open]");
  if (link && job.session !== null && job.stage === "failed") {
    link.href = `/i/${encodeURIComponent(instance)}/s/${encodeURIComponent(job.session)}`;
    link.hidden = false;
  }
}

/** Opens the list of work trees. */
export async function openTrees(): Promise<void> {
  const dialog = await openTreeDialog("worktrees", "");
  dialog?.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-act]");
    if (button) void actOnTree(dialog, button);
  });
  dialog?.addEventListener("change", (event) => {
    const row = (event.target as Element).closest<HTMLElement>("[data-path]");
    if (row) void showTried(dialog, row);
  });
}

const strings = (list: unknown): string[] => (Array.isArray(list) ? list.filter((one): one is string => typeof one === "string") : []);

async function actOnTree(dialog: HTMLDialogElement, button: HTMLElement): Promise<void> {
  if (button.dataset.act === "new") {
    dialog.close();
    return openNewTree();
  }
  const row = button.closest<HTMLElement>("[data-path]");
  if (!row || button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  complain(button, "");
  const act = button.dataset.act === "remove" ? removeTree : mergeTree;
  await act(dialog, row, button);
  button.ariaBusy = null;
}

const askTree = (dialog: HTMLDialogElement, act: Record<string, unknown>): Promise<Reply> =>
  exchange("POST", dialog.dataset.url ?? "", act);

/** What a merge would do. */
interface Tried {
  base: string;
  ahead: number;
  place: string;
  running: string;
}

const chosenBase = (row: HTMLElement): string => row.querySelector<HTMLSelectElement>("[name=into]")?.value ?? "";

/** Tries a merge into the chosen branch. What keeps it from being done is shown in the row; the result is null then. */
async function tryMerge(dialog: HTMLDialogElement, row: HTMLElement): Promise<Tried | null> {
  const { path, branch = "" } = row.dataset;
  const base = chosenBase(row);
  const refuse = (text: string): null => (complain(row, text), null);
  if (base === "") return refuse(t("Choose a branch"));
  const check = await askTree(dialog, { do: "check", path, into: base });
  // Another branch was chosen meanwhile, whose own try says more.
  if (chosenBase(row) !== base) return null;
  if (!isGood(check)) return refuse(why(check));
  const [conflicts, uncommitted] = [strings(check.json.conflicts), strings(check.json.uncommitted)];
  if (uncommitted.length > 0) {
    return refuse(t("Not committed, and so not merged: {files}. Commit them first: open the review of a session with d.", { files: uncommitted.slice(0, 5).join(", ") }));
  }
  if (conflicts.length > 0) {
    return refuse(t("{branch} and {base} conflict in {files}. Nothing was changed. Ask the agent to merge {base} into its branch, then try again.", { branch, base, files: conflicts.slice(0, 5).join(", ") }));
  }
  const untried = strings(check.json.untried);
  if (untried.length > 0) {
    return refuse(t("It cannot be tried here because the repository sets a merge driver for {files}, and Drovers runs none. Merge {base} into {branch} in a terminal, then try again.", { branch, base, files: untried.slice(0, 5).join(", ") }));
  }
  const { running, place } = check.json;
  const ahead = Number(check.json.ahead ?? 0);
  if (ahead === 0) return refuse(t("{base} has all commits of {branch} already.", { branch, base }));
  return {
    base,
    ahead,
    place: typeof place === "string" ? place : "",
    running: Array.isArray(running) ? running.map((one: { title?: string }) => `“${one.title ?? ""}”`).join(", ") : "",
  };
}

/** Shows what a merge into the branch that was chosen would do. */
async function showTried(dialog: HTMLDialogElement, row: HTMLElement): Promise<void> {
  const line = row.querySelector<HTMLElement>(".tried");
  if (!line) return;
  line.hidden = true;
  complain(row, "");
  const tried = await tryMerge(dialog, row);
  if (!tried || chosenBase(row) !== tried.base) return;
  const { ahead, base } = tried;
  line.textContent = tn(ahead, "Nothing conflicts: {n} commit would go to {base}.", "Nothing conflicts: {n} commits would go to {base}.", { base });
  line.hidden = false;
}

/** Looks what a merge would do, asks, and merges. */
async function mergeTree(dialog: HTMLDialogElement, row: HTMLElement, button: HTMLElement): Promise<void> {
  const { path, branch = "" } = row.dataset;
  const how = button.dataset.act ?? "merge";
  const tried = await tryMerge(dialog, row);
  if (!tried) return;
  const { base, ahead, place, running } = tried;
  const lines = [
    tn(ahead, "Nothing conflicts. Bring {n} commit of {branch} to {base}?", "Nothing conflicts. Bring {n} commits of {branch} to {base}?", { branch, base }),
    place === "" ? "" : t("Files in {place} change.", { place }),
    running === "" ? "" : t("At work there now: {sessions}.", { sessions: running }),
  ];
  if (!(await confirmed(lines.filter(Boolean).join(" "), how === "rebase" ? "Rebase" : "Merge", "Cancel"))) return;
  const done = await askTree(dialog, { do: "merge", path, into: base, how });
  if (!isGood(done)) return complain(row, why(done));
  // What is done can be seen, and undone, beside the page alone.
  dialog.close();
  const { note } = await later("session");
  note({ text: t("{branch} is in {base} now.", { branch, base }) });
}

/** Removes a tree; of one with something to lose only after a person read what. */
async function removeTree(dialog: HTMLDialogElement, row: HTMLElement): Promise<void> {
  const { path, branch } = row.dataset;
  const name = branch ?? path ?? "";
  let done = await askTree(dialog, { do: "remove", path });
  if (done.status === 409 && done.json.type === "urn:drovers:problem:git") {
    const text = `${(done.json as Problem).detail ?? ""}. ${t("Remove it all the same?")}`;
    if (!(await confirmed(text, "Remove and keep its state", "Cancel"))) return;
    done = await askTree(dialog, { do: "remove", path, force: true });
  }
  if (!isGood(done)) return complain(row, why(done));
  dialog.close();
  const { kept, archived } = done.json;
  const { note } = await later("session");
  note({
    text: t("Removed {name}. Its state is kept as {kept}.", { name, kept: String(kept) }),
    undo: async () => {
      const restored = await askTree(dialog, { do: "restore", kept, sessions: archived ?? [] });
      note(isGood(restored) ? { text: t("{name} is back.", { name }) } : { text: why(restored), bad: true });
    },
  });
}
