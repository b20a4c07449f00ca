// Shows waiting entries: prompts at the end of their conversation, answers on their cards, the rest in notes.

import { complain } from "./api";
import { clock } from "./clock";
import { byId, find, root, say } from "./dom";
import { allKept, forget, isOnItsWay, isStuck, type Kept, sendAgain, standing, tidyKept } from "./outbox";
import { restoreKept } from "./prompt";
import { stir } from "./steady";
import { t } from "./words";

type Act = (kept: Kept) => void;

/** A button that acts on the current state of an entry, not on the drawn one. */
function control(kept: Kept, label: string, act: Act): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = t(label);
  button.addEventListener("click", () => {
    const now = allKept().find((one) => one.key === kept.key);
    if (now) act(now);
  });
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
  restoreKept(kept);
  area.focus();
  forget(kept);
}

function copyKept(kept: Kept): void {
  void navigator.clipboard.writeText(kept.text).then(() => say("Copied"));
}

function controlsOf(kept: Kept): [string, Act][] {
  if (kept.state === "sent" || (isOnItsWay(kept) && kept.why === undefined)) return [];
  const writable = byId<HTMLTextAreaElement>("text")?.readOnly === false;
  const again: [string, Act][] = kept.state === "refused" ? [["Send again", sendAgain]] : [];
  // What may have arrived cannot be taken back.
  const back: [string, Act][] = kept.unclear ? [] : [writable ? ["Edit", edit] : ["Copy", copyKept]];
  return [...again, ...back, ["Discard", forget]];
}

function inFront(kept: Kept): boolean {
  const { instance, session } = root.dataset;
  return kept.kind === "prompt" && kept.instance === instance && kept.session === session;
}

function setText(element: Element | null, text: string): void {
  if (element && element.textContent !== text) element.textContent = text;
}

function drawPrompt(kept: Kept, item: HTMLElement): void {
  if (!item.hasChildNodes()) {
    const parts = (kept.body.parts ?? []) as { filename?: string }[];
    const files = parts.map(({ filename }) => filename ?? t("a file")).join(", ");
    item.append(line("div", "said", files === "" ? kept.text : `${kept.text}\n[${files}]`.trim()));
    item.append(line("p", "state", ""), line("div", "row", ""));
  }
  const [state, row] = [item.querySelector(".state"), item.querySelector(".row")];
  state?.classList.toggle("bad", kept.state === "refused");
  setText(state, kept.state === "sent" ? standing(kept) : `${standing(kept)} · ${t("written {time}", { time: clock(kept.at) })}`);
  const controls = controlsOf(kept);
  const labels = controls.map(([label]) => t(label)).join();
  if ([...(row?.children ?? [])].map((button) => button.textContent).join() !== labels) {
    row?.replaceChildren(...controls.map(([label, act]) => control(kept, label, act)));
  }
  for (const button of row?.querySelectorAll("button") ?? []) button.disabled = isOnItsWay(kept);
}

/** Brings a list up to date in place: whoever is about to press one of its buttons is not disturbed. */
function redraw(list: HTMLElement, all: Kept[], draw: (kept: Kept, item: HTMLElement) => void): void {
  const items = new Map([...list.querySelectorAll<HTMLElement>("[data-key]")].map((item) => [item.dataset.key, item]));
  for (const [key, item] of items) if (!all.some((kept) => kept.key === key)) item.remove();
  all.forEach((kept, at) => {
    const item = items.get(kept.key) ?? document.createElement("li");
    item.dataset.key = kept.key;
    draw(kept, item);
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null);
  });
}

function drawNote(kept: Kept, item: HTMLElement): void {
  const said = kept.state === "refused" && kept.kind === "answer" ? (kept.why ?? "") : standing(kept);
  if (!item.hasChildNodes()) {
    const shut = control(kept, "×", forget);
    shut.className = "icon";
    shut.setAttribute("aria-label", t("Discard"));
    item.append(line("span", "", ""), shut);
  }
  const span = item.querySelector("span");
  const words = `${kept.text.slice(0, 60)}${kept.text.length > 60 ? "…" : ""}`;
  if (!span || span.textContent === `${words}: ${said}`) return;
  const session = kept.session === undefined ? "" : `/s/${encodeURIComponent(kept.session)}`;
  const place = line(kept.kind === "prompt" ? "a" : "b", "", words);
  if (place instanceof HTMLAnchorElement) place.href = `/i/${encodeURIComponent(kept.instance)}${session}`;
  span.replaceChildren(place, `: ${said}`);
}

/** Shows on a card for equal requests which of them has an answer that waits or was refused. */
function showLines(answers: Kept[]): void {
  for (const line of document.querySelectorAll<HTMLElement>(".same input")) {
    const kept = answers.find(({ url }) => url === line.dataset.url);
    const said = kept && !isOnItsWay(kept) && kept.state !== "sent" ? standing(kept) : "";
    const item = line.closest("li");
    if (item && said !== (item.dataset.said ?? "")) item.dataset.said = said;
  }
}

/** The card of a request that an answer is for. */
function cardOf(kept: Kept): HTMLFormElement | undefined {
  return [...document.querySelectorAll<HTMLFormElement>("form[data-url]")].find((form) => form.dataset.url === kept.url);
}

/** An answer that could not be sent yet can be taken back where it was given. */
function offerTakeBack(form: HTMLFormElement, kept: Kept, waits: boolean): void {
  const there = form.querySelector("[data-take-back]");
  if (!waits) return there?.remove();
  if (there) return;
  const button = control(kept, "Cancel", forget);
  button.dataset.takeBack = "";
  form.append(button);
}

/** An answer that waits is shown where it was given; nothing else can be answered there meanwhile. */
function showAnswers(answers: Kept[]): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-kept]")) {
    if (answers.some((kept) => kept.url === form.dataset.url)) continue;
    delete form.dataset.kept;
    form.querySelector("[data-take-back]")?.remove();
    complain(form, "");
  }
  for (const kept of answers) {
    for (const form of document.querySelectorAll<HTMLFormElement>("form[data-url]")) {
      if (form.dataset.url !== kept.url) continue;
      form.dataset.kept = "";
      const waits = isStuck(kept);
      complain(form, waits ? `${kept.text}: ${standing(kept)}` : "", true);
      offerTakeBack(form, kept, waits);
    }
  }
  stir(true);
}

/** Updates every element that shows queued entries. */
export function showKept(): void {
  tidyKept((kept) => inFront(kept) && find(`m:${kept.message ?? ""}`) !== null);
  const all = allKept();
  const list = byId("outbox");
  if (list) redraw(list, all.filter(inFront), drawPrompt);
  const answers = all.filter((kept) => kept.kind === "answer");
  showLines(answers);
  showAnswers(answers.filter((kept) => kept.state === "waiting"));
  const elsewhere = (kept: Kept): boolean =>
    kept.kind === "prompt" ? kept.state !== "sent" && !inFront(kept) : kept.state === "refused" || !cardOf(kept);
  const notes = byId("notes");
  if (!notes) return;
  redraw(notes, all.filter((kept) => !isOnItsWay(kept) && elsewhere(kept)), drawNote);
  notes.hidden = !notes.hasChildNodes();
}
