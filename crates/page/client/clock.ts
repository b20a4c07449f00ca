// Fills in moments: the hub names them, the page's own clock says how long ago they were.

import { root } from "./dom";

let offset = 0;

/** Takes the hub's clock as the true one. */
export function setClock(hub: number): void {
  offset = hub - Date.now();
}

export function now(): number {
  return Date.now() + offset;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const hours = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hour12: false });
const days = new Intl.DateTimeFormat([], { day: "numeric", month: "short" });

/** A moment in words, and when they will be others. */
type Words = [text: string, until: number];

/** What each element says, and of which moment. */
const shown = new WeakMap<Element, { of: string; until: number }>();

/** In steps of the largest unit that fits: words for a time of `ms`, and how long they hold. */
function ago(ms: number): Words {
  if (ms < minute) return ["now", minute - ms];
  const [unit, name] = ms < hour ? ([minute, "min"] as const) : ms < day ? ([hour, "h"] as const) : ([day, "d"] as const);
  return [`${Math.floor(ms / unit)} ${name}`, unit - (ms % unit)];
}

function seconds(ms: number): Words {
  return ms < 2 * minute ? [`${Math.max(0, Math.round(ms / 1000))} s`, 0] : ago(ms);
}

/** A moment as people write it. */
export function clock(at: number, from = now()): string {
  const today = new Date(from).toDateString() === new Date(at).toDateString();
  return today ? hours.format(at) : `${days.format(at)} ${hours.format(at)}`;
}

function words(at: number, form: string | null, from: number): Words {
  switch (form) {
    case "ago":
      return ago(from - at);
    case "for": {
      const [text, left] = ago(from - at);
      return [from - at < minute ? "" : ` for ${text}`, left];
    }
    case "seconds":
      return seconds(from - at);
    case "left":
      return [seconds(at - from)[0], 0];
    default:
      return [clock(at, from), new Date(from).setHours(24, 0, 0, 0) - from];
  }
}

/** Turns the marks of what works: a page that stands still is seen to. */
function beat(): void {
  root.dataset.beat = String(Math.floor(Date.now() / 1000) % 4);
}

/** Begins to write the time, each second. */
export function beginClock(hub: number): void {
  setClock(hub);
  tick();
  setInterval(() => {
    tick();
    beat();
  }, 1000);
}

/** Writes every moment that reads differently now. It runs after every change: what still holds costs a look-up. */
export function tick(): void {
  const from = now();
  for (const time of document.getElementsByTagName("time")) {
    const at = time.getAttribute("data-at");
    if (at === null) continue;
    const form = time.getAttribute("data-form");
    const of = `${form} ${at}`;
    const known = shown.get(time);
    if (known?.of === of && from < known.until) continue;
    const [text, left] = words(Number(at), form, from);
    shown.set(time, { of, until: from + left });
    if (time.textContent !== text) time.textContent = text;
  }
}
