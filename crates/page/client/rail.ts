// Rail of prompts and failures, count of new messages below, and automatic loading of older messages.

import { tick } from "./clock";
import { byId, parse, root } from "./dom";
import { betweenBatches, look } from "./live";
import { showMessage } from "./reading";
import { t, tn } from "./words";

/** Maximum number of marks on the rail. Beyond it the newest are shown. */
const railMarks = 200;
/** Characters of a prompt in the label of its mark. */
const markChars = 80;
/** Screens from the beginning at which older messages load: before a person who reads back sees it. */
const olderWithin = 3;
/** Minimum interval between two updates of the rail, and between two attempts to load the same older page, in milliseconds. */
const railEvery = 500;
const olderEvery = 2_000;

const isAtEnd = (): boolean => root.dataset.follows === "end";

/** Key of the last message at the time when the reader left the end. */
let lastSeen: string | undefined;

function lastMessage(log: HTMLElement): HTMLElement | null {
  return log.querySelector<HTMLElement>("[data-k=ms] > .turn:last-child");
}

/** Number of messages since the reader left the end. */
function newMessages(log: HTMLElement): number {
  let [count, message] = [0, lastMessage(log)];
  while (message && message.dataset.k !== lastSeen) {
    count += 1;
    message = message.previousElementSibling as HTMLElement | null;
  }
  // The remembered message was removed.
  return message ? count : 0;
}

/** Updates the button to the end. It is hidden while a card is visible, because nothing may cover a card. */
function showNewer(log: HTMLElement): void {
  const button = byId("newer");
  if (!button) return;
  if (isAtEnd() || lastSeen === undefined) lastSeen = lastMessage(log)?.dataset.k;
  const bottom = log.getBoundingClientRect().bottom;
  const asks = log.querySelector("[data-k=asks-list] > *");
  const cardInSight = asks !== null && asks.getBoundingClientRect().top < bottom;
  const hidden = isAtEnd() || cardInSight || log.scrollHeight - log.clientHeight - log.scrollTop < log.clientHeight / 4;
  const count = hidden ? 0 : newMessages(log);
  if (button.hidden !== hidden) button.hidden = hidden;
  const text = count > 0 ? tn(count, "{n} new ↓", "{n} new ↓") : t("End ↓");
  if (button.textContent !== text) button.textContent = text;
}

let tried = { first: "", at: -Infinity };

/** Messages from before the live window. They are as they were when they were fetched, and no patch touches them. */
const earlierOf = (log: HTMLElement): HTMLElement | null => log.querySelector<HTMLElement>(".earlier");

/** Fetches older messages when the reader comes near the first message on the page. */
function loadOlder(log: HTMLElement): void {
  if (isAtEnd() || log.scrollTop > log.clientHeight * olderWithin || earlierOf(log)?.dataset.whole !== undefined) return;
  const first = log.querySelector<HTMLElement>(".turn")?.dataset.k?.slice("m:".length);
  if (first === undefined || !log.querySelector("a.older")) return;
  if (tried.first === first && performance.now() - tried.at < olderEvery) return;
  tried = { first, at: performance.now() };
  void fetchOlder(log, first);
}

/** Fetches the messages before one, and puts them above it. */
async function fetchOlder(log: HTMLElement, before: string): Promise<void> {
  const { instance = "", session = "" } = root.dataset;
  const path = `/fragment/i/${encodeURIComponent(instance)}/s/${encodeURIComponent(session)}/older`;
  const answer = await fetch(`${path}?before=${encodeURIComponent(before)}`).catch(() => null);
  const page = answer?.ok === true ? parse(await answer.text()) : null;
  if (page instanceof HTMLElement) betweenBatches(() => insertOlder(log, before, page));
}

