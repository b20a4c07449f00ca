// Sessions with output that this browser has not shown since. Looking at a session clears its mark, passing over it does not.

import { now } from "./clock";
import { root } from "./dom";
import { isLeaving } from "./navigate";

/** When the output of sessions was seen last, and since when this browser counts: what came before is not unread. */
interface Seen {
  since: number;
  at: Record<string, number>;
}

const seenKey = "seen";
/** Sessions whose time is kept. Beyond it the oldest half is forgotten, and nothing up to then counts as unread. */
const mostSeen = 500;
/** Time for which a session is in front before it counts as looked at, in milliseconds. */
const lookedAfter = 1_500;

function readSeen(): Seen {
  try {
    const stored = JSON.parse(localStorage.getItem(seenKey) ?? "") as Seen;
    if (typeof stored.since === "number" && typeof stored.at === "object") return stored;
  } catch {
    // Nothing is stored, or nothing of this form: counting begins now.
  }
  return { since: now(), at: {} };
}

let seen = readSeen();

function store(): void {
  const kept = Object.entries(seen.at);
  if (kept.length > mostSeen) {
    kept.sort(([, a], [, b]) => b - a);
    seen = { since: Math.max(seen.since, kept[mostSeen / 2]?.[1] ?? 0), at: Object.fromEntries(kept.slice(0, mostSeen / 2)) };
  }
  try {
    localStorage.setItem(seenKey, JSON.stringify(seen));
  } catch {
    // localStorage is full: the marks are those of this page alone.
  }
}

/** The session in front, whether it was there for long enough, and the timer of that. */
const front = { session: "", looked: false, timer: 0 };

function look(update: () => void): void {
  const session = document.hidden || root.dataset.overview !== undefined ? "" : (root.dataset.session ?? "");
  if (session === front.session) return;
  clearTimeout(front.timer);
  front.session = session;
  front.looked = false;
  if (session === "") return;
  front.timer = setTimeout(() => {
    front.looked = !isLeaving();
    // A person on the way to another session only passes.
    if (!front.looked) front.session = "";
    update();
  }, lookedAfter);
}

/** Marks the rows of sessions with new output. `update` brings the tree up to date. */
export function markUnread(rows: Iterable<HTMLElement>, update: () => void): void {
  look(update);
  let changed = false;
  for (const row of rows) {
    const session = row.dataset.k?.slice("s:".length) ?? "";
    const output = Number(row.querySelector<HTMLElement>(":scope > a")?.dataset.output ?? 0);
    if (front.looked && session === front.session && (seen.at[session] ?? 0) < output) {
      seen.at[session] = output;
      changed = true;
    }
    const fresh = output > (seen.at[session] ?? seen.since);
    if (row.hasAttribute("data-unread") !== fresh) row.toggleAttribute("data-unread", fresh);
  }
  if (changed) store();
}

/** Begins. */
export function watchUnread(update: () => void): void {
  store();
  document.addEventListener("visibilitychange", update);
  addEventListener("storage", ({ key }) => {
    if (key !== seenKey) return;
    seen = readSeen();
    update();
  });
}
