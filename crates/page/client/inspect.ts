// The event inspector: a panel below the page, or the page `/inspect`. It follows the frames of the hub and of this page's own socket
// for as long as it is open; closed, nothing of it runs.

import { inWords } from "./api";
import type { Bin, Counted } from "./charts";
import { now } from "./clock";
import { byId, parse, root, say } from "./dom";
import type { FrameLine } from "./frames";
import { hint } from "./hint";
import { later } from "./later";
import { taps } from "./live";
import { go } from "./navigate";
import type { TravelTo } from "./travel";
import { t, tn } from "./words";

/** Frames before the newest that a list begins with. */
const recentFrames = 500;
/** Time without input after which a filter is applied, in milliseconds. */
const filterAfter = 250;
const chartsEvery = 1_000;
/** Revisions whose times are kept, to tell how late a batch is. */
const mostRevs = 2_000;

interface Row {
  cursor: string;
  at: number;
  instance: string;
  session: string | null;
  kind: "event" | "names" | "hub" | "redacted";
  type: string;
  bytes: number;
  seq: number | null;
  lag: number | null;
  unknown: boolean;
}

interface Batched {
  frames: Row[];
  bins: Bin[];
  revs: [number, number][];
}

let stream: EventSource | null = null;
let chartTimer = 0;
let filterTimer = 0;
let openedBundle: number | undefined;
/** The cursor up to which frames are in the charts. */
let countedTo = "";
let pickedLine: FrameLine | null = null;
/** When revisions of the state were published, in order. */
let revTimes: [number, number][] = [];

type FrameList = Awaited<ReturnType<typeof later<"frames">>>;

/** The list and its charts, while the panel is open. */
let list: FrameList | null = null;

const inspector = (): HTMLElement | null => byId("inspector");
const fieldOf = (name: string): string => inspector()?.querySelector<HTMLInputElement | HTMLSelectElement>(`[name=${name}]`)?.value.trim() ?? "";
const detailBox = (): HTMLElement | null => inspector()?.querySelector<HTMLElement>(".detail") ?? null;
const travelPane = (): HTMLElement | null => inspector()?.querySelector<HTMLElement>(".travel") ?? null;

function lineOfRow(row: Row): Omit<FrameLine, "nth"> {
  const { cursor, at, instance, session, kind, type, bytes, seq, lag, unknown } = row;
  const number = cursor.slice(cursor.lastIndexOf("-") + 1);
  const name = kind === "redacted" ? t("not retained") : kind === "hub" ? `link ${type}` : type;
  return { hop: "in", at, instance, session: session ?? "", type: name, bytes, order: seq === null ? `#${number}` : `#${number} · ${seq}`, lag, unknown, cursor, json: "", gap: false };
}

function gapLine(after: string, resume: string): Omit<FrameLine, "nth"> {
  return { hop: "in", at: now(), instance: "", session: "", type: t("Gap: frames between {after} and {resume} are missing", { after, resume }), bytes: 0, order: "", lag: null, unknown: false, cursor: "", json: "", gap: true };
}

/** How long after its revision was published something is here; unknown for a revision of before. */
function lagOfRev(rev: number): number | null {
  const published = revTimes.find(([known]) => known >= rev);
  const first = revTimes[0];
  if (!published || !first || rev < first[0]) return null;
  return Math.max(0, now() - published[1]);
}

/** A frame of this page's own socket. */
function onPageFrame(json: string): void {
  const frame = JSON.parse(json) as [number, number, ...unknown[]] | { t: string; rev?: number };
  const { instance = "", session = "" } = root.dataset;
  const at = now();
  const batch = Array.isArray(frame);
  const rev = batch ? frame[1] : frame.rev;
  const lag = batch ? lagOfRev(frame[1]) : null;
  const type = batch ? tn(frame.length - 2, "batch of {n} change", "batch of {n} changes") : frame.t;
  list?.addLines([{ hop: "out", at, instance, session, type, bytes: json.length, order: rev === undefined ? "" : `rev ${rev}`, lag, unknown: false, cursor: "", json, gap: false }]);
  list?.addBins([{ instance: list.thisPage, second: Math.floor(at / 1000), frames: 1, bytes: json.length, lag, gaps: 0, unknown: 0 }]);
}

function streamUrl(): string {
  const query = new URLSearchParams();
  for (const name of ["instance", "session", "type", "text"]) if (fieldOf(name) !== "") query.set(name, fieldOf(name));
  if (openedBundle !== undefined) query.set("bundle", String(openedBundle));
  else {
    query.set("recent", String(recentFrames));
    if (countedTo !== "") query.set("counted", countedTo);
  }
  return `/api/inspect/frames?${query.toString()}`;
}

