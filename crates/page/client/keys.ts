// Keys; the help dialog lists the same ones.

import { answerPermission } from "./answer";
import { ofComposition } from "./composing";
import { byId, root } from "./dom";
import { openDialog, sheet } from "./dialogs";
import { addToDraft } from "./drafts";
import { hint } from "./hint";
import { menu, stepInstance } from "./menu";
import { go, isLeaving } from "./navigate";
import { allowable } from "./steady";

function step(by: number): void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>("[data-k=tree] a[href*='/s/']")];
  const at = links.findIndex((link) => link.getAttribute("aria-current") === "page");
  const next = at < 0 ? links[0] : links[at + by];
  if (next) void go(next.pathname);
}

/**
 * How long no other key may be pressed before and after one that allows, in milliseconds: nobody writes a word so slowly.
 * A word that is written where no field has the focus allows nothing.
 */
const quiet = 400;

/** When the newest key was pressed, and the one before it. */
let typed = -Infinity;
let typedBefore = -Infinity;
/** When a key took back what the key allowed before it. */
let tookBack = -Infinity;
/** The key that allows was pressed: it counts once `quiet` has passed. */
let allowing: { card: HTMLElement; timer: number } | undefined;

/** Another key, a press or a change of place came within `quiet`: nothing is allowed. */
function takeBackAllow(why: string): void {
  if (!allowing) return;
  clearTimeout(allowing.timer);
  allowing.card.removeAttribute("data-allowing");
  allowing = undefined;
  hint(why);
}

/** Allows the request that is marked, if it was in sight for long enough before the key and still is after it. */
function allow({ timeStamp }: KeyboardEvent): void {
  if (timeStamp === tookBack) return;
  if (isLeaving()) return hint("This page is about to be replaced: nothing was allowed.");
  if (timeStamp - typedBefore < quiet) return hint("Other keys were pressed just before: nothing was allowed.");
  const card = allowable(timeStamp);
  if (typeof card === "string") return hint(card);
  card.setAttribute("data-allowing", "");
  hint("Allowing. Any other key takes it back.");
  allowing = { card, timer: setTimeout(() => allowNow(card), quiet) };
}

function allowNow(card: HTMLElement): void {
  if (document.hidden || isLeaving() || allowable(performance.now()) !== card) {
    return takeBackAllow("The request changed or moved meanwhile: nothing was allowed.");
  }
  card.removeAttribute("data-allowing");
  allowing = undefined;
  const form = card.querySelector<HTMLFormElement>("form[data-url]");
  if (form) answerPermission(form, "once");
}

/** Opens the page of a new session. What is written before it is there is kept for its prompt. */
async function beginSession(instance: string): Promise<void> {
  const ahead = document.createElement("textarea");
  ahead.className = "hear";
  ahead.ariaLabel = "Prompt of the new session";
  document.body.append(ahead);
  ahead.focus({ preventScroll: true });
  await go(`/i/${encodeURIComponent(instance)}`);
  const [area, written] = [byId<HTMLTextAreaElement>("text"), ahead.value];
  ahead.remove();
  // Whoever went elsewhere meanwhile finds it where it was written for.
  if (root.dataset.instance !== instance || root.dataset.session !== undefined) return addToDraft(instance, written);
  if (!area) return;
  area.focus();
  if (written === "") return;
  area.setRangeText(written, area.value.length, area.value.length, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Keys that may be held: they only look elsewhere. */
const mayBeHeld = ["j", "k", "h", "l"];

const keys: Record<string, (event: KeyboardEvent) => void> = {
  "/": () => byId("text")?.focus(),
  "?": () => openDialog("help"),
  "+": () => openDialog("add"),
  a: allow,
  h: () => stepInstance(-1),
  i: () => menu(),
  j: () => step(1),
  k: () => step(-1),
  l: () => stepInstance(1),
  n: () => {
    const { instance } = root.dataset;
    if (instance !== undefined) void beginSession(instance);
  },
};

function inText(event: KeyboardEvent): boolean {
  return (event.target as Element).matches("input, textarea, select") || document.querySelector("dialog[open]") !== null;
}

function inPrompt(event: KeyboardEvent, area: HTMLTextAreaElement): void {
  const phone = matchMedia("(pointer: coarse)").matches;
  if (ofComposition(event)) return;
  if (event.key === "Escape") area.blur();
  if (event.key !== "Enter" || event.shiftKey || phone) return;
  event.preventDefault();
  area.form?.requestSubmit();
}

export function keyboard(): void {
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (target instanceof HTMLTextAreaElement && target.id === "text") return inPrompt(event, target);
    if (event.metaKey || event.ctrlKey || event.altKey || ofComposition(event) || inText(event)) return;
    if (event.key === "Escape") return sheet();
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    if (!event.repeat || mayBeHeld.includes(event.key)) act(event);
  });
  // Before everything else that listens for keys: those count as well that are written, held, or stopped on their way.
  addEventListener(
    "keydown",
    ({ timeStamp, repeat, key }) => {
      typedBefore = typed;
      typed = timeStamp;
      if (!allowing || (repeat && key === "a")) return;
      tookBack = timeStamp;
      takeBackAllow("Another key followed: nothing was allowed.");
    },
    true,
  );
  addEventListener("pointerdown", () => takeBackAllow("Something was pressed meanwhile: nothing was allowed."), true);
}
