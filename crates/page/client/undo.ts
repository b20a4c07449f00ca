// Notes about what was done to a session, some with a button that takes it back.

import { byId, say } from "./dom";
import { t } from "./words";

/** How long an act can be undone, in milliseconds. What cannot wait for that long is done first, and taken back. */
export const undoTime = 10_000;
/** Problems that are shown: each until it is closed. Beyond that the oldest goes. */
const mostProblems = 5;

/** A note: its text, what *Undo* does, and what happens once the time for that is over. */
interface UndoNote {
  text: string;
  undo?: () => unknown;
  over?: () => unknown;
  bad?: boolean;
}

/** Shows a note, made of the hub's template. The page shows one for each act. */
export function note({ text, undo, over, bad = false }: UndoNote): void {
  const list = byId("undos");
  const made = byId<HTMLTemplateElement>("undo-note")?.content.firstElementChild?.cloneNode(true);
  if (!list || !(made instanceof HTMLElement)) return;
  const [words, button] = [made.querySelector("span"), made.querySelector<HTMLButtonElement>("button")];
  if (!words || !button) return;
  words.textContent = t(text);
  made.classList.toggle("bad", bad);
  button.textContent = t(undo ? "Undo" : "Close");
  let from: HTMLElement | null = null;
  made.addEventListener("focusin", ({ relatedTarget }) => {
    if (relatedTarget instanceof HTMLElement && !list.contains(relatedTarget)) from = relatedTarget;
  });
  const end = (act?: () => unknown): void => {
    clearTimeout(timer);
    removeEventListener("pagehide", leaving);
    const focused = made.contains(document.activeElement);
    made.remove();
    // The focus goes back to where it came from.
    if (focused) (from?.isConnected === true ? from : (byId("log") ?? byId("main")))?.focus();
    if (list.childElementCount === 0) list.hidden = true;
    act?.();
  };
  // A page that is closed or fetched anew meanwhile deletes nothing: a session that is there still can be deleted again.
  const leaving = (): void => end(undo);
  const timer = bad ? undefined : setTimeout(() => end(over), undoTime);
  if (over) addEventListener("pagehide", leaving);
  button.addEventListener("click", () => end(undo));
  const problems = list.querySelectorAll(":scope > .bad");
  if (bad && problems.length >= mostProblems) problems[0]?.remove();
  list.append(made);
  list.hidden = false;
  say(text);
}
