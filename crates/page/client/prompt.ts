// The prompt: drafts, sending, and answers to what agents ask.

import { complain, send } from "./api";
import { byId, root, say } from "./dom";
import { go } from "./navigate";

let drafted = "";
let awaited: string | null = null;
let wasRunning = false;

const text = (): HTMLTextAreaElement | null => byId<HTMLTextAreaElement>("text");
const controls = (): HTMLElement | null => document.querySelector<HTMLElement>("[data-k=composer]");
const draftName = (): string => `draft:${root.dataset.instance ?? ""}/${root.dataset.session ?? ""}`;

function lastFromUser(): string | undefined {
  return [...document.querySelectorAll<HTMLElement>("#log [data-role=user]")].at(-1)?.dataset.k;
}

export function saveDraft(): void {
  const area = text();
  if (!area) return;
  if (area.value === "") sessionStorage.removeItem(drafted);
  else sessionStorage.setItem(drafted, area.value);
}

/** Puts the draft of the session in front into the prompt. */
export function showDraft(): void {
  const area = text();
  drafted = draftName();
  awaited = null;
  wasRunning = false;
  if (area) area.value = sessionStorage.getItem(drafted) ?? "";
}

/** Brings what depends on the last batch up to date. */
export function syncPrompt(): void {
  const bar = controls();
  const area = text();
  if (area && bar) area.readOnly = bar.dataset.blocked !== undefined && bar.dataset.known === undefined;
  const pending = byId("pending");
  if (pending && awaited !== null && lastFromUser() !== awaited) {
    awaited = null;
    pending.hidden = true;
  }
  const running = bar?.dataset.running !== undefined;
  byId("log")?.setAttribute("aria-busy", String(running));
  if (wasRunning && !running) say(`${document.querySelector("h1")?.textContent ?? "The session"} finished`);
  wasRunning = running;
}

function showPending(prompt: string): void {
  const pending = byId("pending");
  awaited = lastFromUser() ?? "";
  if (!pending) return;
  pending.textContent = prompt;
  pending.hidden = false;
}

function choice(id: string): string | undefined {
  return byId<HTMLSelectElement>(id)?.value;
}

async function newSession(form: Element, instance: string): Promise<string | null> {
  const made = await send(form, "POST", `/api/instances/${encodeURIComponent(instance)}/sessions`, {});
  return typeof made?.id === "string" ? made.id : null;
}

function body(prompt: string): Record<string, unknown> {
  const [providerID, ...rest] = (choice("model") ?? "").split("/");
  const model = rest.length > 0 ? { providerID, modelID: rest.join("/") } : undefined;
  return { text: prompt, agent: choice("agent"), model };
}

/** Sends what was written, to a session of its own if none is in front. */
export async function sendPrompt(form: HTMLFormElement): Promise<void> {
  const area = text();
  const { instance, session } = root.dataset;
  const prompt = area?.value ?? "";
  if (!area || instance === undefined || prompt.trim() === "" || controls()?.dataset.blocked !== undefined) return;
  const sent = body(prompt);
  const mine = drafted;
  area.value = "";
  showPending(prompt);
  const target = session ?? (await newSession(form, instance));
  const at = `/api/instances/${encodeURIComponent(instance)}/sessions/${encodeURIComponent(target ?? "")}`;
  const key = { "idempotency-key": crypto.randomUUID() };
  if (target === null || !(await send(form, "POST", `${at}/prompt`, sent, key))) {
    if (drafted === mine && area.value === "") area.value = prompt;
    sessionStorage.setItem(mine, prompt);
    const pending = byId("pending");
    if (pending) pending.hidden = true;
    return;
  }
  sessionStorage.removeItem(mine);
  if (session === undefined) {
    await go(`/i/${encodeURIComponent(instance)}/s/${encodeURIComponent(target)}`);
    if (lastFromUser() === undefined) showPending(prompt);
  }
}

export async function answerPermission(form: HTMLFormElement, reply: string): Promise<void> {
  const message = String(new FormData(form).get("message") ?? "").trim();
  const asked = reply === "reject" && message !== "" ? { reply, message } : { reply };
  await answer(form, asked);
}

export async function answerQuestion(form: HTMLFormElement, reply: string): Promise<void> {
  if (reply === "reject") return answer(form, { reject: true });
  const answers = [...form.querySelectorAll("fieldset")].map((item) => {
    const picked = [...item.querySelectorAll<HTMLInputElement>("input:checked")].map((input) => input.value);
    const own = item.querySelector<HTMLInputElement>("input[type=text]")?.value.trim() ?? "";
    return own === "" ? picked : [...picked, own];
  });
  if (answers.some((one) => one.length === 0)) return complain(form, "Choose or write an answer to each question.");
  await answer(form, { answers });
}

async function answer(form: HTMLFormElement, reply: unknown): Promise<void> {
  const controls = [...form.querySelectorAll<HTMLButtonElement>("button")];
  for (const button of controls) button.disabled = true;
  const done = await send(form, "POST", form.dataset.url ?? "", reply);
  if (!done) for (const button of controls) button.disabled = false;
}
