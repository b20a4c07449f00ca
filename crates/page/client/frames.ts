// Frames of the event inspector: what is kept of them, and the rows of those in sight.

import { now } from "./clock";
import { t } from "./words";

/** A frame of either hop. */
export interface FrameLine {
  /** Numbers the lines of this page in order of arrival. */
  nth: number;
  hop: "in" | "out";
  at: number;
  instance: string;
  session: string;
  type: string;
  bytes: number;
  /** The durable number and log sequence of a server's frame, the revision of a batch. */
  order: string;
  lag: number | null;
  unknown: boolean;
  /** Cursor of a server's frame. */
  cursor: string;
  /** JSON of a batch; a server's frame is fetched. */
  json: string;
  gap: boolean;
}

/** Lines that are kept. Beyond it the oldest are dropped, and counted. */
export const mostLines = 20_000;
/** Characters of batches that are kept. Beyond it the JSON of the oldest is dropped. */
const mostChars = 16_000_000;
/** Height of a line in pixels: the list draws only the lines in sight. */
const frameHeight = 20;
/** Lines framesDrawn beyond each edge of the list. */
const framesBeyondEdge = 8;

export const frameLines: FrameLine[] = [];
/** Lines that arrived while the list was paused, and are not shown yet. */
const waitingLines: FrameLine[] = [];

/** The lines that the filters let through. */
let shownLines: FrameLine[] = [];
let nextNth = 0;
let keptChars = 0;
let jsonFrom = 0;
let droppedLines = 0;
let framesPaused = false;
/** When the list was paused, and whether a filter was set since: what it lets through of before is shown. */
let pausedAt = 0;
let filteredSince = false;
let chosenNth = -1;

export interface LineFilter {
  hop: string;
  instance: string;
  session: string;
  type: string;
  text: string;
}

let lineFilter: LineFilter = { hop: "", instance: "", session: "", type: "", text: "" };

const holdsText = (text: string, wanted: string): boolean => wanted === "" || text.toLowerCase().includes(wanted.toLowerCase());

/** A server's frames are filtered by the hub, which has their JSON. */
function passesFilter(line: FrameLine): boolean {
  const { hop, instance, session, type, text } = lineFilter;
  if (hop !== "" && hop !== line.hop) return false;
  if (line.gap || line.hop === "in") return true;
  return (instance === "" || instance === line.instance) && holdsText(line.session, session) && holdsText(line.type, type) && holdsText(line.json, text);
}

function shedLines(): void {
  const surplus = frameLines.length - mostLines;
  if (surplus > 0) {
    const gone = frameLines.splice(0, surplus);
    for (const line of gone) keptChars -= line.json.length;
    jsonFrom = Math.max(0, jsonFrom - surplus);
    droppedLines += surplus;
    const first = frameLines[0]?.nth ?? 0;
    shownLines = shownLines.slice(shownLines.findIndex((line) => line.nth >= first));
  }
  while (keptChars > mostChars && jsonFrom < frameLines.length) {
    const line = frameLines[jsonFrom];
    if (line) {
      keptChars -= line.json.length;
      line.json = "";
    }
    jsonFrom += 1;
  }
}

function keepLine(line: FrameLine): void {
  frameLines.push(line);
  keptChars += line.json.length;
  if (passesFilter(line)) shownLines.push(line);
}

/** Adds lines; while the list is paused they wait, and are shown when it goes on. */
export function addLines(lines: Omit<FrameLine, "nth">[]): void {
  for (const line of lines) {
    const numbered = { ...line, nth: nextNth };
    nextNth += 1;
    if (framesPaused && !(filteredSince && line.at <= pausedAt)) waitingLines.push(numbered);
    else keepLine(numbered);
  }
  const surplus = waitingLines.length - mostLines;
  if (surplus > 0) {
    waitingLines.splice(0, surplus);
    droppedLines += surplus;
  }
  shedLines();
  drawSoon();
}

export const waitingCount = (): number => waitingLines.length;
export const droppedCount = (): number => droppedLines;
export const isPaused = (): boolean => framesPaused;

export function pauseFrames(on: boolean): void {
  framesPaused = on;
  [pausedAt, filteredSince] = [now(), false];
  if (on) return;
  for (const line of waitingLines) keepLine(line);
  waitingLines.length = 0;
  shedLines();
  drawSoon();
}

/** Drops what came of servers: the hub sends it again, filtered anew. */
export function filterLines(by: LineFilter, forget: boolean): void {
  lineFilter = by;
  const stays = (line: FrameLine): boolean => !(forget && line.hop === "in");
  for (const list of [frameLines, waitingLines]) list.splice(0, list.length, ...list.filter(stays));
  shownLines = frameLines.filter(passesFilter);
  jsonFrom = 0;
  filteredSince ||= forget;
  drawSoon();
}

export function clearLines(): void {
  frameLines.length = 0;
  waitingLines.length = 0;
  shownLines = [];
  keptChars = 0;
  jsonFrom = 0;
  droppedLines = 0;
  chosenNth = -1;
}

