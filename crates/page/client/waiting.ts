// Shows what waits to be sent: prompts at the end of their conversation, answers on their cards, the rest in notes.

import { complain } from "./api";
import { clock } from "./clock";
import { byId, find, root } from "./dom";
import { allKept, forget, isOnItsWay, type Kept, sendAgain, standing, tidyKept } from "./outbox";

function control(label: string, act: () => void): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.addEventListener("click", act);
  return button;
}

function line(tag: string, className: string, text: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** Puts a prompt back where it can be changed, after what is being written there. */
function edit(kept: Kept): void {
  const area = byId<HTMLTextAreaElement>("text");
  if (!area) return;
  area.value = area.value === "" ? kept.text : `${area.value}\n${kept.text}`;
  area.dispatchEvent(new Event("input", { bubbles: true }));
  area.focus();
  forget(kept);
}

async function copyKept(kept: Kept): Promise<void> {
  await navigator.clipboard.writeText(kept.text);
}

function controlsOf(kept: Kept): HTMLElement[] {
  if (kept.state === "sent" || isOnItsWay(kept)) return [];
  const writable = byId<HTMLTextAreaElement>("text")?.readOnly === false;
  const refused = kept.state === "refused" ? [control("Send again", () => sendAgain(kept))] : [];
  // What may have arrived cannot be taken back.
  const change = writable ? control("Edit", () => edit(kept)) : control("Copy", () => void copyKept(kept));
  const back = kept.unclear ? [] : [change];
  return [...refused, ...back, control("Discard", () => forget(kept))];
}

function inFront(kept: Kept): boolean {
  const { instance, session } = root.dataset;
  return kept.kind === "prompt" && kept.instance === instance && kept.session === session;
}

function drawPrompt(kept: Kept): HTMLElement {
  const item = document.createElement("li");
  item.dataset.kept = kept.state;
  const state = line("p", kept.state === "refused" ? "state bad" : "state", standing(kept));
  if (kept.state !== "sent") state.append(` · written ${clock(kept.at)}`);
  const row = line("div", "row", "");
  row.append(...controlsOf(kept));
  item.append(line("div", "said", kept.text), state, row);
  return item;
}

/** Draws a list anew if it would read differently; whoever is about to press one of its buttons is not disturbed. */
function redraw(list: HTMLElement, all: Kept[], draw: (kept: Kept) => HTMLElement): void {
  const writable = byId<HTMLTextAreaElement>("text")?.readOnly === false;
  const reads = JSON.stringify([writable, all.map((kept) => [kept.key, kept.state, standing(kept)])]);
  if (list.dataset.reads === reads || (all.length === 0 && !list.hasChildNodes())) return;
  list.dataset.reads = reads;
  list.replaceChildren(...all.map(draw));
}

function drawNote(kept: Kept): HTMLElement {
  const item = document.createElement("li");
  const text = document.createElement("span");
  if (kept.kind === "prompt") {
    const link = document.createElement("a");
    const session = kept.session === undefined ? "" : `/s/${encodeURIComponent(kept.session)}`;
    link.href = `/i/${encodeURIComponent(kept.instance)}${session}`;
    link.textContent = kept.text.length > 60 ? `${kept.text.slice(0, 60)}…` : kept.text;
    text.append(link, ` · ${standing(kept)}`);
  } else {
    text.append(kept.state === "refused" ? `${kept.text}: ${kept.why ?? ""}` : `${kept.text}: ${standing(kept)}`);
  }
  const shut = control("×", () => forget(kept));
  shut.className = "icon";
  shut.setAttribute("aria-label", "Discard");
  item.append(text);
  if (!isOnItsWay(kept)) item.append(shut);
  return item;
}

/** The card of a request that an answer is for. */
function cardOf(kept: Kept): HTMLFormElement | undefined {
  return [...document.querySelectorAll<HTMLFormElement>("form[data-url]")].find((form) => form.dataset.url === kept.url);
}

/** An answer that waits is shown where it was given; nothing else can be answered there meanwhile. */
function showAnswers(answers: Kept[]): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-kept]")) {
    if (answers.some((kept) => kept.url === form.dataset.url)) continue;
    delete form.dataset.kept;
    complain(form, "");
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  }
  for (const kept of answers) {
    for (const form of document.querySelectorAll<HTMLFormElement>("form[data-url]")) {
      if (form.dataset.url !== kept.url) continue;
      form.dataset.kept = "";
      for (const button of form.querySelectorAll("button")) button.disabled = true;
      complain(form, isOnItsWay(kept) ? "" : `${kept.text}: ${standing(kept)}`, true);
    }
  }
}

/** True while a prompt waits that the conversation in front ends with. */
export const isPending = (): boolean => allKept().some(inFront);

/** Brings everything that shows what is kept up to date. */
export function showKept(): void {
  tidyKept((kept) => inFront(kept) && find(`m:${kept.message ?? ""}`) !== null);
  const all = allKept();
  const list = byId("outbox");
  if (list) redraw(list, all.filter(inFront), drawPrompt);
  const answers = all.filter((kept) => kept.kind === "answer");
  showAnswers(answers.filter((kept) => kept.state === "waiting"));
  const elsewhere = (kept: Kept): boolean =>
    kept.kind === "prompt" ? kept.state !== "sent" && !inFront(kept) : kept.state === "refused" || !cardOf(kept);
  const notes = byId("notes");
  if (!notes) return;
  redraw(notes, all.filter((kept) => !isOnItsWay(kept) && elsewhere(kept)), drawNote);
  notes.hidden = !notes.hasChildNodes();
}
