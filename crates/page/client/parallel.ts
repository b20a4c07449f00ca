// Runs of one prompt side by side: their dialog, the choice of one run, and the keys between them.

import { complain, exchange, inWords, isGood } from "./api";
import { byId, parse, root, say } from "./dom";
import { hint } from "./hint";
import { later } from "./later";
import { go } from "./navigate";
import { t } from "./words";

/** The most runs that one prompt may have. */
const mostRuns = 8;

const chosen = (form: HTMLFormElement, name: string): string[] =>
  [...form.querySelectorAll<HTMLInputElement>(`[name=${name}]:checked`)].map(({ value }) => value);

/** Every chosen model with every chosen agent. What nobody chose is left to the server. */
function runsOf(form: HTMLFormElement): Record<string, unknown>[] {
  const [models, agents] = [chosen(form, "model"), chosen(form, "agent")];
  return (models.length > 0 ? models : [""]).flatMap((id) =>
    (agents.length > 0 ? agents : [""]).map((name) => {
      const [providerID = "", ...rest] = id.split("/");
      const model = id === "" ? undefined : { providerID, modelID: rest.join("/") };
      return { agent: name === "" ? undefined : name, model };
    }),
  );
}

function showCount(form: HTMLFormElement): void {
  const count = runsOf(form).length;
  const button = form.querySelector<HTMLButtonElement>("button.main");
  if (button) button.textContent = count < 2 ? t("Start") : t("Start {count} runs", { count });
}

/** Shows the models whose names have all words of the filter, and those that are chosen. */
function filterModels(form: HTMLFormElement): void {
  const field = form.querySelector<HTMLInputElement>("[name=find]");
  const words = (field?.value ?? "").toLowerCase().split(/\s+/);
  for (const line of form.querySelectorAll<HTMLElement>(".models label")) {
    const text = (line.textContent ?? "").toLowerCase();
    const kept = line.querySelector<HTMLInputElement>("input")?.checked === true;
    line.hidden = !kept && !words.every((word) => text.includes(word));
  }
}

/**
 * Opens the dialog of a parallel run in the folder of a session, of the one in front unless another one is given: with the prompt that
 * is being written there, and the model that it would use.
 */
export async function openParallel(instance = root.dataset.instance, session = root.dataset.session): Promise<void> {
  if (instance === undefined || document.querySelector("dialog[open]")) return;
  const isFront = instance === root.dataset.instance && session === root.dataset.session;
  const answer = await fetch(`/fragment/parallel/${encodeURIComponent(instance)}`);
  const dialog = answer.ok ? parse(await answer.text()) : null;
  if (!(dialog instanceof HTMLDialogElement)) return hint("Drovers did not answer. Try again.");
  byId("parallel")?.remove();
  document.body.append(dialog);
  const form = dialog.querySelector("form");
  const area = dialog.querySelector("textarea");
  if (!form || !area) return;
  const from = isFront ? byId<HTMLTextAreaElement>("text") : null;
  area.value = from?.value ?? "";
  form.dataset.instance = instance;
  if (session !== undefined) form.dataset.session = session;
  const used = isFront ? (byId<HTMLButtonElement>("model")?.value ?? "") : "";
  for (const box of form.querySelectorAll<HTMLInputElement>("[name=model]")) box.checked = box.value === used;
  form.addEventListener("input", () => {
    filterModels(form);
    showCount(form);
  });
  showCount(form);
  // What was written here is the prompt: it goes back where it came from, unless it was sent.
  const before = area.value;
  form.dataset.before = before;
  dialog.addEventListener("close", () => {
    if (dialog.dataset.started !== undefined || !from?.isConnected || area.value === before || from.value !== before) return;
    from.value = area.value;
    from.dispatchEvent(new Event("input", { bubbles: true }));
  });
  dialog.showModal();
  area.focus();
}

/** The folder of the session in front, in which the runs of its prompt work as well. */
async function folderOf(instance: string, session?: string): Promise<unknown> {
  if (session === undefined) return undefined;
  const known = await exchange("GET", `/api/instances/${encodeURIComponent(instance)}/sessions/${encodeURIComponent(session)}`);
  return known.json.directory;
}

/** Starts the runs, and shows them. Sent again after no answer, it starts nothing twice. */
export async function startParallel(form: HTMLFormElement): Promise<void> {
  const { instance = "", session } = form.dataset;
  const runs = runsOf(form);
  const text = form.querySelector("textarea")?.value ?? "";
  if (runs.length < 2) return complain(form, "Choose at least two models or agents.");
  if (runs.length > mostRuns) return complain(form, t("Choose at most {most} runs; these are {many}.", { most: mostRuns, many: runs.length }));
  const button = form.querySelector<HTMLButtonElement>("button.main");
  if (!button || button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  complain(form, "");
  const body = { prompt: { text }, directory: await folderOf(instance, session), runs };
  const content = JSON.stringify(body);
  if (form.dataset.content !== content) form.dataset.key = crypto.randomUUID();
  form.dataset.content = content;
  const url = `/api/instances/${encodeURIComponent(instance)}/parallel`;
  const reply = await exchange("POST", url, body, { "idempotency-key": form.dataset.key ?? "" });
  button.ariaBusy = null;
  const { id } = reply.json;
  if (!isGood(reply) || typeof id !== "string") {
    const silent = "Drovers did not answer. Start again: nothing runs twice.";
    return complain(form, reply.status === 0 ? silent : inWords(reply.json, reply.status));
  }
  const area = byId<HTMLTextAreaElement>("text");
  if (area && (area.value === text || area.value === form.dataset.before)) {
    area.value = "";
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const dialog = form.closest("dialog");
  if (dialog) dialog.dataset.started = "";
  dialog?.close();
  await go(`/i/${encodeURIComponent(instance)}/parallel/${encodeURIComponent(id)}`);
}

async function change(control: HTMLElement, method: string, body: unknown): Promise<boolean> {
  if (control.ariaBusy === "true") return false;
  control.ariaBusy = "true";
  const reply = await exchange(method, control.dataset.url ?? "", body);
  control.ariaBusy = null;
  if (!isGood(reply)) complain(control, reply.status === 0 ? "Drovers did not answer. Try again." : inWords(reply.json, reply.status));
  return isGood(reply);
}

/** Keeps the run of a button. The others are archived until that is undone. */
export async function keepRun(control: HTMLElement): Promise<void> {
  if (!(await change(control, "POST", { session: control.dataset.session }))) return;
  const { note } = await later("session");
  const { url } = control.dataset;
  note({ text: "Kept this run, and archived the others.", undo: () => exchange("DELETE", url ?? "", {}) });
}

/** Takes the other runs out of the archive. */
export async function unkeepRuns(control: HTMLElement): Promise<void> {
  if (await change(control, "DELETE", {})) say("The other runs are back");
}

/** Puts the focus on a run: its link, by which Enter opens the session. */
export function focusRun(nth: number): void {
  const run = document.querySelector<HTMLElement>(`.run[data-run="${nth}"]`);
  run?.scrollIntoView({ block: "nearest", inline: "nearest" });
  run?.querySelector<HTMLElement>("h3 a, .answer")?.focus({ preventScroll: true });
}

/** Keeps the run that has the focus. */
export function keepFocused(): void {
  const button = document.activeElement?.closest(".run")?.querySelector<HTMLElement>("[data-do=keep]:enabled");
  if (button) void keepRun(button);
  else hint("Choose a run first, by its number.");
}
