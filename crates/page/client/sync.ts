// Synchronises drafts with the hub, so that another device can continue them. The last writer wins; a draft that was changed
// here is never overwritten.

import { exchange, isGood } from "./api";
import { placeHere } from "./attach";
import { root } from "./dom";
import { area, draftOf, saveDraft } from "./drafts";
import { later } from "./later";
import { unfolded } from "./paste";

/** The last synchronised draft: the hub's time, and the text in this page's field. */
interface Base {
  at: number;
  text: string;
  /** The first text since then whose write got no answer: it may have arrived. */
  tried?: string;
}

const basePrefix = "base:";
/** Maximum number of bases. At the limit the others are dropped, and their drafts count as changed here. */
const mostBases = 100;
/** Debounce of writes to the hub, in milliseconds. */
const writeRest = 800;

let writing: number | undefined;

function readBase(place: string): Base {
  try {
    return JSON.parse(localStorage.getItem(basePrefix + place) ?? "") as Base;
  } catch {
    return { at: 0, text: "" };
  }
}

function storeBase(place: string, base: Base): void {
  try {
    const others = Object.keys(localStorage).filter((key) => key.startsWith(basePrefix));
    if (others.length >= mostBases) others.forEach((key) => localStorage.removeItem(key));
    localStorage.setItem(basePrefix + place, JSON.stringify(base));
  } catch {
    // localStorage is full: the draft counts as changed here.
  }
}

/** The address of the draft of a place; empty if there is none, as on the overview. */
function draftUrl(place: string): string {
  const [instance, session] = place.split("/") as [string, string];
  return instance && `/api/instances/${encodeURIComponent(instance)}/sessions/${encodeURIComponent(session || "new")}/draft`;
}

/** Drafts with a write in progress. */
const underWayTo = new Set<string>();
/** Time until drafts are tried again of which the hub said nothing when they were written, in milliseconds. */
const rewriteAfter = 2_000;

/** Writes them once the hub is there again, also after a reload. */
function rewrite(): void {
  if (!Object.keys(localStorage).some((key) => key.startsWith("unwritten:"))) return;
  const again = (left: unknown): unknown => left && setTimeout(rewrite, rewriteAfter);
  void later("queue").then((own) => own.rewriteDrafts(draftUrl, sendDraft)).then(again, again);
}

/** Writes the draft to the hub, and again if it changed meanwhile, even after the person went to another session. */
export async function writeDraftNow(): Promise<void> {
  clearTimeout(writing);
  writing = undefined;
  await sendDraft(placeHere());
}

async function sendDraft(place: string): Promise<void> {
  const url = draftUrl(place);
  if (!url || underWayTo.has(place)) return;
  underWayTo.add(place);
  for (;;) {
    const text = draftOf(place);
    const base = readBase(place);
    if (base.text === text && base.tried === undefined) break;
    const whole = placeHere() === place ? unfolded(text) : text;
    const reply = await exchange("PUT", url, { text: whole });
    if (reply.status === 0 || reply.status >= 500) {
      storeBase(place, { tried: whole, ...base });
      localStorage.setItem(`unwritten:${place}`, "");
      setTimeout(rewrite, rewriteAfter);
    }
    if (!isGood(reply)) break;
    storeBase(place, { at: Number(reply.json.at), text });
  }
  underWayTo.delete(place);
}

/** Schedules a write after an edit. */
export function draftChanged(): void {
  clearTimeout(writing);
  writing = setTimeout(() => void writeDraftNow(), writeRest);
}

/** True if the document that has just come says that this page has the hub's draft. It says so once: a draft may be written later. */
function isKnown(place: string): boolean {
  const { drafted } = root.dataset;
  delete root.dataset.drafted;
  return drafted !== undefined && Number(drafted) <= readBase(place).at;
}

/** Shows a newer draft of the hub, unless the field was changed here. */
export async function readDraftNow(): Promise<void> {
  const place = placeHere();
  const url = draftUrl(place);
  const known = isKnown(place);
  if (!url || document.hidden || known) return;
  const reply = await exchange("GET", url);
  const field = area();
  const { text, at } = reply.json as { text?: string; at?: number };
  if (!isGood(reply) || placeHere() !== place || !field || text === undefined || at === undefined) return;
  const base = readBase(place);
  if (at <= base.at || writing !== undefined || underWayTo.has(place) || base.tried !== undefined || field.value !== base.text) return;
  storeBase(place, { at, text });
  if (field.value === text) return;
  field.value = text;
  saveDraft();
}

/** Begins. */
export function watchRemoteDrafts(): void {
  rewrite();
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void readDraftNow();
    else if (writing !== undefined) void writeDraftNow();
  });
  addEventListener("focus", () => void readDraftNow());
}
