// The prompt: drafts and sending.

import { tooMany } from "./answer";
import { complain } from "./api";
import { byId, root, say } from "./dom";
import { saveDraft } from "./drafts";
import { go } from "./navigate";
import { keep, type Kept } from "./outbox";
import { showKept } from "./waiting";

let wasRunning = "";

const text = (): HTMLTextAreaElement | null => byId<HTMLTextAreaElement>("text");
const controls = (): HTMLElement | null => document.querySelector<HTMLElement>("[data-k=composer]");

/** Brings what depends on the last batch up to date. */
export function syncPrompt(): void {
  const bar = controls();
  const area = text();
  if (area && bar) area.readOnly = bar.dataset.blocked !== undefined && bar.dataset.known === undefined;
  const running = bar?.dataset.running !== undefined;
  byId("log")?.setAttribute("aria-busy", String(running));
  const here = `${root.dataset.instance ?? ""}/${root.dataset.session ?? ""}`;
  const mark = document.querySelector<HTMLElement>("[data-k=head]")?.dataset.mark;
  // The title begins with the mark's word, unless it is idle.
  const how = mark === undefined || mark === "Idle" ? " finished" : "";
  if (wasRunning === here && !running) say((document.querySelector("h1")?.textContent ?? "The session") + how);
  wasRunning = running ? here : "";
  showKept();
}

function choice(id: string): string | undefined {
  return byId<HTMLSelectElement>(id)?.value;
}

/** A prompt with what is chosen beside it. */
export function body(prompt: string): Record<string, unknown> {
  const [providerID, ...rest] = (choice("model") ?? "").split("/");
  const model = rest.length > 0 ? { providerID, modelID: rest.join("/") } : undefined;
  return { text: prompt, agent: choice("agent"), model };
}

/** Sends what was written, to a session of its own if none is in front. It is kept until it arrived. */
export function sendPrompt(form: HTMLFormElement): void {
  const area = text();
  const { instance, session } = root.dataset;
  const prompt = area?.value ?? "";
  if (!area || instance === undefined || prompt.trim() === "" || controls()?.dataset.blocked !== undefined) return;
  const kept = keep({ kind: "prompt", instance, session, body: body(prompt), text: prompt });
  complain(form, kept ? "" : tooMany);
  if (!kept) return;
  area.value = "";
  saveDraft();
}

/** Goes to a session that was begun from here, unless the person is elsewhere by now. */
export function followBegun(kept: Kept): void {
  const { instance, session } = root.dataset;
  if (kept.session === undefined || kept.instance !== instance || session !== undefined) return;
  void go(`/i/${encodeURIComponent(kept.instance)}/s/${encodeURIComponent(kept.session)}`);
}
