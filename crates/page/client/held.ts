// Prompts that a stop holds: sent anew, taken back into the prompt, or dropped.

import { tooMany } from "./answer";
import { answered, complain, exchange } from "./api";
import { byId, root } from "./dom";
import { keep } from "./outbox";
import { fetchElement } from "./patch";
import { saveDraft } from "./drafts";
import { body } from "./prompt";

/** The whole text of the prompt that a control is about. */
async function heldText(control: HTMLElement): Promise<string> {
  const said: string[] = [];
  for (const part of control.closest("article")?.querySelectorAll<HTMLElement>(".parts > .said") ?? []) {
    const more = part.querySelector<HTMLAnchorElement>("a.more");
    const whole = more ? await fetchElement(more.href) : part;
    said.push([...(whole ?? part).querySelectorAll("[data-k^='b:']")].map((block) => block.textContent).join(""));
  }
  return said.join("\n");
}

/** Takes a prompt out of its session; what was written is in the prompt where it is not known whether that worked. */
async function takeBack(control: HTMLElement, text: string): Promise<boolean> {
  complain(control, "");
  const reply = await exchange("DELETE", control.dataset.url ?? "");
  if (reply.status === 0 && text !== "") writeDraft(text);
  return answered(control, reply) !== null;
}

function writeDraft(text: string): void {
  const area = byId<HTMLTextAreaElement>("text");
  if (!area) return;
  area.value = area.value === "" ? text : `${area.value}\n\n${text}`;
  saveDraft();
  area.focus();
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
    await takeBack(control, "");
  });
}

export function editHeld(control: HTMLElement): Promise<void> {
  return oneAtATime(control, async () => {
    const text = await heldText(control);
    if (await takeBack(control, text)) writeDraft(text);
  });
}

export function sendHeld(control: HTMLElement): Promise<void> {
  return oneAtATime(control, async () => {
    const { instance, session } = root.dataset;
    const text = await heldText(control);
    if (instance === undefined || session === undefined || !(await takeBack(control, text))) return;
    if (keep({ kind: "prompt", instance, session, body: body(text), text })) return;
    writeDraft(text);
    complain(byId("text") ?? control, tooMany);
  });
}
