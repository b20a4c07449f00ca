// What happened while nobody looked: when the page was seen last in this browser, and the panel above the overview.

import { tick, now } from "./clock";
import { byId, parse } from "./dom";
import { hint } from "./hint";
import { tn } from "./words";

/** Key under which the browser keeps when a page of this hub was seen last, by the hub's clock. */
const seenKey = "seen-at";
/** Time after which a person counts as away, in milliseconds. */
const awayAfter = 5 * 60_000;
/** How often the time is kept, in milliseconds: a browser that is killed says nothing. */
const keptEvery = 30_000;

/** The panel as the hub made it, until it is closed. */
let panel: string | null = null;

const keepSeen = (): void => localStorage.setItem(seenKey, String(now()));

/** Puts the panel into the overview, if that is shown. */
export function showAway(): void {
  const place = byId("since");
  if (!place || panel === null || place.childElementCount > 0) return;
  const made = parse(panel);
  if (!made) return;
  place.append(made);
  place.hidden = false;
  tick();
}

export function closeAway(): void {
  panel = null;
  const place = byId("since");
  if (!place) return;
  place.hidden = true;
  place.replaceChildren();
}

/** Fetches what happened since a time, and shows it if something did. */
export async function openSince(at: number): Promise<boolean> {
  const answer = await fetch(`/fragment/since?at=${Math.round(at)}`).catch(() => null);
  if (answer?.ok !== true) return false;
  const text = await answer.text();
  const made = parse(text);
  if (!(made instanceof HTMLElement) || made.dataset.many === "0") return false;
  closeAway();
  panel = text;
  showAway();
  if (!byId("since")) hint(tn(Number(made.dataset.many ?? 0), "While you were away, something happened in {n} session. g o shows it.", "While you were away, something happened in {n} sessions. g o shows it."));
  return true;
}

function cameBack(): void {
  if (document.hidden) return keepSeen();
  const before = Number(localStorage.getItem(seenKey) ?? now());
  keepSeen();
  if (now() - before > awayAfter) void openSince(before);
}

/** Begins. */
export function watchAway(): void {
  cameBack();
  document.addEventListener("visibilitychange", cameBack);
  setInterval(() => {
    if (!document.hidden) keepSeen();
  }, keptEvery);
}
