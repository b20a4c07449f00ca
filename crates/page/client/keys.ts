// Keys; the help dialog lists the same ones.

import { byId, root } from "./dom";
import { openDialog, sheet } from "./dialogs";
import { go } from "./navigate";

function step(by: number): void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>("[data-k=tree] a[href*='/s/']")];
  const at = links.findIndex((link) => link.getAttribute("aria-current") === "page");
  const next = at < 0 ? links[0] : links[at + by];
  if (next) void go(next.pathname);
}

function allow(): void {
  const asked = document.querySelector<HTMLButtonElement>(
    "[data-k=asks] button[value=once]:enabled, [data-k=needs] button[value=once]:enabled",
  );
  asked?.click();
}

const keys: Record<string, () => void> = {
  "/": () => byId("text")?.focus(),
  "?": () => openDialog("help"),
  "+": () => openDialog("add"),
  a: allow,
  j: () => step(1),
  k: () => step(-1),
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
  if (event.key === "Escape") area.blur();
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || phone) return;
  event.preventDefault();
  area.form?.requestSubmit();
}

export function keyboard(): void {
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (target instanceof HTMLTextAreaElement && target.id === "text") return inPrompt(event, target);
    if (event.metaKey || event.ctrlKey || event.altKey || inText(event)) return;
    if (event.key === "Escape") return sheet();
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
