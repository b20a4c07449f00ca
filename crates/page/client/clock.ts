// Fills in moments: the hub names them, the page's own clock says how long ago they were.

import { root } from "./dom";
import { t } from "./words";

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

/** How long after its last event a model counts as silent. Its time is noted in steps of 10 s. */
const silentAfter = 25_000;

/** The browser's own form of the page's language, such as that of a country. */
const locale = navigator.languages.find((one) => one.startsWith(root.lang.slice(0, 2))) ?? root.lang;
const hours = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hour12: false });
const days = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });

/** A moment in words, and when they will be others. */
type Words = [text: string, until: number];

/** Text of each time element, and the time that it shows. */
const shown = new WeakMap<Element, { of: string; until: number }>();

/** In steps of the largest unit that fits: words for a time of `ms`, and how long they hold. */
function ago(ms: number): Words {
  if (ms < minute) return [t("now"), minute - ms];
  const [unit, text] = ms < hour ? ([minute, "{n} min"] as const) : ms < day ? ([hour, "{n} h"] as const) : ([day, "{n} d"] as const);
  return [t(text, { n: Math.floor(ms / unit) }), unit - (ms % unit)];
}

/** A duration in words, in seconds up to two minutes. */
export function seconds(ms: number): Words {
  return ms < 2 * minute ? [t("{n} s", { n: Math.max(0, Math.round(ms / 1000)) }), 0] : ago(ms);
}

/** Formats a time for people. */
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
      return [from - at < minute ? "" : t(" for {time}", { time: text }), left];
    }
    case "seconds":
      return seconds(from - at);
    case "silent":
      return from - at < silentAfter ? ["", silentAfter - (from - at)] : [t("model silent for {time}", { time: seconds(from - at)[0] }), 0];
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

/** Updates every relative time whose text changed. Runs after every change; an unchanged time costs one look-up. */
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