/** Puts a page of older messages above the first, which stays where it is on the screen. */
async function insertOlder(log: HTMLElement, before: string, page: HTMLElement): Promise<void> {
  // At its very beginning a browser keeps nothing in its place; away from it, from the next frame on.
  if (log.scrollTop === 0) {
    log.scrollTop = 1;
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
  }
  const first = log.querySelector<HTMLElement>(".turn");
  // Another conversation is in front by now, or a message went.
  if (!log.isConnected || first?.dataset.k !== `m:${before}`) return;
  const top = first.getBoundingClientRect().top;
  const earlier = earlierOf(log) ?? document.createElement("div");
  if (!earlier.isConnected) {
    earlier.className = "earlier";
    log.querySelector("[data-k=ms]")?.before(earlier);
    // The live window begins here from now on: it would move on with every new message, and leave a gap.
    root.dataset.from ??= before;
    look();
  }
  const older = page.querySelector("a.older") !== null;
  page.querySelector("[data-k=before]")?.remove();
  earlier.prepend(...page.children);
  if (!older) earlier.dataset.whole = "";
  const moved = first.getBoundingClientRect().top - top;
  if (moved !== 0) log.scrollTop += moved;
  const here = new URL(location.href);
  here.searchParams.set("from", page.dataset.from ?? before);
  history.replaceState(null, "", here);
  tick();
  showRail();
}

interface RailMark {
  message: HTMLElement;
  kind: "prompt" | "failure";
}

function railOf(log: HTMLElement): RailMark[] {
  const all = [...log.querySelectorAll<HTMLElement>(".turn.user, .turn[data-status=error], .turn[data-status=interrupted]")];
  return all.slice(-railMarks).map((message) => ({ message, kind: message.matches(".user") ? "prompt" : "failure" }));
}

function drawRail(log: HTMLElement): void {
  const rail = byId("rail");
  if (!rail) return;
  const marks = railOf(log);
  const [origin, height] = [log.getBoundingClientRect().top - log.scrollTop, log.scrollHeight];
  rail.hidden = marks.length < 2 || height < log.clientHeight * 1.5;
  if (rail.hidden) return rail.replaceChildren();
  rail.style.insetInlineEnd = `${log.offsetWidth - log.clientWidth + 2}px`;
  rail.style.top = `${log.offsetTop}px`;
  rail.style.height = `${log.clientHeight}px`;
  const places = marks.map(({ message }) => (message.getBoundingClientRect().top - origin) / height);
  marks.forEach(({ message, kind }, nth) => {
    const old = rail.children[nth];
    const button = old instanceof HTMLButtonElement ? old : rail.appendChild(document.createElement("button"));
    // The keys [ and ] go the same way.
    Object.assign(button, { type: "button", tabIndex: -1, className: kind });
    button.dataset.to = message.dataset.k ?? "";
    button.style.top = `${(places[nth] ?? 0) * 100}%`;
    const said = message.querySelector(kind === "prompt" ? ".parts" : ".end")?.textContent?.trim() ?? "";
    const label = `${t(kind === "prompt" ? "Prompt" : "Failure")}: ${said.slice(0, markChars)}`;
    if (button.title !== label) [button.title, button.ariaLabel] = [label, label];
  });
  while (rail.children.length > marks.length) rail.lastElementChild?.remove();
}

let drawing: number | undefined;

/** Updates the button at once and the rail after `railEvery`. */
export function showRail(): void {
  const log = byId("log");
  if (!log) return;
  showNewer(log);
  loadOlder(log);
  drawing ??= setTimeout(() => {
    drawing = undefined;
    const now = byId("log");
    if (now && !document.hidden) drawRail(now);
  }, railEvery);
}

let asked = false;

export function watchRail(): void {
  document.addEventListener(
    "scroll",
    ({ target }) => {
      if (asked || !(target instanceof HTMLElement) || target.id !== "log") return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        showRail();
      });
    },
    { capture: true, passive: true },
  );
  byId("app")?.addEventListener("click", ({ target }) => {
    const mark = target instanceof Element ? target.closest<HTMLElement>("#rail button") : null;
    const message = mark && document.querySelector(`[data-k="${CSS.escape(mark.dataset.to ?? "")}"]`);
    if (message) showMessage(message);
  });
  addEventListener("resize", showRail, { passive: true });
}

/** Resets the count for another conversation. */
export function forgetSeen(): void {
  lastSeen = undefined;
}
