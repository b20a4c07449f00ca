// Drafts by session: a draft outlasts its tab and is shared by all tabs of the browser.

import { byId, root } from "./dom";

/** Prefix of the storage keys of drafts. */
const draftPrefix = "draft:";
/** Maximum number of stored drafts. Beyond it the least recently edited draft is evicted. */
const mostDrafts = 50;
/** Maximum characters of a stored draft. A longer draft is lost with its page. */
const longestDraft = 100_000;

interface Draft {
  text: string;
  at: number;
}

let drafted = "";

/** The text field of the prompt. */
export const area = (): HTMLTextAreaElement | null => byId<HTMLTextAreaElement>("text");
const nameOfFront = (): string => `${draftPrefix}${root.dataset.instance ?? ""}/${root.dataset.session ?? ""}`;

function readDraft(stored: string | null): Draft {
  try {
    const { text, at } = JSON.parse(stored ?? "") as Partial<Draft>;
    return { text: String(text ?? ""), at: Number(at ?? 0) };
  } catch {
    return { text: "", at: 0 };
  }
}

/** The draft of a session, by `instance/session`. */
export const draftOf = (place: string): string => readDraft(localStorage.getItem(draftPrefix + place)).text;

/** Evicts the least recently edited drafts until there is room for one more. */
function makeRoom(): void {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(draftPrefix) && name !== drafted);
  const oldest = names.map((name) => [readDraft(localStorage.getItem(name)).at, name] as const).sort(([a], [b]) => a - b);
  for (const [, name] of oldest.slice(0, Math.max(0, oldest.length - mostDrafts + 1))) localStorage.removeItem(name);
}

function storeDraft(name: string, text: string): void {
  if (text === "") return localStorage.removeItem(name);
  if (text.length > longestDraft) return;
  if (localStorage.getItem(name) === null) makeRoom();
  try {
    localStorage.setItem(name, JSON.stringify({ text, at: Date.now() }));
  } catch {
    // The browser's storage is full: the draft is lost with its page.
  }
}

/** Stores the current draft. */
export function saveDraft(): void {
  const text = area()?.value;
  if (text !== undefined && drafted !== "") storeDraft(drafted, text);
}

/** Adds a text to the draft of an instance's next session, or of another session, which is not in front. */
export function addToDraft(instance: string, text: string, session = ""): void {
  const name = `${draftPrefix}${instance}/${session}`;
  const before = readDraft(localStorage.getItem(name)).text;
  if (text !== "") storeDraft(name, before === "" ? text : `${before}\n${text}`);
}

/** Puts the draft of the session in front into the prompt. */
export function showDraft(): void {
  drafted = nameOfFront();
  const field = area();
  if (field) field.value = readDraft(localStorage.getItem(drafted)).text;
}

/** Begins: a draft that changes in another tab does here as well, unless it was changed here. */
export function watchDrafts(): void {
  addEventListener("storage", ({ key, oldValue, newValue }) => {
    const field = area();
    if (key === drafted && field?.value === readDraft(oldValue).text) field.value = readDraft(newValue).text;
  });
}

/** Inserts a text at the caret; the browser can undo it. */
export function insertText(text: string): void {
  const field = area();
  if (!field) return;
  field.focus();
  // The only way to insert that keeps the browser's undo stack.
  if (document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
