// What is being written, for each session: it outlasts the tab, and is the same in all tabs of the browser.

import { byId, root } from "./dom";

/** What the name of a draft begins with in the browser's store. */
const draftPrefix = "draft:";
/** Drafts that are kept. Beyond it the one that was written longest ago goes. */
const mostDrafts = 50;
/** Characters of a draft that is kept. A longer one lives as long as its page. */
const longestDraft = 100_000;

interface Draft {
  text: string;
  at: number;
}

let drafted = "";

const draftField = (): HTMLTextAreaElement | null => byId<HTMLTextAreaElement>("text");
const nameOfFront = (): string => `${draftPrefix}${root.dataset.instance ?? ""}/${root.dataset.session ?? ""}`;

function readDraft(stored: string | null): Draft {
  try {
    const { text, at } = JSON.parse(stored ?? "") as Partial<Draft>;
    return { text: String(text ?? ""), at: Number(at ?? 0) };
  } catch {
    return { text: "", at: 0 };
  }
}

/** Lets go of what was written longest ago, until there is room for one more. */
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
    // The browser's store is full: the draft lives as long as its page.
  }
}

/** Keeps what is written now. */
export function saveDraft(): void {
  const text = draftField()?.value;
  if (text !== undefined && drafted !== "") storeDraft(drafted, text);
}

/** Adds a text to the draft of an instance's next session, which is not in front. */
export function addToDraft(instance: string, text: string): void {
  const name = `${draftPrefix}${instance}/`;
  const before = readDraft(localStorage.getItem(name)).text;
  if (text !== "") storeDraft(name, before === "" ? text : `${before}\n${text}`);
}

/** Puts the draft of the session in front into the prompt. */
export function showDraft(): void {
  drafted = nameOfFront();
  const field = draftField();
  if (field) field.value = readDraft(localStorage.getItem(drafted)).text;
}

/** Begins: a draft that changes in another tab does here as well, unless it was changed here. */
export function watchDrafts(): void {
  addEventListener("storage", ({ key, oldValue, newValue }) => {
    const field = draftField();
    if (key === drafted && field?.value === readDraft(oldValue).text) field.value = readDraft(newValue).text;
  });
}
