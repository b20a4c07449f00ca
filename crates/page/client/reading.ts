// Keeps the end of the conversation in sight while it grows, unless the person looks at what was said before.
//
// Until this script runs, the style sheet does it, by laying the conversation out from its end: then all of it moves with
// every word, and is drawn anew.

import { byId, root } from "./dom";
import { isUsed } from "./places";

/** Pixels from the end within which a person is taken to look at it. */
const near = 4;

/** True if the browser supports scroll anchoring. */
const anchors = CSS.supports("overflow-anchor", "auto");

let following = true;
/** Scroll range of the conversation at the last layout. Growth since then does not mean that the reader left the end. */
let end = 0;
/** Height of the conversation at that time. */
let height = 0;

/** Looking for what the browser would keep in its place takes time with every word, and is of no use at the end. */
function setFollowing(follows: boolean): void {
  following = follows;
  const mark = follows ? "end" : "";
  if (root.dataset.follows !== mark) root.dataset.follows = mark;
}

/** Where the requests below the conversation stand that a pointer or the focus is in. */
let stay: number | null = null;
/** Where the conversation was scrolled to by us. */
let scrolled = -1;

/** How wide the conversation's scroll bar is, as the style sheet has it. */
let barWidth = "";

const usedAsks = (): Element | null => {
  const list = document.querySelector("[data-k=asks-list]:not(:empty)");
  return list && isUsed(list) ? list : null;
};

function showEnd(): void {
  const log = byId("log");
  if (!log) return;
  height = log.scrollHeight;
  end = height - log.clientHeight;
  const bar = `${log.offsetWidth - log.clientWidth}px`;
  if (bar !== barWidth) root.style.setProperty("--scroll-bar", (barWidth = bar));
  const asks = usedAsks();
  if (asks && stay !== null) log.scrollTop += asks.getBoundingClientRect().top - stay;
  else if (following) log.scrollTop = end;
  stay = asks?.getBoundingClientRect().top ?? null;
  scrolled = log.scrollTop;
}

/** Looks whether a pointer or the focus is in what is asked below the conversation: that stays where it is. */
export function minding(): void {
  const asks = usedAsks();
  if (asks && stay === null) stay = asks.getBoundingClientRect().top;
  if (asks || stay === null) return;
  stay = null;
  showEnd();
}

const sizes = new ResizeObserver(showEnd);

/** A message in sight, and where it is. */
interface Place {
  key: string | undefined;
  top: number;
  fromEnd: number;
}

const messagesIn = (log: HTMLElement): HTMLElement[] => [...log.querySelectorAll<HTMLElement>(".turn")];

/** Where the person reads. */
export function placeOfReader(): Place | null {
  const log = byId("log");
  if (!log || following) return null;
  const { top } = log.getBoundingClientRect();
  const first = messagesIn(log).find((message) => message.getBoundingClientRect().bottom > top);
  return {
    key: first?.dataset.k,
    top: first?.getBoundingClientRect().top ?? 0,
    fromEnd: log.scrollHeight - log.scrollTop,
  };
}

/** Shows the conversation that is on the page now from where the person read, or else its end, and follows it. */
export function keepReading(from: Place | null): void {
  sizes.disconnect();
  setFollowing(from === null);
  const log = byId("log");
  if (!log) return;
  if (from) {
    const same = messagesIn(log).find((message) => message.dataset.k === from.key);
    if (same) log.scrollTop += same.getBoundingClientRect().top - from.top;
    else log.scrollTop = log.scrollHeight - from.fromEnd;
  }
  showEnd();
  for (const element of [log, ...log.children]) sizes.observe(element);
}

/** Preserves the scroll position while content above changes, where the browser does not support it. */
export async function keepingPlace(change: () => Promise<void>): Promise<void> {
  const reader = anchors ? null : placeOfReader();
  await change();
  if (reader) keepReading(reader);
}

/** Shows the end, and follows it. */
export function toEnd(): void {
  setFollowing(true);
  showEnd();
}

/** Shows a place of the conversation, in pixels from its beginning. */
function scrollLog(log: HTMLElement, top: number): void {
  log.scrollTop = top;
  setFollowing(log.scrollTop >= log.scrollHeight - log.clientHeight - near);
}

/** Shows the beginning of what is on the page. */
export function toTop(): void {
  const log = byId("log");
  if (log) scrollLog(log, 0);
}

/** Pixels of what was in sight that stay in sight when a page is turned, and above a prompt that is gone to. */
const staysOfPage = 48;
const above = 12;

/** Scrolls the conversation by a key that turns pages. True if the key was for that. */
export function turnPage(key: string): boolean {
  const log = byId("log");
  if (!log) return false;
  const page = log.clientHeight - staysOfPage;
  if (key === "End") toEnd();
  else if (key === "Home") toTop();
  else if (key === "PageUp") scrollLog(log, log.scrollTop - page);
  else if (key === "PageDown") scrollLog(log, log.scrollTop + page);
  else return false;
  return true;
}

/** Shows a message at the upper edge. */
export function showMessage(message: Element): void {
  const log = byId("log");
  if (log) scrollLog(log, log.scrollTop + message.getBoundingClientRect().top - log.getBoundingClientRect().top - above);
}

/** Goes to the next prompt of a person, or the one before. */
export function stepPrompt(by: number): void {
  const log = byId("log");
  if (!log) return;
  const edge = log.getBoundingClientRect().top + above;
  const prompts = [...log.querySelectorAll(".turn.user")];
  const offset = (prompt: Element): number => prompt.getBoundingClientRect().top - edge;
  const next = by < 0 ? prompts.findLast((prompt) => offset(prompt) < -1) : prompts.find((prompt) => offset(prompt) > 1);
  if (next) showMessage(next);
  else if (by < 0) toTop();
  else toEnd();
}

/** Begins. */
export function beginReading(): void {
  const log = byId("log");
  const back = log?.scrollTop ?? 0;
  setFollowing(back > -near);
  if (log && !following) log.scrollTop = log.scrollHeight - log.clientHeight + back;
  keepReading(placeOfReader());
  document.addEventListener(
    "scroll",
    ({ target }) => {
      if (!(target instanceof HTMLElement) || target.id !== "log" || target.scrollTop === scrolled) return;
      // What became shorter moved what is in sight, not the person. Its end is shown once it is laid out.
      if (target.scrollHeight < height) return;
      const ends = Math.min(end, target.scrollHeight - target.clientHeight);
      setFollowing(target.scrollTop >= ends - near);
      stay = usedAsks()?.getBoundingClientRect().top ?? null;
    },
    { capture: true, passive: true },
  );
}
