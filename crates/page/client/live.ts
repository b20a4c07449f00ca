// The WebSocket of the page: viewports go up, changes come down. Silence means that the connection is broken.

import { setClock, tick } from "./clock";
import { root } from "./dom";
import { drawing, every } from "./pace";
import { apply, isGrowth, type Op } from "./patch";
import { keepingPlace } from "./reading";
import type { Settings } from "./settled";
import { stir } from "./steady";
import { t } from "./words";

/** The look that it answers, the revision that it brings the page to, and how. */
type Batch = [number, number, ...Op[]];

type Frame =
  | Batch
  | { t: "hello"; epoch: string; rev: number; version: number }
  | { t: "beat"; at: number; needs: number }
  | { t: "settings"; settings: Settings }
  | { t: "news"; items: News[] }
  | { t: "marks"; revision: number }
  | { t: "reset" };

/** Something that a person may be notified of: it is there until it is seen to. */
export interface News {
  /** Names it, and is the same as long as it is the same. */
  key: string;
  kind: "needs" | "failed" | "finished";
  instance: string;
  /** The session, in words. */
  title: string;
  /** What is asked, or how it ended. */
  text: string;
  /** The page that shows it. */
  path: string;
}

/** Handlers of the connection. */
interface Listening {
  /** Something changed, or as many requests wait. */
  changed: (needs?: number) => void;
  /** The page must fetch itself again. */
  reset: () => Promise<void>;
  /** The link is there (again). */
  back: () => void;
  /** The settings of this hub are these. */
  settings: (now: Settings) => void;
  /** All that a person may be notified of. */
  news: (items: News[]) => void;
}

/** Timeout without messages. The hub sends a beat every 5 s; with the check interval a dead connection shows after 12 s. */
const silence = 11_000;
const lookEvery = 1_000;
/** Timeout of a new connection until its first message. A half-open network never reports an error. */
const opening = 4_000;
/** After a pause of this length the page itself was suspended: missing messages then say nothing about the connection. */
const slept = 5_000;
const shortest = 250;
/** Between tries of a page that is seen, which is to be right within a second of its link's return; and of one that is not. */
const longest = 800;
const longestHidden = 5_000;
/** Sockets in a row that did not open, after which the page asks why: a browser does not tell. */
const askWhyAfter = 5;

/** Why a socket is closed whose page may not come in any more (RFC 6455: policy). */
const sentAway = 1008;

let socket: WebSocket | null = null;
let looks = 0;
let heard = 0;
let looked = 0;
let greeted = false;
let failures = 0;
let delay = shortest;
let retry: number | undefined;
let work: Promise<void> = Promise.resolve();
let listening: Listening | null = null;

/** Readers of every frame of the socket, while somebody looks at them. */
export const taps = new Set<(frame: string) => void>();

const reload = (): Promise<void> => listening?.reset() ?? Promise.resolve();

function tell(said: object): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(said));
}

let asking = false;

/** Asks to be told, or not to be told, of what a person may be notified of. */
export function askForNews(on: boolean): void {
  if (asking === on) return;
  asking = on;
  tell({ t: "notify", on });
}

/** Tells the hub what is looked at from now on, once the page is what its revision says. */
export function look(): void {
  looks += 1;
  const n = looks;
  void work.then(() => {
    if (n !== looks) return;
    const { epoch, rev, instance = null, session = null, from = null, parallel = null, overview, review, settings = 0 } = root.dataset;
    const seen = { instance, session, from, parallel, overview: overview !== undefined, review: review !== undefined, settings: Number(settings), language: root.lang };
    tell({ t: "look", n, epoch, rev: Number(rev), ...seen, hidden: document.hidden });
    if (asking) tell({ t: "notify", on: true });
  });
}

/** Waits until batches that arrived are applied, and ignores those on their way. */
export function leave(): Promise<void> {
  looks += 1;
  return work;
}

/** Changes the page between two batches, so that neither sees half of the other. */
export function betweenBatches(act: () => Promise<void>): void {
  work = work.then(() => around(act)).catch(() => void reload());
}

const usualWhy = "Page offline. Reconnecting; prompts are queued";

function show(offline: boolean, why?: string): void {
  if (!offline && !root.hasAttribute("data-offline")) return;
  const line = document.getElementById("offline");
  if (line && (line.hidden || why !== undefined)) line.textContent = t(why ?? usualWhy);
  if (line) line.hidden = !offline;
  root.toggleAttribute("data-offline", offline);
}

/** Runs a change of the page, and does around it what lists need. */
type Around = (act: () => Promise<void>) => Promise<void>;

