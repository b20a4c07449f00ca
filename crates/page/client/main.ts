// Begins everything. All controls are named by `data-do` and handled here; nothing is bound to single elements.

import { answerPermission } from "./answer";
import { send } from "./api";
import { beginClock } from "./clock";
import { byComposition, watchComposing } from "./composing";
import { foldPane, isSheet, openDialog, remove, sheet } from "./dialogs";
import { byId, root, say } from "./dom";
import { hint } from "./hint";
import { keyboard } from "./keys";
import { later } from "./later";
import { betweenBatches, live } from "./live";
import { menu } from "./menu";
import { chosen } from "./morph";
import { again, navigation } from "./navigate";
import { outbox, sendKept, withdrawAllows } from "./outbox";
import { filterRows, unfold, watchOverview } from "./overview";
import { settleList } from "./patch";
import { watchPlaces } from "./places";
import { openMenu, watchLongPress } from "./press";
import { isTooEarly, watchPresses } from "./presses";
import { saveDraft, showDraft, watchDrafts } from "./drafts";
import { composerShown, followBegun, sendPrompt, syncPrompt, useExample } from "./prompt";
import { beginReading, toEnd } from "./reading";
import { notifies, settings } from "./settled";
import { watchCards } from "./steady";
import { watchTriage } from "./triage";
import { showKept } from "./waiting";

/** Stopping a session also discards grants that were not sent yet. */
function withdraw(): void {
  const dropped = withdrawAllows(root.dataset.instance ?? "");
  if (dropped > 0) say("Grants that were not sent yet were discarded");
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
  copy: (control) => later("verify").then((own) => own.copy(control)),
  remove,
  "continue-all": (control) => later("forms").then((own) => own.continueAll(control)),
  folder: (control) => later("forms").then((own) => own.openFolder(control)),
  whole: (control) => later("forms").then((own) => own.showWhole(control)),
  dialog: (control) => openDialog(control.dataset.dialog ?? ""),
  close: (control) => control.closest("dialog")?.close(),
  unfold,
  verify: (control) => later("verify").then((own) => own.verify(undefined, control)),
  reread: (control) => later("verify").then((own) => own.reread(control)),
  "since-close": () => later("beside").then((own) => own.closeAway()),
  done: (control) => later("sort").then((own) => own.markDone(control)),
  "put-off": (control) => later("sort").then((own) => own.openSnooze(control)),
  "retry-model": (control) => later("picker").then((own) => own.retryWith(control)),
  snooze: (control) => later("sort").then((own) => own.snooze(control)),
  example: useExample,
  sheet: ({ dataset: { sheet: side = "" } }) => (isSheet(side) ? sheet(side) : foldPane(side)),
  // On a narrow screen the list opens; on a wide one it is there, and gets the focus.
  sessions: () => {
    sheet("left");
    document.querySelector<HTMLElement>("[data-k=tree] [aria-current]")?.focus();
  },
  menu: () => menu(),
  post,
  reply,
  attach: (control) => later("beside").then((own) => own.chooseFiles(control)),
  queue: (control) => later("queue").then((own) => own.actOnQueue(control)),
  later: (control) => sendPrompt(control.closest("form") as HTMLFormElement, "later"),
  pick: (control) => later("picker").then((own) => own.openPicker(control.id)),
  "session-menu": openMenu,
  "message-menu": (control) => later("session").then((own) => own.openMessageMenu(control)),
  "drop-held": (control) => later("queue").then((own) => own.dropHeld(control)),
  "edit-held": (control) => later("queue").then((own) => own.editHeld(control)),
  "send-held": (control) => later("queue").then((own) => own.sendHeld(control)),
  "steer-held": (control) => later("queue").then((own) => own.steerHeld(control)),
  parallel: () => later("parallel").then((own) => own.openParallel()),
  keep: (control) => later("parallel").then((own) => own.keepRun(control)),
  unkeep: (control) => later("parallel").then((own) => own.unkeepRuns(control)),
  palette: () => later("palette").then((own) => own.openPalette()),
  settings: () => later("settings").then((own) => own.openSettings()),
  notify: (control) => later("notify").then((own) => own.answerOffer(control.dataset.yes !== undefined)),
  end: toEnd,
  skip: () => (byId("log") ?? byId("main"))?.focus(),
};

const forms: Record<string, (form: HTMLFormElement, reply: string) => unknown> = {
  add: (form) => later("forms").then((own) => own.addFrom(form)),
  login: (form) => later("forms").then((own) => own.login(form)),
  prompt: sendPrompt,
  "run-parallel": (form) => later("parallel").then((own) => own.startParallel(form)),
  permission: answerPermission,
  question: (form, pressed) => {
    // What is chosen now is the answer, whatever is chosen until the chunk is there.
    const shown = form.cloneNode(true) as HTMLFormElement;
    return later("sort").then((own) => own.answerQuestion(form, pressed, shown));
  },
  reject: (form) => later("sort").then((own) => own.sendReject(form)),
};

