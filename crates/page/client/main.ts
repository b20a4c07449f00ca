// Begins everything. All controls are named by `data-do` and handled here; nothing is bound to single elements.

import { answerPermission, answerQuestion, chooseOwn } from "./answer";
import { send } from "./api";
import { beginClock } from "./clock";
import { byComposition, watchComposing } from "./composing";
import { addFrom, continueAll, login, openDialog, openFolder, remove, sheet } from "./dialogs";
import { byId, root, say } from "./dom";
import { dropHeld, editHeld, sendHeld } from "./held";
import { keyboard } from "./keys";
import { live } from "./live";
import { menu, watchMenu } from "./menu";
import { chosen } from "./morph";
import { again, navigation } from "./navigate";
import { outbox, sendKept, withdrawAllows } from "./outbox";
import { fetchElement } from "./patch";
import { watchPlaces } from "./places";
import { isTooEarly, watchPresses } from "./presses";
import { saveDraft, showDraft, watchDrafts } from "./drafts";
import { followBegun, sendPrompt, syncPrompt } from "./prompt";
import { beginReading } from "./reading";
import { review, watchReview } from "./review";
import { watchCards } from "./steady";
import { showKept } from "./waiting";

async function copy(button: HTMLElement): Promise<void> {
  const code = button.closest(".code")?.querySelector("pre")?.textContent ?? "";
  const block = button.closest<HTMLElement>("[data-k]");
  await navigator.clipboard.writeText(code);
  say("Copied");
  block?.classList.add("copied");
  setTimeout(() => block?.classList.remove("copied"), 1500);
}

async function showWhole(link: HTMLElement): Promise<void> {
  const part = link.closest("[data-k^='p:']");
  const fresh = link instanceof HTMLAnchorElement ? await fetchElement(link.href) : null;
  if (!part || !fresh) return;
  fresh.toggleAttribute("open", part.hasAttribute("open"));
  part.replaceWith(fresh);
}

/** A stop is the last word: what was allowed before it and was not sent yet is not sent any more. */
function withdraw(): void {
  const dropped = withdrawAllows(root.dataset.instance ?? "");
  if (dropped > 0) say("What was allowed and not sent yet was dropped");
}

/** Sends a command of a button, one at a time. */
async function post(control: HTMLElement): Promise<void> {
  if (control.ariaBusy === "true") return;
  control.ariaBusy = "true";
  if (control.dataset.stops !== undefined) withdraw();
  await send(control, "POST", control.dataset.url ?? "", {});
  control.ariaBusy = null;
}

function reply(button: HTMLElement): void {
  const form = button.closest("form");
  const act = forms[form?.dataset.do ?? ""];
  if (form && act && button instanceof HTMLButtonElement) act(form, button.value);
}

const clicks: Record<string, (control: HTMLElement) => unknown> = {
  copy,
  remove,
  "continue-all": continueAll,
  folder: openFolder,
  whole: showWhole,
  dialog: (control) => openDialog(control.dataset.dialog ?? ""),
  close: (control) => control.closest("dialog")?.close(),
  sheet: (control) => sheet(control.dataset.sheet),
  menu: () => menu(),
  post,
  reply,
  "drop-held": dropHeld,
  "edit-held": editHeld,
  "send-held": sendHeld,
};

const forms: Record<string, (form: HTMLFormElement, reply: string) => unknown> = {
  add: addFrom,
  login,
  prompt: sendPrompt,
  permission: answerPermission,
  question: answerQuestion,
};

document.addEventListener("click", (event) => {
  const control = (event.target as Element).closest<HTMLElement>("[data-do]");
  const act = clicks[control?.dataset.do ?? ""];
  if (!control || !act) return;
  event.preventDefault();
  void act(control);
});

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  const act = forms[form.dataset.do ?? ""];
  if (!act) return;
  event.preventDefault();
  // Enter ended a composition, and the browser took it for more.
  if (byComposition(event.timeStamp)) return;
  const card = form.closest<HTMLElement>("li.card");
  if (card && isTooEarly(card, event.timeStamp)) return;
  void act(form, event.submitter instanceof HTMLButtonElement ? event.submitter.value : "");
});

document.addEventListener("change", (event) => {
  if (event.target instanceof HTMLSelectElement) chosen.add(event.target);
});

document.addEventListener("input", (event) => {
  if (event.target instanceof HTMLTextAreaElement) saveDraft();
  if (event.target instanceof HTMLInputElement && event.target.name === "own") chooseOwn(event.target);
});

/** Counts what waits in the title, for those who are elsewhere. */
function count(needs?: number): void {
  const waiting = needs ?? Number(document.querySelector<HTMLElement>("[data-k=calm]")?.dataset.needs ?? 0);
  const front = document.querySelector<HTMLElement>("[data-k=head]")?.dataset.title;
  const title = front === undefined ? "Drovers" : `${front} · Drovers`;
  const counted = waiting > 0 ? `(${waiting}) ${title}` : title;
  if (document.title !== counted) document.title = counted;
}

/** Brings the tabs of what is in front into view, and a place to write where that is all there is to do. */
function reveal(): void {
  for (const tab of document.querySelectorAll(".tabs [aria-current], .strip [aria-current]")) {
    tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  const { instance, session } = root.dataset;
  const keyboardAtHand = matchMedia("(pointer: fine)").matches;
  if (keyboardAtHand && instance !== undefined && session === undefined) byId("text")?.focus({ preventScroll: true });
}

let linksWere = "";

/** True if a server's link is another one than the last time: what waits for it may be sent now. */
function linksChanged(): boolean {
  const links = [...document.querySelectorAll(".tab, [data-link]")];
  const now = links.map((link) => link.className + (link.getAttribute("data-link") ?? "")).join();
  const changed = now !== linksWere;
  linksWere = now;
  return changed;
}

beginReading();
beginClock(Number(root.dataset.now));
showDraft();
syncPrompt();
count();
reveal();
navigation(() => {
  sheet();
  menu(false);
  showDraft();
  syncPrompt();
  count();
  reveal();
  review();
});
watchReview();
watchComposing();
watchPlaces();
watchPresses();
watchMenu();
watchDrafts();
keyboard();
outbox(showKept, followBegun);
watchCards();
live({
  changed: (needs) => {
    syncPrompt();
    count(needs);
    review();
    if (linksChanged()) sendKept();
  },
  reset: again,
  back: sendKept,
});
