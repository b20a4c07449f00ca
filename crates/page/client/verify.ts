// Compares a session with its server, and shows what differs.

import { inWords, type Problem, send } from "./api";
import { byId, parse, root, say } from "./dom";
import { hint } from "./hint";
import { t } from "./words";

/** Page of the session in front. */
function frontPath(): string | null {
  const { instance, session } = root.dataset;
  if (instance === undefined || session === undefined) return null;
  return `/i/${encodeURIComponent(instance)}/s/${encodeURIComponent(session)}`;
}

/** Compares the session of a page, of the one in front unless another is named, and shows the result. */
export async function verify(path = frontPath(), at: HTMLElement | null = null): Promise<void> {
  if (path === null) return hint("Open a session first.");
  if (at?.ariaBusy === "true") return;
  if (at) at.ariaBusy = "true";
  hint("Comparing the session with its server…");
  const answer = await fetch(`/fragment${path}/verify`).catch(() => null);
  if (at) at.ariaBusy = null;
  if (!answer) return hint("Drovers did not answer. Try again.");
  const text = await answer.text();
  if (!answer.ok) return hint(inWords(JSON.parse(text) as Problem, answer.status));
  const dialog = parse(text);
  if (!(dialog instanceof HTMLDialogElement)) return;
  byId("compared")?.remove();
  if (dialog.dataset.same !== undefined) return hint(t("Same as its server: {what}", { what: dialog.dataset.same }));
  document.body.append(dialog);
  dialog.dataset.path = path;
  dialog.showModal();
  say(dialog.querySelector("h2")?.textContent ?? "");
}

/** Reads the session of the open dialog again from its server, and compares once more. */
export async function reread(control: HTMLElement): Promise<void> {
  const dialog = control.closest("dialog");
  if (!dialog || control.ariaBusy === "true") return;
  control.ariaBusy = "true";
  const done = await send(dialog, "POST", control.dataset.url ?? "", {});
  control.ariaBusy = null;
  if (!done) return;
  const { path } = dialog.dataset;
  dialog.close();
  await verify(path);
}
