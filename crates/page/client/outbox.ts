// What a person sends stays in this browser until the hub has it: over a lost link, a reload and a closed tab. It is
// sent in order, each under a key of its own, so that however often it is tried it counts once.

import { exchange, inWords, isGood, type Problem, type Reply } from "./api";
import { clock } from "./clock";
import { root } from "./dom";
import { hint } from "./hint";
import { t } from "./words";

/** Something that is to be sent. */
export interface Kept {
  /** Idempotency key at the hub. */
  key: string;
  /** Time of writing, which orders the queue. */
  at: number;
  kind: "prompt" | "answer";
  instance: string;
  /** Absent if the prompt starts a new session. */
  session?: string;
  /** For an answer: URL of the request. */
  url?: string;
  body: Record<string, unknown>;
  /** Text for the person who wrote it. */
  text: string;
  /** Folder of the new session, where the person named one. */
  place?: string | undefined;
  /** Characters of the attached files. */
  weight?: number;
  /** True if the entry is too large for localStorage and is lost on a reload. */
  apart?: boolean;
  state: "waiting" | "sent" | "refused";
  /** Reason why the entry waits or was refused. */
  why?: string;
  /** True if a try may have arrived whose answer was lost. */
  unclear?: boolean;
  /** Time at which the hub accepted the entry, and id of the resulting message. */
  sent?: number;
  message?: string;
}

const outboxPrefix = "outbox:";
/** Prefix for keys of prompts from this tab that start a session: whichever tab sends one, this one goes to its session. */
const ownPrefix = "own:";
/** Maximum number of queued entries. At the limit new entries are refused, and the text stays in its field. */
const mostKept = 100;
/** Maximum total characters in localStorage. A larger entry with files stays in memory. */
const mostKeptLength = 1_000_000;
/** Maximum total characters with the entries in memory. At the limit new entries are refused. */
const mostApartLength = 60_000_000;
/** Display time of a sent entry whose message does not appear: long enough for a link to reconnect. */
const shownSent = 30_000;
const firstAgain = 1_000;
const lastAgain = 15_000;

/** Entries that are too large for localStorage, by name. They last as long as the page. */
const apart = new Map<string, Kept>();
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

/** All queued entries, oldest first. */
export function allKept(): Kept[] {
  if (cached) return cached;
  const names = Object.keys(localStorage).filter((name) => name.startsWith(outboxPrefix));
  cached = [...names, ...apart.keys()].sort().flatMap((name) => {
    const own = apart.get(name);
    if (own) return [own];
    try {
      return [JSON.parse(localStorage.getItem(name) ?? "") as Kept];
    } catch {
      return [];
    }
  });
  return cached;
}

function isKept(kept: Kept): boolean {
  return apart.has(nameOfKept(kept)) || localStorage.getItem(nameOfKept(kept)) !== null;
}

/** Writes something down; false if there is no room. */
function writeKept(kept: Kept): boolean {
  try {
    if (kept.apart) apart.set(nameOfKept(kept), kept);
    else localStorage.setItem(nameOfKept(kept), JSON.stringify(kept));
    return true;
  } catch {
    return false;
  } finally {
    cached = null;
    onKept();
  }
}

/** Changes a queued entry. */
function changeKept(kept: Kept, to: Partial<Kept>): Kept {
  const changed = { ...kept, ...to };
  if (isKept(kept)) writeKept(changed);
  return changed;
}

export function forget(kept: Kept): void {
  sessionStorage.removeItem(ownPrefix + kept.key);
  apart.delete(nameOfKept(kept));
  localStorage.removeItem(nameOfKept(kept));
  cached = null;
  onKept();
}

/** Queues an entry and sends it as soon as possible. Returns false if the queue is full. */
export function keep(what: Pick<Kept, "kind" | "instance" | "session" | "url" | "body" | "text" | "weight" | "place">): boolean {
  const all = allKept();
  const lengthOf = ({ text, weight = 0 }: Pick<Kept, "text" | "weight">): number => text.length + weight;
  const sum = (some: Kept[]): number => some.reduce((total, kept) => total + lengthOf(kept), lengthOf(what));
  const tooLarge = sum(all.filter((kept) => !kept.apart)) > mostKeptLength;
  const lives = tooLarge && (what.weight ?? 0) > 0;
  if (all.length >= mostKept || (tooLarge && !lives) || sum(all) > mostApartLength) return false;
  newest = Math.max(newest + 1, Date.now());
  const fresh: Kept = { ...what, key: crypto.randomUUID(), at: newest, state: "waiting" };
  const taken = writeKept(lives ? { ...fresh, apart: true } : fresh);
  if (!taken) return false;
  if (fresh.kind === "prompt" && fresh.session === undefined) noteOwn(fresh);
  // Another answer to the same request takes the place of one that was refused.
  if (what.kind === "answer") all.filter((kept) => kept.url === what.url && kept.state === "refused").forEach(forget);
  sendKept();
  setTimeout(() => onKept(), soonSent + 100);
  return true;
}

const allows = ({ kind, body }: Kept): boolean => kind === "answer" && ["once", "always"].includes(String(body.reply));

/** Discards the unsent grants of an instance. Returns their number. */
export function withdrawAllows(instance: string): number {
  const waiting = allKept().filter((kept) => kept.instance === instance && kept.state === "waiting" && allows(kept));
  waiting.forEach(forget);
  return waiting.length;
}

/** Sends a refused entry again. */
export function sendAgain(kept: Kept): void {
  changeKept(kept, { state: "waiting", why: undefined });
  sendKept();
}

/** Lane of an entry: the prompts of a session are sent one after the other. */
const laneOf = (kept: Kept): string => kept.url ?? `${kept.instance}/${kept.session ?? kept.key}`;

