// What a person sends stays in this browser until the hub has it: over a lost link, a reload and a closed tab. It is
// sent in order, each under a key of its own, so that however often it is tried it counts once.

import { exchange, inWords, isGood, type Problem, type Reply } from "./api";
import { clock } from "./clock";
import { root } from "./dom";
import { hint } from "./hint";

/** Something that is to be sent. */
export interface Kept {
  /** Names it at the hub. */
  key: string;
  /** When it was written: the order in which it is sent. */
  at: number;
  kind: "prompt" | "answer";
  instance: string;
  /** Absent while it is to begin a session of its own. */
  session?: string;
  /** Of an answer: where it goes. */
  url?: string;
  body: Record<string, unknown>;
  /** In words, for the person who wrote it. */
  text: string;
  state: "waiting" | "sent" | "refused";
  /** Why it waits or was refused. */
  why?: string;
  /** True if a try may have arrived whose answer was lost. */
  unclear?: boolean;
  /** When the hub took it, and the message that it became. */
  sent?: number;
  message?: string;
}

const outboxPrefix = "outbox:";
/** Things kept at most; at the bound nothing more is taken, and what was written stays where it was written. */
const mostKept = 100;
/** Characters of them all together. */
const mostKeptLength = 1_000_000;
/** How long something that was sent is shown if its message does not appear: a moment in which links may heal. */
const shownSent = 30_000;
const firstAgain = 1_000;
const lastAgain = 15_000;

let cached: Kept[] | null = null;
let newest = 0;
let underWay = false;
let wanted = false;
let wait = firstAgain;
let timer: number | undefined;
const onTheirWay = new Set<string>();
let onKept: () => void = () => undefined;
let onBegun: (kept: Kept) => void = () => undefined;

const nameOfKept = (kept: Kept): string => `${outboxPrefix}${String(kept.at).padStart(15, "0")}:${kept.key}`;

/** Everything kept, oldest first. */
export function allKept(): Kept[] {
  if (cached) return cached;
  const names = Object.keys(localStorage).filter((name) => name.startsWith(outboxPrefix));
  cached = names.sort().flatMap((name) => {
    try {
      return [JSON.parse(localStorage.getItem(name) ?? "") as Kept];
    } catch {
      return [];
    }
  });
  return cached;
}

function isKept(kept: Kept): boolean {
  return localStorage.getItem(nameOfKept(kept)) !== null;
}

/** Writes something down; false if there is no room. */
function writeKept(kept: Kept): boolean {
  try {
    localStorage.setItem(nameOfKept(kept), JSON.stringify(kept));
    return true;
  } catch {
    return false;
  } finally {
    cached = null;
    onKept();
  }
}

/** Changes something that is still kept. */
function changeKept(kept: Kept, to: Partial<Kept>): Kept {
  const changed = { ...kept, ...to };
  if (isKept(kept)) writeKept(changed);
  return changed;
}

export function forget(kept: Kept): void {
  localStorage.removeItem(nameOfKept(kept));
  cached = null;
  onKept();
}

/** Keeps something, to be sent at once or as soon as possible. False if no more can be kept. */
export function keep(what: Pick<Kept, "kind" | "instance" | "session" | "url" | "body" | "text">): boolean {
  const all = allKept();
  const length = all.reduce((sum, kept) => sum + kept.text.length, what.text.length);
  if (all.length >= mostKept || length > mostKeptLength) return false;
  newest = Math.max(newest + 1, Date.now());
  const taken = writeKept({ ...what, key: crypto.randomUUID(), at: newest, state: "waiting" });
  if (!taken) return false;
  sendKept();
  setTimeout(() => onKept(), soonSent + 100);
  return true;
}

const allows = ({ kind, body }: Kept): boolean => kind === "answer" && ["once", "always"].includes(String(body.reply));

/** Drops the answers that allow something in an instance and wait to be sent. How many there were. */
export function withdrawAllows(instance: string): number {
  const waiting = allKept().filter((kept) => kept.instance === instance && kept.state === "waiting" && allows(kept));
  waiting.forEach(forget);
  return waiting.length;
}

/** Sends what was refused once more. */
export function sendAgain(kept: Kept): void {
  changeKept(kept, { state: "waiting", why: undefined });
  sendKept();
}

/** What is sent one after the other: a session's prompts. */
const laneOf = (kept: Kept): string => kept.url ?? `${kept.instance}/${kept.session ?? kept.key}`;

/** How something stands, for the person who wrote it. */
export function standing(kept: Kept): string {
  if (onTheirWay.has(kept.key) && kept.why === undefined) return "Sending…";
  if (kept.state === "sent") return "Sent";
  if (kept.state === "refused") return `Not sent: ${kept.why ?? ""}`;
  const before = allKept().find((other) => laneOf(other) === laneOf(kept) && other.state !== "sent");
  if (before && before.key !== kept.key) return "Waits for the one before it";
  const unclear = kept.unclear ? ". It may have arrived already; it counts once" : "";
  return `${kept.why ?? "Waiting to be sent"}${unclear}`;
}

/** How long something may wait before that is shown, in milliseconds: most of it is gone by then. */
const soonSent = 1_000;

/** Whether something waits for longer than it takes to send it. */
export const isStuck = (kept: Kept): boolean =>
  kept.why !== undefined || (!onTheirWay.has(kept.key) && Date.now() - kept.at > soonSent);