let around: Around = (act) => act();

/** Sets what runs around each change of the page that is more than a text that grows. */
export function aroundChanges(wrap: Around): void {
  around = wrap;
}

async function batch([n, rev, ...ops]: Batch): Promise<void> {
  if (n !== looks) return;
  const began = performance.now();
  await keepingPlace(() => apply(ops, rev));
  const grown = ops.every(isGrowth);
  stir(grown);
  // Other changes may have waited for what they had to fetch.
  if (grown) drawing(began);
  // True also if the page looks elsewhere by now: whoever changes that waits for this first.
  root.dataset.rev = String(rev);
  if (n === looks) tell({ t: "ack", rev, every: every() });
  // Moments, prompts and what waits are none of a text that grows.
  if (grown) return;
  tick();
  listening?.changed();
}

function take(frame: Frame): void {
  if (Array.isArray(frame)) {
    // Not waited for: the new page itself waits for this chain.
    const [, , ...ops] = frame;
    const applied = (): Promise<void> => batch(frame);
    work = work.then(() => (ops.every(isGrowth) ? applied() : around(applied))).catch(() => void reload());
    return;
  }
  switch (frame.t) {
    case "hello":
      if (String(frame.version) !== root.dataset.version) location.reload();
      else if (frame.epoch !== root.dataset.epoch) void reload();
      listening?.back();
      break;
    case "beat":
      setClock(frame.at);
      listening?.changed(frame.needs);
      break;
    case "settings":
      listening?.settings(frame.settings);
      break;
    case "marks":
      // A review that is open takes it, or finds it later.
      root.dataset.marks = String(frame.revision);
      dispatchEvent(new CustomEvent("marks", { detail: frame }));
      break;
    case "news":
      listening?.news(frame.items);
      break;
    case "reset":
      void reload();
      break;
  }
}

/** Says that this page may not come in any more. Loading it again shows the ways in. */
function locked(): void {
  show(true, "This page lost its access.");
  const link = document.createElement("a");
  Object.assign(link, { href: location.pathname + location.search, target: "_self", textContent: t("Log in again") });
  document.getElementById("offline")?.append(" ", link);
}

/** Says why a hub that answers takes no link. */
async function explain(): Promise<void> {
  const answer = await fetch("/api/health", { signal: AbortSignal.timeout(opening) }).catch(() => null);
  if (!answer || !root.hasAttribute("data-offline")) return;
  const refused = answer.status === 401 || answer.status === 403;
  if (refused) locked();
  else if (answer.ok) show(true, "Drovers is reachable but accepts no live connection. Too many pages may be open. Retrying");
}

function lost(from: WebSocket): void {
  if (from !== socket) return;
  socket = null;
  from.close();
  show(true);
  failures += 1;
  if (failures % askWhyAfter === 0) void explain();
  clearTimeout(retry);
  retry = setTimeout(connect, delay * (0.5 + Math.random() / 2));
  delay = Math.min(delay * 2, document.hidden ? longestHidden : longest);
}

function connect(): void {
  clearTimeout(retry);
  const fresh = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/live`);
  socket = fresh;
  heard = Date.now();
  greeted = false;
  fresh.onopen = look;
  fresh.onmessage = (event: MessageEvent<string>) => {
    if (fresh !== socket) return;
    heard = Date.now();
    greeted = true;
    delay = shortest;
    failures = 0;
    show(false);
    for (const tap of taps) tap(event.data);
    take(JSON.parse(event.data) as Frame);
  };
  fresh.onclose = (event) => {
    lost(fresh);
    // Before the page is drawn again: nothing is queued for this one.
    if (event.code === sentAway) locked();
  };
}

/** After a wake or a change of network: a socket that may be dead is not waited for. */
function wake(): void {
  if (document.hidden) return look();
  if (!socket) return connect();
  if (socket.readyState === WebSocket.OPEN && Date.now() - heard < silence / 2) return look();
  const old = socket;
  socket = null;
  old.close();
  connect();
}

/** Looks whether the link is still there. */
function watchLink(): void {
  const now = Date.now();
  const asleep = now - looked > slept;
  looked = now;
  if (asleep) return wake();
  if (!socket) return;
  if (now - heard > (greeted ? silence : opening)) lost(socket);
}

/** Begins. */
export function live(to: Listening): void {
  listening = to;
  looked = Date.now();
  connect();
  setInterval(watchLink, lookEvery);
  document.addEventListener("visibilitychange", wake);
  document.addEventListener("resume", wake);
  addEventListener("online", wake);
  addEventListener("pageshow", (event) => {
    if (event.persisted) wake();
  });
}
