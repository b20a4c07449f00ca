// Prompts that a stop holds: sent anew, taken back into the prompt, or dropped.

import { tooMany } from "./answer";
import { answered, complain, exchange } from "./api";
import { confirmed } from "./dialogs";
import { byId, root } from "./dom";
import { keep } from "./outbox";
import { saveDraft } from "./drafts";
import { body, promptText } from "./prompt";

/**
 * Takes a prompt out of its session. Its text is in the draft before that, so that it outlasts whatever happens to the page; it leaves
 * the draft where nothing came of it.
 */
async function takeBack(control: HTMLElement, text: string): Promise<boolean> {
  complain(control, "");
  const before = byId<HTMLTextAreaElement>("text")?.value ?? "";
  if (text !== "") writeDraft(text);
  const written = byId<HTMLTextAreaElement>("text")?.value;
  const reply = await exchange("DELETE", control.dataset.url ?? "");
  const done = answered(control, reply) !== null;
  // Without a clear refusal the prompt may be gone: its text stays in the draft.
  const refused = reply.status >= 400 && reply.status < 500;
  if (refused && text !== "") unwriteDraft(written, before);
  return done;
}

/** Puts the draft back to what it was, unless it was changed since. */
function unwriteDraft(written: string | undefined, before: string): void {
  const area = byId<HTMLTextAreaElement>("text");
  if (!area || area.value !== written) return;
  area.value = before;
  saveDraft();
}

function writeDraft(text: string): void {
  const area = byId<HTMLTextAreaElement>("text");
  if (!area) return;
  area.value = area.value === "" ? text : `${area.value}\n\n${text}`;
  saveDraft();
  area.focus();
}

/** Fills in the folder of a new session: that of the session that was in front before, else the newest. */
export function fillPlace(): void {
  const field = byId<HTMLInputElement>("place");
  if (field?.value !== "") return;
  // A link of the command line names one.
  const named = new URLSearchParams(location.search).get("folder");
  field.value = named ?? localStorage.getItem(`place:${root.dataset.instance ?? ""}`) ?? field.list?.querySelector("option")?.value ?? "";
}

/** One at a time: a second press finds the first still under way. */
async function oneAtATime(control: HTMLElement, act: () => Promise<void>): Promise<void> {
  const row = control.parentElement;
  if (!row || row.ariaBusy === "true") return;
  row.ariaBusy = "true";
  await act();
  row.ariaBusy = null;
}

export function dropHeld(control: HTMLElement): Promise<void> {
  return oneAtATime(control, async () => {
    if (await confirmed("Delete this prompt? This removes it from the session.", "Delete", "Keep")) await takeBack(control, "");
  });
}

export function editHeld(control: HTMLElement): Promise<void> {
  return oneAtATime(control, async () => {
    const text = await promptText(control.closest("article"));
    const area = byId("text");
    const again = control.dataset.again !== undefined;
    // What was queued is queued again by Enter, from the moment at which it is in the draft.
    if (area && again) area.dataset.again = root.dataset.session;
    if (!(await takeBack(control, text)) && again) delete area?.dataset.again;
  });
}

/** Delivers a prompt that waits in its server's inbox to the run that is under way. */
export function steerHeld(control: HTMLElement): Promise<void> {
  return oneAtATime(control, async () => {
    complain(control, "");
    answered(control, await exchange("POST", `${control.dataset.url ?? ""}/steer`));
  });
}

export function sendHeld(control: HTMLElement): Promise<void> {
  return oneAtATime(control, async () => {
    const { instance, session } = root.dataset;
    const text = await promptText(control.closest("article"));
    const before = byId<HTMLTextAreaElement>("text")?.value ?? "";
    if (instance === undefined || session === undefined || !(await takeBack(control, text))) return;
    const written = before === "" ? text : `${before}\n\n${text}`;
    if (keep({ kind: "prompt", instance, session, body: body(text), text })) return unwriteDraft(written, before);
    complain(byId("text") ?? control, tooMany);
  });
}
