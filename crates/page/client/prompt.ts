// The prompt: drafts and sending.

import { tooMany } from "./answer";
import { complain } from "./api";
import { choiceHere, moveChoice, showChoice } from "./choices";
import { byId, root, say } from "./dom";
import { saveDraft } from "./drafts";
import { go } from "./navigate";
import { keep, type Kept } from "./outbox";
import { fetchElement } from "./patch";
import { showKept } from "./waiting";
import { t } from "./words";

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
  const how = mark === undefined || mark === "Idle" ? ` ${t("finished")}` : "";
  if (wasRunning === here && !running) say((document.querySelector("h1")?.textContent ?? t("The session")) + how);
  wasRunning = running ? here : "";
  showChoice();
  showKept();
}

const valueOf = (id: string): string | undefined => byId<HTMLButtonElement>(id)?.value;

/** The body of a prompt with the chosen agent, model and variant. */
export function body(prompt: string): Record<string, unknown> {
  const [providerID, ...rest] = (valueOf("model") ?? "").split("/");
  const model = rest.length > 0 ? { providerID, modelID: rest.join("/") } : undefined;
  return { text: prompt, agent: valueOf("agent"), model, variant: choiceHere().variant };
}

/** A prompt that is ready to be sent. */
export interface Prepared {
  /** Text as the person typed it. */
  shown: string;
  /** The prompt's text. */
  text: string;
  /** Further fields of the body. */
  more: Record<string, unknown>;
  /** Characters of the attached files. */
  weight: number;
}

/** The part of the prompt that is loaded on demand: attachments, completion, drafts. */
export interface Composer {
  /** Interprets the typed text; null if that is not possible now. */
  prepare: (written: string) => Prepared | Promise<Prepared | null>;
  /** Called after the prompt was sent. */
  sent: () => void;
  /** Restores the attachments of a prompt for editing. */
  restore: (kept: Kept) => void;
  /** Called when another session is in front. */
  shown: () => void;
}

let composer: Composer | undefined;

export function useComposer(loaded: Composer): void {
  composer = loaded;
  composer.shown();
}

/** Notifies the composer that another session is in front. */
export const composerShown = (): void => composer?.shown();

/** Restores the attachments of a prompt for editing. */
export const restoreKept = (kept: Kept): void => composer?.restore(kept);

const hasInbox = (): boolean => controls()?.dataset.inbox !== undefined;

/** When a server with an inbox delivers a prompt to a session that runs. */
const delivery = (queued: boolean, more: Record<string, unknown>): object =>
  hasInbox() && isBusy() && !more.shell ? { delivery: queued ? "queue" : "steer" } : {};

const isBusy = (): boolean => controls()?.dataset.running !== undefined;

/** The action of Enter while the session runs. */
export const enterMeans = (): "now" | "later" => (root.dataset.enter === "queue" ? "later" : "now");

function deliverPrompt(form: HTMLFormElement, pressed: string, { shown, text: prompt, more, weight }: Prepared): boolean {
  const { instance, session } = root.dataset;
  const empty = prompt.trim() === "" && more.parts === undefined && more.command === undefined;
  if (instance === undefined || empty || controls()?.dataset.blocked !== undefined) return false;
  const queued = isBusy() && session !== undefined && (more.shell === true || (pressed || (text()?.dataset.again === session ? "later" : enterMeans())) === "later");
  const sessions = `/api/instances/${encodeURIComponent(instance)}/sessions`;
  // A server's inbox keeps prompts and commands; shell commands, and what waits for a server without one, wait in the hub.
  const url = queued && (more.shell === true || !hasInbox()) ? `${sessions}/${encodeURIComponent(session)}/queue` : undefined;
  const kept = keep({ kind: "prompt", instance, session, url, body: { ...body(prompt), ...delivery(queued, more), ...more }, text: shown, weight, place: byId<HTMLInputElement>("place")?.value });
  complain(form, kept ? "" : tooMany);
  return kept;
}

/**
 * Queues the prompt for the session in front, or for a new one. The entry stays queued until it arrives. `pressed` is `now` or
 * `later` if a button or key chose.
 */
export function sendPrompt(form: HTMLFormElement, pressed = ""): void {
  const area = text();
  if (!area) return;
  const written = area.value;
  const finish = (ready: Prepared | null): void => {
    if (area.value !== written) return;
    if (!ready) return complain(form, "Drovers did not answer, so it is not known whether this is a command. Nothing was sent. Try again.");
    if (!deliverPrompt(form, pressed, ready)) return;
    area.value = "";
    delete area.dataset.again;
    saveDraft();
    composer?.sent();
  };
  const ready = composer?.prepare(written) ?? { shown: written, text: written, more: {}, weight: 0 };
  if (ready instanceof Promise) void ready.then(finish);
  else finish(ready);
}

/** Goes to a session that was begun from here, unless the person is elsewhere by now. */
export function followBegun(kept: Kept): void {
  const { instance, session } = root.dataset;
  if (kept.session !== undefined) moveChoice(kept.instance, kept.session);
  if (kept.session === undefined || kept.instance !== instance || session !== undefined) return;
  void go(`/i/${encodeURIComponent(kept.instance)}/s/${encodeURIComponent(kept.session)}`);
}

/** Puts an example into the prompt, for a person to change or send. */
export function useExample(button: HTMLElement): void {
  const area = byId<HTMLTextAreaElement>("text");
  if (!area) return;
  area.value = button.textContent ?? "";
  area.dispatchEvent(new Event("input", { bubbles: true }));
  area.focus();
}

/** The whole text of a prompt in the conversation. */
export async function promptText(article: Element | null): Promise<string> {
  const said: string[] = [];
  for (const part of article?.querySelectorAll<HTMLElement>(".parts > .said") ?? []) {
    const more = part.querySelector<HTMLAnchorElement>("a.more");
    const whole = more ? await fetchElement(more.href) : part;
    said.push([...(whole ?? part).querySelectorAll("[data-k^='b:']")].map((block) => block.textContent).join(""));
  }
  return said.join("\n");
}