/** Follows the frames that the filters select, from the recent ones on. */
function follow(): void {
  stream?.close();
  const fresh = new EventSource(streamUrl());
  stream = fresh;
  const on = <T>(name: string, act: (data: T, cursor: string) => void): void =>
    fresh.addEventListener(name, (event: MessageEvent<string>) => {
      if (fresh === stream) act(JSON.parse(event.data) as T, event.lastEventId);
    });
  on<Batched>("frames", ({ frames, bins, revs }, cursor) => {
    if (openedBundle === undefined) countedTo = cursor;
    revTimes = [...revTimes, ...revs].slice(-mostRevs);
    if (openedBundle === undefined) list?.addBins(bins);
    list?.addLines(frames.map(lineOfRow));
  });
  on<{ after: string; resume: string }>("gap", ({ after, resume }) => list?.addLines([gapLine(after, resume)]));
  on<Counted[]>("instances", (counted) => {
    list?.setCounted(counted);
    fillInstances();
  });
  // All of a bundle is here: a browser would ask for it again.
  on("end", () => fresh.close());
  fresh.onerror = () => showState(t("The stream of frames was lost. Reconnecting."));
  fresh.onopen = () => showState();
}

/** The instances to choose from. */
function fillInstances(): void {
  const select = inspector()?.querySelector<HTMLSelectElement>("[name=instance]");
  if (!select) return;
  const known = [...select.options].map((option) => option.value).join();
  const wanted = list?.countedInstances() ?? [];
  if (known === ["", ...wanted.map((one) => one.id)].join()) return;
  const chosen = select.value;
  select.replaceChildren(...[...select.options].slice(0, 1), ...wanted.map((one) => new Option(one.name, one.id)));
  select.value = chosen;
}

/** Says what the list does and lacks. */
function showState(text?: string): void {
  const line = inspector()?.querySelector(".state");
  if (!line) return;
  const notes: string[] = [];
  if (text !== undefined) notes.push(text);
  if (openedBundle !== undefined) notes.push(t("This is an opened bundle, not the log."));
  if (list?.isPaused() === true) notes.push(tn(list.waitingCount(), "Paused: {n} frame waits.", "Paused: {n} frames wait."));
  if (list && list.droppedCount() > 0) notes.push(tn(list.droppedCount(), "{n} frame was dropped here beyond {most}; the log still has those of servers.", "{n} frames were dropped here beyond {most}; the log still has those of servers.", { most: list.mostLines }));
  const all = notes.join(" ");
  if (line.textContent !== all) line.textContent = all;
}

/** Shows a frame: its JSON, and what it changed. */
async function showFrame(line: FrameLine): Promise<void> {
  pickedLine = line;
  const [box, frames] = [detailBox(), list];
  if (!box || !frames) return;
  box.hidden = false;
  const own = await later("travel");
  await own.describeFrame(box, line, openedBundle, frames, () => pickedLine === line);
}

/** The session of the chosen frame, else the one in front. */
function travelTarget(): TravelTo | null {
  const line = pickedLine;
  if (line && line.cursor !== "" && line.session !== "") return { instance: line.instance, session: line.session, cursor: line.cursor, bundle: openedBundle };
  const { instance, session } = root.dataset;
  return instance === undefined || session === undefined ? null : { instance, session };
}

async function openTravel(): Promise<void> {
  const [to, pane, frames] = [travelTarget(), travelPane(), list];
  if (!to || !pane || !frames) return hint("Choose a frame of a session first.");
  const own = await later("travel");
  own.travel(pane, to, frames.timeOf, (cursor) => {
    if (cursor !== "") void showFrame({ nth: -1, hop: "in", at: 0, instance: to.instance, session: to.session, type: "", bytes: 0, order: "", lag: null, unknown: false, cursor, json: "", gap: false });
  });
}

function applyFilters(forget: boolean): void {
  list?.filterLines({ hop: fieldOf("hop"), instance: fieldOf("instance"), session: fieldOf("session"), type: fieldOf("type"), text: fieldOf("text") }, forget);
  if (forget) follow();
}

function togglePause(): void {
  const button = inspector()?.querySelector<HTMLElement>("[data-act=pause]");
  list?.pauseFrames(!list.isPaused());
  if (button) {
    button.ariaPressed = String(list?.isPaused() === true);
    button.textContent = list?.isPaused() === true ? t("Go on") : t("Pause");
  }
  showState();
}

/** Downloads what is shown, with all texts left out by the hub. */
function exportRange(): void {
  const [first, last] = list?.shownRange() ?? [];
  if (openedBundle !== undefined) return hint("This is a bundle already.");
  if (!first || !last) return hint("No frame of a server is shown.");
  const [epoch, number] = [first.cursor.slice(0, first.cursor.lastIndexOf("-")), Number(first.cursor.slice(first.cursor.lastIndexOf("-") + 1))];
  const query = new URLSearchParams({ after: `${epoch}-${number - 1}`, until: last.cursor });
  for (const name of ["instance", "session", "type", "text"]) if (fieldOf(name) !== "") query.set(name, fieldOf(name));
  const link = document.createElement("a");
  link.href = `/api/inspect/export?${query.toString()}`;
  link.download = "drovers-events.ndjson";
  link.dataset.do = "none";
  link.click();
}