export const isOnItsWay = (kept: Kept): boolean => onTheirWay.has(kept.key);

const outcomes: Record<string, string> = {
  once: "allowed once",
  always: "always allowed",
  rejected: "rejected",
  answered: "answered",
};

function refusal(problem: Problem, status: number): string {
  const { first } = problem;
  if (!first) return inWords(problem, status);
  const who = first.who === "drovers" ? "from another page of Drovers" : "by another client of the server";
  const what = outcomes[first.outcome];
  return `Answered already at ${clock(first.at)} ${who}${what === undefined ? "" : `: ${what}`}`;
}

/** Notes what came of a try. True if the next one may go. */
function settle(kept: Kept, reply: Reply, wasOffline: boolean): boolean {
  const { status, json } = reply;
  if (isGood(reply)) {
    if (kept.kind === "answer") forget(kept);
    else changeKept(kept, { state: "sent", sent: Date.now(), message: String(json.messageID ?? ""), why: undefined });
    return true;
  }
  const problem: Problem = json;
  if (status === 0) {
    // Over a link that was known to be broken nothing arrives.
    changeKept(kept, { why: "Waiting for the link to Drovers", unclear: kept.unclear || !wasOffline });
  } else if (status >= 500 || status === 408 || status === 429) {
    const certain = status === 503 || status === 507;
    const whose = status === 507 ? "Waiting for the hub" : "Waiting for its server";
    // Why a server is not connected is said at its link.
    const why = problem.detail === undefined || status === 503 ? whose : `${whose}: ${problem.detail}`;
    changeKept(kept, { why, unclear: kept.unclear || !certain });
  } else {
    changeKept(kept, { state: "refused", why: refusal(problem, status) });
  }
  return false;
}

async function deliver(kept: Kept): Promise<boolean> {
  const headers = { "idempotency-key": kept.key };
  const offline = root.hasAttribute("data-offline");
  if (kept.url !== undefined) return settle(kept, await exchange("POST", kept.url, kept.body, headers), offline);
  const sessions = `/api/instances/${encodeURIComponent(kept.instance)}/sessions`;
  let mine = kept;
  if (mine.session === undefined) {
    const made = await exchange("POST", sessions, {}, headers);
    if (!isGood(made) || typeof made.json.id !== "string") return settle(mine, made, offline);
    mine = changeKept(mine, { session: made.json.id });
  }
  const url = `${sessions}/${encodeURIComponent(mine.session ?? "")}/prompt`;
  const done = settle(mine, await exchange("POST", url, mine.body, headers), offline);
  if (kept.session === undefined) onBegun(mine);
  return done;
}

/** Sends what waits in a lane, until something has to wait longer or is refused. */
async function sendLane(lane: string): Promise<void> {
  for (;;) {
    const next = allKept().find((kept) => laneOf(kept) === lane && kept.state !== "sent");
    if (next?.state !== "waiting") return;
    onTheirWay.add(next.key);
    onKept();
    try {
      if (!(await deliver(next))) return;
    } finally {
      onTheirWay.delete(next.key);
      onKept();
    }
  }
}

async function sendLanes(): Promise<void> {
  const lanes = new Set(allKept().map(laneOf));
  await Promise.all([...lanes].map(sendLane));
}

/** One tab sends at a time, where the browser can say so; two would do no harm. */
async function sendAlone(): Promise<void> {
  if (!("locks" in navigator)) return sendLanes();
  await navigator.locks.request("drovers-outbox", { ifAvailable: true }, async (lock) => {
    if (lock) await sendLanes();
  });
}

async function runKept(): Promise<void> {
  if (underWay) {
    wanted = true;
    return;
  }
  underWay = true;
  clearTimeout(timer);
  do {
    wanted = false;
    await sendAlone().catch(() => undefined);
  } while (wanted);
  underWay = false;
  if (!allKept().some((kept) => kept.state === "waiting")) return;
  timer = setTimeout(() => void runKept(), wait * (0.75 + Math.random() / 2));
  wait = Math.min(wait * 2, lastAgain);
}

/** Sends what waits, now. */
export function sendKept(): void {
  wait = firstAgain;
  if (allKept().some((kept) => kept.state === "waiting")) void runKept();
}

/** Lets go of what was sent and is shown by now, or should be. */
export function tidyKept(isShown: (kept: Kept) => boolean): void {
  for (const kept of allKept()) {
    const old = Date.now() - (kept.sent ?? 0) > shownSent;
    if (kept.state === "sent" && (old || isShown(kept))) forget(kept);
  }
}

/** Begins. `changed` runs whenever something stands differently, `begun` once a session was begun with what was kept. */
export function outbox(changed: () => void, begun: (kept: Kept) => void): void {
  onKept = changed;
  onBegun = begun;
  addEventListener("storage", (event) => {
    if (event.key !== null && !event.key.startsWith(outboxPrefix)) return;
    cached = null;
    if (event.newValue === null && event.oldValue !== null && root.hasAttribute("data-offline")) {
      hint("Another tab of this browser sent or discarded it. What came of it is shown once this page is connected.");
    }
    onKept();
    if (event.oldValue === null) sendKept();
  });
  addEventListener("online", sendKept);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) sendKept();
  });
  onKept();
  sendKept();
}