/** Reports a control whose chunk could not be loaded: the hub is away. Any other failure is a defect, and is reported as such. */
function acted(done: unknown): void {
  if (!(done instanceof Promise)) return;
  done.catch((error: unknown) => {
    if (!String(error).includes("dynamically imported module")) throw error;
    hint("Drovers did not answer. Try again.");
  });
}

document.addEventListener("click", (event) => {
  const control = (event.target as Element).closest<HTMLElement>("[data-do]");
  const act = clicks[control?.dataset.do ?? ""];
  if (!control || !act) return;
  event.preventDefault();
  acted(act(control));
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
  acted(act(form, event.submitter instanceof HTMLButtonElement ? event.submitter.value : ""));
});

document.addEventListener("change", (event) => {
  if (event.target instanceof HTMLSelectElement) chosen.add(event.target);
});

document.addEventListener("input", (event) => {
  if (event.target instanceof HTMLTextAreaElement) saveDraft();
  const field = event.target as HTMLInputElement;
  const asks = field.closest<HTMLFormElement>("form[data-do=question]");
  if (!asks) return;
  // An own answer is chosen while its field has text.
  const own = field.name === "own" ? field.closest("fieldset")?.querySelector<HTMLInputElement>("input[data-own]") : null;
  if (own) own.checked = field.value.trim() !== "";
  acted(later("sort").then((late) => late.showAsked(asks)));
});

/** What the icon counts. */
let badged = 0;

/** Shows the number of waiting requests in the title. */
function count(needs?: number): void {
  const waiting = needs ?? Number(document.querySelector<HTMLElement>("[data-k=calm]")?.dataset.needs ?? 0);
  const front = document.querySelector<HTMLElement>("[data-k=head]")?.dataset.title;
  const title = front === undefined ? "Drovers" : `${front} · Drovers`;
  const counted = waiting > 0 ? `(${waiting}) ${title}` : title;
  if (document.title !== counted) document.title = counted;
  if (badged === waiting) return;
  badged = waiting;
  const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (icon) icon.href = (waiting > 0 ? icon.dataset.need : icon.dataset.calm) ?? icon.href;
  // A browser that cannot do it, or does it for installed pages only, says so by a rejection.
  void (waiting > 0 ? navigator.setAppBadge?.(waiting) : navigator.clearAppBadge?.())?.catch(() => undefined);
}

/** Brings the tabs of what is in front into view, and a place to write where that is all there is to do. */
function reveal(): void {
  for (const tab of document.querySelectorAll(".tabs [aria-current], .strip [aria-current]")) {
    tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  const { instance, session, review, inspect } = root.dataset;
  if (inspect !== undefined) return void later("inspect").then((own) => own.openInspector());
  if (review !== undefined) return void later("changes").then((own) => own.showReview());
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

/** Brings up to date what is beside the conversation. */
let beside: (() => void) | undefined;

/** Loads what takes an answer to a question once one is in front: the answer is kept also where the hub is away by then. */
function prepareAnswers(): void {
  if (document.querySelector("form[data-do=question]")) void later("sort").catch(() => undefined);
}

/** Starts notifications where they are permitted and on. */
function watchForNews(): void {
  if (notifies(settings())) void later("notify").then((own) => own.watchNotices());
}

/** When what an installed page needs is loaded, in milliseconds: after all else. */
const phoneAfter = 3_000;

/** How long after a chunk could not be loaded it is tried again, in milliseconds. */
const loadAgainAfter = 5_000;

/** Runs code that is not needed at once when the page is idle; again later where its chunk could not be loaded, as the hub is away. */
function whenIdle(act: () => Promise<unknown>): void {
  const attempt = (): void => void act().catch(() => setTimeout(attempt, loadAgainAfter));
  if ("requestIdleCallback" in window) requestIdleCallback(attempt);
  else setTimeout(attempt, 200);
}

// What a person set of the panes: their widths as properties, and those that are folded.
root.style.cssText = localStorage.getItem("panes") ?? "";
root.dataset.fold = localStorage.getItem("fold") ?? "";
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
  beside?.();
  filterRows();
  composerShown();
  // What had the focus is gone: keys and screen readers go on in the conversation.
  if (root.dataset.overview === undefined && document.activeElement === document.body) byId("log")?.focus({ preventScroll: true });
});
watchComposing();
watchPlaces();
watchPresses();
watchLongPress();
watchOverview((key) => betweenBatches(() => settleList(key)));
watchTriage();
watchDrafts();
keyboard();
outbox(showKept, followBegun);
watchCards();
live({
  changed: (needs) => {
    syncPrompt();
    count(needs);
    filterRows();
    if (linksChanged()) sendKept();
    beside?.();
  },
  reset: again,
  back: sendKept,
  settings: (now) => void later("settings").then((own) => own.applySettings(now)).then(watchForNews),
  news: (items) => void later("notify").then((own) => own.tellNews(items)),
});
whenIdle(() =>
  later("beside").then((own) => {
    const update = own.watchBeside();
    prepareAnswers();
    beside = () => {
      update();
      prepareAnswers();
    };
    watchForNews();
    own.beginComposing();
    own.watchErrors();
    setTimeout(() => whenIdle(() => later("notify").then((phone) => phone.beginPhone())), phoneAfter);
  }),
);
