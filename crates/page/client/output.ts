// The dialog of a server that the hub runs: its process, and its output as it comes.

import { exchange, inWords, isGood, type Problem, type Reply } from "./api";
import { confirmed } from "./dialogs";
import { byId, parse, root } from "./dom";
import { hint } from "./hint";
import { t } from "./words";

/** Time between two looks at the output while the dialog is in sight, in milliseconds. */
const outputEvery = 1_000;
/** Characters of output that stay in the dialog. */
const outputChars = 400_000;

async function fetched(url: string): Promise<Element | null> {
  const answer = await fetch(url).catch(() => null);
  return answer?.ok === true ? parse(await answer.text()) : null;
}

/** Opens the dialog of the server of the instance in front. */
export async function openServer(): Promise<void> {
  const { instance } = root.dataset;
  if (instance === undefined) return hint("Open an instance first.");
  if (document.querySelector("dialog[open]")) return;
  const dialog = await fetched(`/fragment/process/${encodeURIComponent(instance)}`);
  if (!(dialog instanceof HTMLDialogElement)) return hint("Drovers did not answer. Try again.");
  byId("process")?.remove();
  document.body.append(dialog);
  dialog.showModal();
  const output = dialog.querySelector("pre");
  if (!output) return;
  output.scrollTop = output.scrollHeight;
  output.focus();
  dialog.querySelector(".copies")?.addEventListener("click", () => {
    void navigator.clipboard.writeText(output.textContent ?? "").then(
      () => hint("Copied."),
      () => hint("The browser does not allow copying."),
    );
  });
  dialog.querySelector(".restarts")?.addEventListener("click", () => void restartServer());
  follow(dialog);
}

/** True of an answer that work would end. */
const endsTurns = ({ json }: Reply): boolean => json.type === "urn:drovers:problem:turns-would-end";

/** True while a restart is asked for: of a double click the second press is no other. */
let restarting = false;
/** How long after an answer a press still belongs to the one before, in milliseconds. */
const restartDoubled = 600;

/** Restarts the server of the instance in front; asks first if turns would be interrupted. */
export async function restartServer(): Promise<void> {
  const { instance } = root.dataset;
  if (instance === undefined) return hint("Open an instance first.");
  if (restarting) return;
  restarting = true;
  await restartNow(instance).finally(() => setTimeout(() => (restarting = false), restartDoubled));
}

async function restartNow(instance: string): Promise<void> {
  const url = `/api/instances/${encodeURIComponent(instance)}/restart`;
  let reply = await exchange("POST", url, {});
  if (endsTurns(reply)) {
    const ask = `${(reply.json as Problem).detail ?? ""}. ${t("Restart the server all the same?")}`;
    if (!(await confirmed(ask, "Restart", "Cancel"))) return;
    reply = await exchange("POST", url, { end_turns: true });
  }
  if (isGood(reply)) return hint("The server restarts.");
  hint(reply.status === 0 ? "Drovers did not answer. Try again." : inWords(reply.json, reply.status));
}

/** Appends what the server prints, until the dialog is closed. */
function follow(dialog: HTMLDialogElement): void {
  let busy = false;
  const timer = setInterval(() => {
    if (!dialog.open || !dialog.isConnected) return clearInterval(timer);
    if (busy || document.hidden) return;
    busy = true;
    void append(dialog).finally(() => {
      busy = false;
    });
  }, outputEvery);
}

async function append(dialog: HTMLDialogElement): Promise<void> {
  const shown = dialog.querySelector<HTMLElement>(".process");
  const output = shown?.querySelector("pre");
  if (!shown || !output) return;
  const { run = "0", line = "0" } = shown.dataset;
  const fresh = await fetched(`${dialog.dataset.url ?? ""}?run=${run}&from=${line}`);
  const state = dialog.querySelector(".process .state");
  if (!(fresh instanceof HTMLElement) || !state) {
    dialog.dataset.away = "";
    return;
  }
  delete dialog.dataset.away;
  const more = fresh.querySelector("pre")?.textContent ?? "";
  const atEnd = output.scrollHeight - output.scrollTop - output.clientHeight < 24;
  const began = fresh.dataset.run !== run && output.textContent !== "";
  if (began) output.append(`\n— ${t("started again")} —\n`);
  if (more !== "") output.append(more);
  while ((output.textContent?.length ?? 0) > outputChars && output.firstChild !== output.lastChild) output.firstChild?.remove();
  state.textContent = fresh.querySelector(".state")?.textContent ?? "";
  for (const old of shown.querySelectorAll(".quiet")) old.remove();
  state.after(...fresh.querySelectorAll(".quiet"));
  dialog.querySelector<HTMLElement>(".process .empty")?.toggleAttribute("hidden", output.textContent !== "");
  shown.dataset.run = fresh.dataset.run ?? run;
  shown.dataset.line = fresh.dataset.line ?? line;
  if (atEnd) output.scrollTop = output.scrollHeight;
}
