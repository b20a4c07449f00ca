// Attachments, completion, history and drafts of the prompt. Loaded when the page is idle.

import { attachAgain, attachedHere, attachFiles, attachFrom, drawAttached, forgetAttached, promptForm } from "./attach";
import { ofComposition } from "./composing";
import { byId, root } from "./dom";
import { area } from "./drafts";
import { hint } from "./hint";
import { later } from "./later";
import type { Kept } from "./outbox";
import { foldPaste, forgetMore, namedIn, noteNamed, tidyMore, unfolded, watchPastes } from "./paste";
import { enterMeans, type Prepared, sendPrompt, useComposer } from "./prompt";
import { keyOfRecall } from "./recall";
import { draftChanged, readDraftNow, watchRemoteDrafts, writeDraftNow } from "./sync";

/** Interval in which a second Escape stops the run, in milliseconds. */
const secondEscape = 1_000;
let escaped = -Infinity;

export const chooseFiles = (control: HTMLElement): void => attachFrom(control);

/** Completion, once it is loaded. */
let completion: typeof import("./complete") | undefined;

/** Loads completion at the first text that needs it. */
async function loadCompletion(): Promise<typeof import("./complete")> {
  const own = await later("complete");
  if (!completion) own.watchCompletion(noteNamed);
  completion = own;
  return own;
}

function plainPrompt(written: string): Prepared {
  const text = unfolded(written);
  const files = attachedHere();
  const parts = files.map(({ name, mime, url }) => ({ type: "file", mime, filename: name, url }));
  const mentions = namedIn(written);
  const more = { ...(parts[0] && { parts }), ...(mentions[0] && { mentions }) };
  return { shown: text, text, more, weight: files.reduce((sum, { url }) => sum + url.length, 0) };
}

/** Interprets the typed text as a command, a shell command, or a prompt. Null if nobody can say whether it is a command. */
function prepare(written: string): Prepared | Promise<Prepared | null> {
  const plain = plainPrompt(written);
  const shell = /^!\s*(\S[^]*)$/.exec(plain.text);
  if (shell) return { ...plain, text: shell[1] ?? "", more: { shell: true }, weight: 0 };
  const command = /^\/(\S+)\s*([^]*)$/.exec(plain.text);
  if (!command) return plain;
  const [, name = "", text = ""] = command;
  const asCommand = { ...plain, text, more: { ...plain.more, command: name } };
  const known = completion?.isCommand(name) ?? loadCompletion().then((own) => own.isCommand(name), () => null);
  return known === true ? asCommand : Promise.resolve(known).then((is) => (is === null ? null : is ? asCommand : plain));
}

function sent(): void {
  forgetAttached();
  forgetMore();
  completion?.closeCompletion();
  drawAttached();
  void writeDraftNow();
}

/** Stops the run at the second Escape. */
function stopAtSecond(event: KeyboardEvent): void {
  const stop = document.querySelector<HTMLButtonElement>("[data-k=composer] .stop:enabled");
  const { menu, sheet } = document.body.dataset;
  // Beside the overview, Escape closes the session.
  if (root.dataset.overview !== undefined && event.target !== area()) return;
  // In a review it leads back.
  if (root.dataset.review !== undefined) return;
  // Escape closes what is open, and stops nothing.
  const elsewhere = document.querySelector("dialog[open], :popover-open") !== null || menu !== undefined || sheet !== undefined;
  if (!stop || event.repeat || elsewhere || ofComposition(event)) return;
  if (event.timeStamp - escaped < secondEscape) {
    escaped = -Infinity;
    hint("Stopping.");
    return stop.click();
  }
  escaped = event.timeStamp;
  hint("Press Escape again to stop the run.");
}

function onKey(event: KeyboardEvent): void {
  const inPrompt = event.target === area();
  if (inPrompt && (completion?.keyOfCompletion(event) || (!ofComposition(event) && keyOfRecall(event)))) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  if (event.key === "Escape") return stopAtSecond(event);
  if (!inPrompt || event.key !== "Enter" || !event.altKey || ofComposition(event)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const form = promptForm();
  if (form) sendPrompt(form, enterMeans() === "now" ? "later" : "now");
}

function onPaste(event: ClipboardEvent): void {
  if (event.target !== area() || !event.clipboardData) return;
  const files = [...event.clipboardData.files];
  const text = event.clipboardData.getData("text/plain");
  // Office programs put a picture of the text beside the text.
  if (files.length > 0 && text === "") {
    event.preventDefault();
    void attachFiles(files);
  } else if (foldPaste(text)) {
    event.preventDefault();
  }
}

const carriesFiles = (event: DragEvent): boolean => promptForm() !== null && (event.dataTransfer?.types.includes("Files") ?? false);

function watchDrops(): void {
  const over = (on: boolean): void => void promptForm()?.toggleAttribute("data-drop", on);
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    over(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) over(false);
  });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    over(false);
    void attachFiles([...(event.dataTransfer?.files ?? [])]);
  });
}

/** Begins. */
export function beginComposing(): void {
  watchPastes();
  root.dataset.composing = "";
  watchDrops();
  watchRemoteDrafts();
  document.addEventListener("keydown", onKey, true);
  document.addEventListener("paste", onPaste);
  document.addEventListener("input", (event) => {
    if (event.target !== area()) return;
    if (completion) completion.completeNow();
    else if (/^\/|@/.test(area()?.value ?? "")) void loadCompletion().then((own) => own.completeNow());
    tidyMore();
    draftChanged();
  });
  const restore = ({ body }: Kept): void => attachAgain(body.parts);
  const shown = (): void => {
    completion?.closeCompletion();
    drawAttached();
    if (byId("place")) void later("queue").then((own) => own.fillPlace());
    void readDraftNow();
  };
  useComposer({ prepare, sent, restore, shown });
  // What was written before this was loaded is completed as well.
  if (/^\/|@/.test(area()?.value ?? "")) void loadCompletion().then((own) => own.completeNow());
}
