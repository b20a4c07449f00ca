// Keys: each calls its action, unless it is meant for a field, a card or an open dialog.

import { actionOf } from "./actions";
import { answerPermission } from "./answer";
import { ofComposition } from "./composing";
import { byId, root } from "./dom";
import { addToDraft } from "./drafts";
import { hint } from "./hint";
import { go, isLeaving } from "./navigate";
import { turnPage } from "./reading";
import { allowable } from "./steady";
import { t } from "./words";

/**
 * How long no other key may be pressed before and after one that allows, in milliseconds: nobody writes a word so slowly.
 * A word that is written where no field has the focus allows nothing.
 */
const quiet = 400;

/** Times of the newest key press and the one before it. */
let typed = -Infinity;
let typedBefore = -Infinity;
/** Time at which a key cancelled a pending allow. */
let tookBack = -Infinity;
/** Pending allow by key: it takes effect after `quiet` milliseconds. */
let allowing: { card: HTMLElement; timer: number } | undefined;

/** Another key, a press or a change of place came within `quiet`: nothing is allowed. */
function takeBackAllow(why: string): void {
  if (!allowing) return;
  clearTimeout(allowing.timer);
  allowing.card.removeAttribute("data-allowing");
  allowing = undefined;
  hint(why);
}

/** Allows the request that is marked, if it was in sight for long enough before the key and still is after it. */
export function allow({ timeStamp }: KeyboardEvent): void {
  if (timeStamp === tookBack) return;
  if (isLeaving()) return hint("The page is navigating away. Nothing was allowed.");
  if (timeStamp - typedBefore < quiet) return hint("You pressed another key just before. Nothing was allowed.");
  const card = allowable(timeStamp);
  if (typeof card === "string") return hint(card);
  card.setAttribute("data-allowing", "");
  hint("Allowing. Press any other key to cancel.");
  allowing = { card, timer: setTimeout(() => allowNow(card), quiet) };
}

function allowNow(card: HTMLElement): void {
  if (document.hidden || isLeaving() || allowable(performance.now()) !== card) {
    return takeBackAllow("The request changed or moved. Nothing was allowed.");
  }
  card.removeAttribute("data-allowing");
  allowing = undefined;
  const form = card.querySelector<HTMLFormElement>("form[data-url]");
  if (!form) return;
  hint();
  answerPermission(form, "once");
}

/** Opens the page of a new session. Text typed before the page appears goes into its prompt. */
export async function beginSession(instance: string): Promise<void> {
  const ahead = document.createElement("textarea");
  ahead.className = "hear";
  ahead.ariaLabel = t("Prompt of the new session");
  document.body.append(ahead);
  ahead.focus({ preventScroll: true });
  await go(`/i/${encodeURIComponent(instance)}`);
  const [area, written] = [byId<HTMLTextAreaElement>("text"), ahead.value];
  ahead.remove();
  // Whoever went elsewhere meanwhile finds it where it was written for.
  if (root.dataset.instance !== instance || root.dataset.session !== undefined) return addToDraft(instance, written);
  if (!area) return;
  area.focus();
  if (written === "") return;
  area.setRangeText(written, area.value.length, area.value.length, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

/** How long the first key of two waits for the second, in milliseconds. */
const secondWithin = 1_500;

/** The first key of two, and when it was pressed. */
let first: { key: string; at: number } | null = null;

function inText(event: KeyboardEvent): boolean {
  return (event.target as Element).matches("input, textarea, select") || document.querySelector("dialog[open], :popover-open") !== null;
}

/** Scrolls the conversation by a key that means nothing to the prompt: Home and End in an empty one, pages in one that does not scroll. */
function turnsFromPrompt({ key, shiftKey, ctrlKey, metaKey, altKey }: KeyboardEvent, area: HTMLTextAreaElement): boolean {
  if (shiftKey || ctrlKey || metaKey || altKey) return false;
  const free = key.startsWith("Page") ? area.scrollHeight <= area.clientHeight : area.value === "";
  return free && turnPage(key);
}

function inPrompt(event: KeyboardEvent, area: HTMLTextAreaElement): void {
  const phone = matchMedia("(pointer: coarse)").matches;
  if (ofComposition(event)) return;
  if (turnsFromPrompt(event, area)) return event.preventDefault();
  if (event.key === "Escape") area.blur();
  if (event.key !== "Enter" || event.shiftKey || phone) return;
  event.preventDefault();
  area.form?.requestSubmit();
}

/** Whether a key is a card's own: in a question, digits choose an answer. */
const ofCard = (key: string): boolean => /^\d$/.test(key) && document.activeElement?.closest("li.card") !== null;

function onKeyOfPage(event: KeyboardEvent): void {
  const { key, target } = event;
  const chord = (event.ctrlKey || event.metaKey) && !event.altKey ? `Control+${event.shiftKey ? "Shift+" : ""}${key.toLowerCase()}` : "";
  if (/^Control\+(k|Shift\+f)$/.test(chord) && !ofComposition(event) && document.querySelector("dialog[open]") === null) {
    event.preventDefault();
    return void actionOf(chord)?.run?.(event);
  }
  if (target instanceof HTMLTextAreaElement && target.id === "text") return inPrompt(event, target);
  // A list with keys of its own took it.
  if (event.defaultPrevented) return;
  if (event.metaKey || event.ctrlKey || event.altKey || ofComposition(event) || inText(event) || ofCard(key)) return;
  if (turnPage(key)) return event.preventDefault();
  const before = first && event.timeStamp - first.at < secondWithin ? first.key : "";
  const action = (before && actionOf(`${before} ${key}`)) || actionOf(key);
  if (key !== "Shift") first = key === "g" && before === "" ? { key, at: event.timeStamp } : null;
  if (!action?.run) return;
  event.preventDefault();
  if (action.deliberate && event.timeStamp - typedBefore < quiet) return hint("You pressed another key just before. Nothing was done.");
  if (!event.repeat || action.held) void action.run(event);
}

export function keyboard(): void {
  document.addEventListener("keydown", onKeyOfPage);
  // Before everything else that listens for keys: those count as well that are written, held, or stopped on their way.
  addEventListener(
    "keydown",
    ({ timeStamp, repeat, key }) => {
      typedBefore = typed;
      typed = timeStamp;
      if (!allowing || (repeat && key === "a")) return;
      tookBack = timeStamp;
      takeBackAllow("You pressed another key. Nothing was allowed.");
    },
    true,
  );
  addEventListener("pointerdown", () => takeBackAllow("You pressed or clicked something else. Nothing was allowed."), true);
}
