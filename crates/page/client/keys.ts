// Keys; the help dialog lists the same ones.

import { answerPermission } from "./answer";
import { ofComposition } from "./composing";
import { byId, root } from "./dom";
import { openDialog, sheet } from "./dialogs";
import { hint } from "./hint";
import { menu, stepInstance } from "./menu";
import { go } from "./navigate";
import { allowable } from "./steady";

function step(by: number): void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>("[data-k=tree] a[href*='/s/']")];
  const at = links.findIndex((link) => link.getAttribute("aria-current") === "page");
  const next = at < 0 ? links[0] : links[at + by];
  if (next) void go(next.pathname);
}

/** How long no other key may have been pressed before one that allows, in milliseconds: nobody writes a word so slowly. */
const quietBefore = 400;

let typed = -Infinity;

/** Allows the request that is marked, if that could be seen for long enough. */
function allow({ timeStamp }: KeyboardEvent): void {
  if (timeStamp - typed < quietBefore) return hint("Other keys were pressed just before: nothing was allowed.");
  const card = allowable(timeStamp);
  if (typeof card === "string") return hint(card);
  const form = card.querySelector<HTMLFormElement>("form[data-url]");
  if (form) answerPermission(form, "once");
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
    if (instance !== undefined) void go(`/i/${encodeURIComponent(instance)}`).then(() => byId("text")?.focus());
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
  // After the key itself: also those that are written, or held.
  addEventListener("keydown", ({ timeStamp }) => (typed = timeStamp));
}
