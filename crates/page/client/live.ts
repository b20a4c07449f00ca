// The page's one socket: what it looks at goes up, what changed comes down. Silence means that the link is broken.

import { setClock, tick } from "./clock";
import { root } from "./dom";
import { apply, keepingPlace, type Op } from "./patch";

type Frame =
  | { t: "hello"; epoch: string; rev: number; version: number }
  | { t: "batch"; n: number; rev: number; ops: Op[] }
  | { t: "beat"; at: number; needs: number }
  | { t: "reset" };

const silence = 12_000;
/** How long a new connection may take to say something before another is tried. */
const opening = 4_000;
const shortest = 250;
/** Between tries of a page that is seen, which is to be right within a second of its link's return; and of one that is not. */
const longest = 800;
const longestHidden = 5_000;

let socket: WebSocket | null = null;
let looks = 0;
let heard = 0;
let greeted = false;
let delay = shortest;
let retry: number | undefined;
let work: Promise<void> = Promise.resolve();
let changed: (needs?: number) => void = () => undefined;
let reload: () => Promise<void> = () => Promise.resolve();

function tell(said: object): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(said));
}

/** Tells the hub what is looked at from now on, once the page is what its revision says. */
export function look(): void {
  looks += 1;
  const n = looks;
  void work.then(() => {
    if (n !== looks) return;
    const { epoch, rev, instance = null, session = null, from = null } = root.dataset;
    tell({ t: "look", n, epoch, rev: Number(rev), instance, session, from, hidden: document.hidden });
  });
}

/** Waits until batches that arrived are applied, and ignores those on their way. */
export function leave(): Promise<void> {
  looks += 1;
  return work;
}

function show(offline: boolean): void {
  const line = document.getElementById("offline");
  if (line) line.hidden = !offline;
  root.toggleAttribute("data-offline", offline);
}

async function batch(n: number, rev: number, ops: Op[]): Promise<void> {
  if (n !== looks) return;
  await keepingPlace(() => apply(ops, rev));
  // True also if the page looks elsewhere by now: whoever changes that waits for this first.
  root.dataset.rev = String(rev);
  if (n === looks) tell({ t: "ack", rev });
  tick();
  changed();
}

function take(frame: Frame): void {
  switch (frame.t) {
    case "hello":
      if (String(frame.version) !== root.dataset.version) location.reload();
      else if (frame.epoch !== root.dataset.epoch) void reload();
      break;
    case "batch":
      // Not waited for: the new page itself waits for this chain.
      work = work.then(() => batch(frame.n, frame.rev, frame.ops)).catch(() => void reload());
      break;
    case "beat":
      setClock(frame.at);
      changed(frame.needs);
      break;
    case "reset":
      void reload();
      break;
  }
}

function lost(from: WebSocket): void {
  if (from !== socket) return;
  socket = null;
  from.close();
  show(true);
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
    show(false);
    take(JSON.parse(event.data) as Frame);
  };
  fresh.onclose = () => lost(fresh);
}

/** After a wake or a change of network: a socket that may be dead is not waited for. */
function wake(): void {
  if (document.hidden) return look();
  if (!socket) return connect();
  if (Date.now() - heard < silence / 2) return look();
  const old = socket;
  socket = null;
  old.close();
  connect();
}

/** Begins. `onChange` runs after every change, `onReset` when the page must fetch itself again. */
export function live(onChange: (needs?: number) => void, onReset: () => Promise<void>): void {
  changed = onChange;
  reload = onReset;
  connect();
  setInterval(() => {
    if (socket && Date.now() - heard > (greeted ? silence : opening)) lost(socket);
  }, 1000);
  document.addEventListener("visibilitychange", wake);
  addEventListener("online", wake);
  addEventListener("pageshow", (event) => {
    if (event.persisted) wake();
  });
}