async function openBundle(file: File): Promise<void> {
  const box = inspector();
  if (!box) return;
  const proof = localStorage.getItem("proof");
  const headers: Record<string, string> = proof === null ? {} : { "x-drovers-proof": proof };
  const answer = await fetch("/api/inspect/bundles", { method: "POST", body: file, headers }).catch(() => null);
  const json = (await answer?.json().catch(() => null)) as Record<string, unknown> | null;
  if (!answer || !json) return showState(t("Drovers did not answer. Try again."));
  if (!answer.ok) return showState(inWords(json, answer.status));
  openedBundle = Number(json.bundle);
  void closeTravel();
  applyFilters(true);
  showState();
}

/** Does something with the slider, whose code is there once it was opened. */
const onTravel = (act: (own: Awaited<ReturnType<typeof later<"travel">>>) => unknown): unknown => (travelPane()?.hidden === false ? later("travel").then(act) : undefined);

const closeTravel = (): unknown => onTravel((own) => own.endTravel());

const acts: Record<string, () => unknown> = {
  pause: togglePause,
  travel: openTravel,
  "travel-again": () => onTravel((own) => own.travelAgain()),
  "travel-close": closeTravel,
  "step-back": () => onTravel((own) => own.travelBy(-1)),
  "step-on": () => onTravel((own) => own.travelBy(1)),
  export: exportRange,
  open: () => inspector()?.querySelector<HTMLInputElement>("[name=bundle]")?.click(),
  close: () => closeInspector(),
};

function onInspectorKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const writes = (event.target as Element).matches("input:not([type=range]), select");
  if (event.key === "Escape") {
    event.preventDefault();
    if (writes) inspector()?.querySelector<HTMLElement>(".frames")?.focus();
    else if (travelPane()?.hidden === false) {
      void closeTravel();
      // The slider goes, and further keys are for the list.
      inspector()?.querySelector<HTMLElement>(".frames")?.focus();
    } else if (detailBox()?.hidden === false) detailBox()?.toggleAttribute("hidden", true);
    else closeInspector();
    return;
  }
  const act = { p: togglePause, t: openTravel }[event.key];
  if (writes || !act) return;
  event.preventDefault();
  void act();
}

function listenTo(box: HTMLElement): void {
  box.addEventListener("click", (event) => acts[(event.target as Element).closest<HTMLElement>("[data-act]")?.dataset.act ?? ""]?.());
  box.addEventListener("keydown", onInspectorKey);
  box.addEventListener("input", (event) => {
    const field = event.target as HTMLInputElement;
    if (field.type !== "text") return;
    clearTimeout(filterTimer);
    filterTimer = window.setTimeout(() => applyFilters(true), filterAfter);
  });
  box.addEventListener("change", (event) => {
    const field = event.target as HTMLInputElement | HTMLSelectElement;
    if (field.name === "hop") applyFilters(false);
    if (field.name === "instance") applyFilters(true);
    const file = field instanceof HTMLInputElement ? field.files?.[0] : undefined;
    if (file) {
      void openBundle(file);
      field.value = "";
    }
  });
}

/** Opens the inspector. */
export async function openInspector(): Promise<void> {
  if (inspector()) return;
  const answer = await fetch("/fragment/inspect").catch(() => null);
  const box = answer?.ok === true ? parse(await answer.text()) : null;
  if (!(box instanceof HTMLElement)) return hint("Drovers did not answer. Try again.");
  // The panel has the addresses of its own scripts.
  for (const name of ["frames", "travel"]) root.setAttribute(`data-chunk-${name}`, box.dataset[name] ?? "");
  const frames = await later("frames");
  const place = box.querySelector<HTMLElement>(".frames");
  if (inspector() || !place) return;
  byId("app")?.after(box);
  list = frames;
  listenTo(box);
  frames.beginFrames(place, frames.nameOfInstance, (line) => void showFrame(line), showState);
  applyFilters(true);
  taps.add(onPageFrame);
  const charts = box.querySelector<HTMLElement>(".charts");
  chartTimer = window.setInterval(() => {
    if (charts && !document.hidden) frames.drawCharts(charts);
  }, chartsEvery);
  place.focus();
  say("Event inspector opened");
}

/** Closes it: nothing of it runs any more. */
export function closeInspector(): void {
  stream?.close();
  stream = null;
  taps.delete(onPageFrame);
  clearInterval(chartTimer);
  clearTimeout(filterTimer);
  void closeTravel();
  list?.endFrames();
  list?.endCharts();
  list = null;
  openedBundle = undefined;
  pickedLine = null;
  revTimes = [];
  countedTo = "";
  inspector()?.remove();
  if (root.dataset.inspect !== undefined) void go("/");
}

export const toggleInspector = (): unknown => (inspector() ? closeInspector() : openInspector());