/** First and last shown frame of a server. */
export function shownRange(): [FrameLine | undefined, FrameLine | undefined] {
  const own = (line: FrameLine): boolean => line.hop === "in" && line.cursor !== "";
  return [shownLines.find(own), shownLines.findLast(own)];
}

/** What hides in a text is shown as its number. */
export const visibleText = (text: string): string =>
  text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, (hidden) => `\\u${hidden.charCodeAt(0).toString(16).padStart(4, "0")}`);

export function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export function timeOf(at: number): string {
  if (at === 0) return "";
  const time = new Date(at);
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

let instanceName: (id: string) => string = (id) => id;
let framesBox: HTMLElement | null = null;
let openLine: (line: FrameLine) => void = () => undefined;
let framesDrawn: () => void = () => undefined;
let followsFrames = true;
let frameDrawDue = false;

/** Redraws at the next frame of the browser, once. */
export function drawSoon(): void {
  if (frameDrawDue || !framesBox) return;
  frameDrawDue = true;
  requestAnimationFrame(() => {
    frameDrawDue = false;
    drawFrames();
  });
}

function frameCell(text: string): HTMLElement {
  const made = document.createElement("span");
  made.textContent = text;
  return made;
}

function frameRow(line: FrameLine, nth: number): HTMLElement {
  const row = document.createElement("div");
  row.className = "frame";
  row.role = "option";
  row.dataset.nth = String(line.nth);
  row.ariaSelected = String(line.nth === chosenNth);
  row.setAttribute("aria-posinset", String(nth + 1));
  row.setAttribute("aria-setsize", String(shownLines.length));
  row.style.top = `${nth * frameHeight}px`;
  if (line.gap) row.classList.add("gap");
  if (line.unknown) row.classList.add("unknown");
  const hop = line.hop === "in" ? "→" : "←";
  const lag = line.lag === null ? "" : `${Math.round(line.lag)} ms`;
  const type = line.unknown ? `${line.type} · ${t("unknown")}` : line.type;
  row.append(...[timeOf(line.at), hop, instanceName(line.instance), type, line.session, line.gap ? "" : sizeOf(line.bytes), line.order, lag].map(frameCell));
  return row;
}

/** Draws the lines in sight. */
function drawFrames(): void {
  const room = framesBox?.querySelector<HTMLElement>(".room");
  if (!framesBox || !room) return;
  room.style.height = `${shownLines.length * frameHeight}px`;
  const none = framesBox.querySelector<HTMLElement>(":scope > .quiet");
  if (none) none.hidden = shownLines.length > 0;
  if (followsFrames && !framesPaused) framesBox.scrollTop = framesBox.scrollHeight;
  const first = Math.max(0, Math.floor(framesBox.scrollTop / frameHeight) - framesBeyondEdge);
  const last = Math.min(shownLines.length, first + Math.ceil(framesBox.clientHeight / frameHeight) + 2 * framesBeyondEdge);
  room.replaceChildren(...shownLines.slice(first, last).map((line, nth) => frameRow(line, first + nth)));
  framesDrawn();
}

function chooseLine(at: number): void {
  const line = shownLines[Math.max(0, Math.min(shownLines.length - 1, at))];
  if (!line || !framesBox) return;
  chosenNth = line.nth;
  const top = shownLines.indexOf(line) * frameHeight;
  const head = frameHeight;
  if (top < framesBox.scrollTop) framesBox.scrollTop = top;
  else if (top + frameHeight + head > framesBox.scrollTop + framesBox.clientHeight) framesBox.scrollTop = top + frameHeight + head - framesBox.clientHeight;
  drawSoon();
  openLine(line);
}

/** Handles keys of the list; true if the key was one. */
function onFrameKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const page = Math.floor((framesBox?.clientHeight ?? 0) / frameHeight);
  const steps: Record<string, number> = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  const step = steps[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const at = shownLines.findIndex((line) => line.nth === chosenNth);
  if (at >= 0 || !Number.isFinite(step)) chooseLine(Math.max(at, 0) + step);
  else chooseLine(step < 0 ? shownLines.length - 1 : 0);
}

/** Begins to draw into the list. */
export function beginFrames(box: HTMLElement, name: (id: string) => string, open: (line: FrameLine) => void, after: () => void): void {
  framesBox = box;
  instanceName = name;
  openLine = open;
  framesDrawn = after;
  followsFrames = true;
  box.addEventListener("scroll", () => {
    followsFrames = box.scrollTop + box.clientHeight >= box.scrollHeight - frameHeight;
    drawSoon();
  });
  box.addEventListener("click", (event) => {
    const nth = Number((event.target as Element).closest<HTMLElement>(".frame")?.dataset.nth ?? -1);
    const at = shownLines.findIndex((line) => line.nth === nth);
    if (at >= 0) chooseLine(at);
  });
  box.addEventListener("keydown", onFrameKey);
  drawSoon();
}

export function endFrames(): void {
  framesBox = null;
  clearLines();
  framesPaused = false;
}