/** State of an entry, for the person who wrote it. */
export function standing(kept: Kept): string {
  if (onTheirWay.has(kept.key) && kept.why === undefined) return t("Sending…");
  if (kept.state === "sent") return t("Sent");
  if (kept.state === "refused") return t("Not sent: {why}", { why: kept.why ?? "" });
  const before = allKept().find((other) => laneOf(other) === laneOf(kept) && other.state !== "sent");
  if (before && before.key !== kept.key) return t("Waiting for the previous one");
  const unclear = kept.unclear ? t(". It may have arrived already; it is applied only once") : "";
  const lost = kept.apart ? t(". It is too large to survive a reload: keep this page open until it is sent") : "";
  return `${t(kept.why ?? "Waiting to be sent")}${unclear}${lost}`;
}

/** Delay before a waiting entry is shown, in milliseconds; most are sent by then. */
const soonSent = 1_000;

/** True if an entry waits longer than sending usually takes. */
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
  const at = clock(first.at);
  const what = outcomes[first.outcome];
  const said = first.who === "drovers" ? t("Already answered at {at} on another Drovers page", { at }) : t("Already answered at {at} by another client", { at });
  return what === undefined ? said : `${said}: ${t(what)}`;
}

/** Records the result of an attempt. Returns true if the next entry may be sent. */
function settle(kept: Kept, reply: Reply, wasOffline: boolean): boolean {
  const { status, json } = reply;
  if (isGood(reply)) {
    // The hub's queue shows its own prompts.
    if (kept.kind === "answer" || kept.url !== undefined) forget(kept);
    else changeKept(kept, { state: "sent", sent: Date.now(), message: String(json.messageID ?? ""), why: undefined });
    return true;
  }
  const problem: Problem = json;
  if (status === 0) {
    // Over a link that was known to be broken nothing arrives.
    changeKept(kept, { why: "Waiting for the connection to Drovers", unclear: kept.unclear || !wasOffline });
  } else if (status >= 500 || status === 408 || status === 429) {
    const certain = status === 503 || status === 507;
    const whose = status === 507 ? "Waiting for the hub" : "Waiting for the server";
    // The link shows why a server is not connected.
    const why = problem.detail === undefined || status === 503 ? whose : `${t(whose)}: ${problem.detail}`;
    changeKept(kept, { why, unclear: kept.unclear || !certain });
  } else if (status === 409 && problem.type === "urn:drovers:problem:running") {
    changeKept(kept, { why: "Waiting until the session is idle" });
  } else if (kept.kind === "answer" && allKept().some((other) => other.url === kept.url && other.key !== kept.key)) {
    // Another answer to the same request was given meanwhile.
    forget(kept);
    return true;
  } else {
    changeKept(kept, { state: "refused", why: refusal(problem, status) });
  }
  return false;
}

function noteOwn(kept: Kept): void {
  try {
    sessionStorage.setItem(ownPrefix + kept.key, "");
  } catch {
    // There is no room: this tab stays where it is.
  }
}

/** Goes on once an entry of this tab started a session. */
function begun(kept: Kept): void {
  const own = ownPrefix + kept.key;
  if (sessionStorage.getItem(own) === null) return;
  sessionStorage.removeItem(own);
  onBegun(kept);
}

async function deliver(kept: Kept): Promise<boolean> {
  const headers = { "idempotency-key": kept.key };
  const offline = root.hasAttribute("data-offline");
  if (kept.url !== undefined) return settle(kept, await exchange("POST", kept.url, kept.body, headers), offline);
  const sessions = `/api/instances/${encodeURIComponent(kept.instance)}/sessions`;
  let mine = kept;
  if (mine.session === undefined) {
    const made = await exchange("POST", sessions, { directory: mine.place || undefined }, headers);
    if (!isGood(made) || typeof made.json.id !== "string") return settle(mine, made, offline);
    mine = changeKept(mine, { session: made.json.id });
  }
  const url = `${sessions}/${encodeURIComponent(mine.session ?? "")}/prompt`;
  const done = settle(mine, await exchange("POST", url, mine.body, headers), offline);
  if (kept.session === undefined) begun(mine);
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

/** Sends all waiting entries now. */
export function sendKept(): void {
  wait = firstAgain;
  if (allKept().some((kept) => kept.state === "waiting")) void runKept();
}

/** Removes sent entries that the conversation shows, or should show by now. */
export function tidyKept(isShown: (kept: Kept) => boolean): void {
  for (const kept of allKept()) {
    const old = Date.now() - (kept.sent ?? 0) > shownSent;
    if (kept.state === "sent" && (old || isShown(kept))) forget(kept);
  }
}

/** Starts the queue. `changed` runs whenever the state of an entry changes, `begun` once an entry started a session. */
export function outbox(changed: () => void, begun: (kept: Kept) => void): void {
  onKept = changed;
  onBegun = begun;
  addEventListener("storage", (event) => {
    if (event.key !== null && !event.key.startsWith(outboxPrefix)) return;
    cached = null;
    if (event.newValue === null && event.oldValue !== null && root.hasAttribute("data-offline")) {
      hint("Another tab sent or discarded this. The result appears once this page is connected.");
    }
    onKept();
    const now = allKept().find((kept) => nameOfKept(kept) === event.key);
    if (now?.session !== undefined) begun(now);
    if (event.oldValue === null) sendKept();
  });
  addEventListener("beforeunload", (event) => {
    if ([...apart.values()].some((kept) => kept.state !== "sent")) event.preventDefault();
  });
  addEventListener("online", sendKept);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) sendKept();
  });
  onKept();
  sendKept();
}
