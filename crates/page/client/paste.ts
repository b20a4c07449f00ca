// Long pastes, folded into tokens, and the mentions of a prompt.

import { chip, drawAttached, placeHere, showBeside } from "./attach";
import { area, insertText } from "./drafts";
import { t, tn } from "./words";

export interface Named {
  kind: "file" | "folder" | "agent";
  name: string;
}

interface More {
  named: Named[];
  pastes: Record<string, string>;
}

/** Characters, and lines, from which on a paste is shown as a token. */
const longPaste = 2_000;
const manyLines = 30;
const morePrefix = "more:";
/** Maximum number of drafts with pastes or mentions. At the limit those of the others are dropped. */
const mostMore = 50;

function readMore(): More {
  try {
    const { named = [], pastes = {} } = JSON.parse(localStorage.getItem(morePrefix + placeHere()) ?? "{}") as Partial<More>;
    return { named, pastes };
  } catch {
    return { named: [], pastes: {} };
  }
}

function storeMore(more: More): void {
  const name = morePrefix + placeHere();
  localStorage.removeItem(name);
  if (more.named.length === 0 && Object.keys(more.pastes).length === 0) return;
  try {
    const others = Object.keys(localStorage).filter((key) => key.startsWith(morePrefix));
    if (others.length >= mostMore) others.forEach((key) => localStorage.removeItem(key));
    localStorage.setItem(name, JSON.stringify(more));
  } catch {
    // localStorage is full: the pastes and mentions are lost on a reload.
  }
}

/** Adds a mention. */
export function noteNamed(one: Named): void {
  const more = readMore();
  storeMore({ ...more, named: [...more.named.filter(({ name }) => name !== one.name), one] });
}

const follows = (text: string, name: string): boolean => {
  const at = text.indexOf(`@${name}`);
  const after = text[at + name.length + 1] ?? " ";
  return at >= 0 && /[\s,.;:!?)\]]/.test(after);
};

/** The mentions that the text still contains. */
export const namedIn = (text: string): Named[] => readMore().named.filter(({ name }) => follows(text, name));

/** The text with each token replaced by its paste. */
export function unfolded(text: string): string {
  return Object.entries(readMore().pastes).reduce((whole, [token, pasted]) => whole.replace(token, () => pasted), text);
}

/** Folds a long paste into a token. True if it did. */
export function foldPaste(text: string): boolean {
  const lines = text.split("\n").length;
  if (text.length <= longPaste && lines <= manyLines) return false;
  const more = readMore();
  let nth = 1;
  const tokenOf = (): string => `[${tn(lines, "Pasted {n} line", "Pasted {n} lines")}${nth > 1 ? ` #${nth}` : ""}]`;
  while (more.pastes[tokenOf()] !== undefined) nth += 1;
  storeMore({ ...more, pastes: { ...more.pastes, [tokenOf()]: text } });
  insertText(tokenOf());
  drawAttached();
  return true;
}

function replaceToken(token: string, by: string): void {
  const field = area();
  const at = field?.value.indexOf(token) ?? -1;
  if (!field || at < 0) return;
  field.focus();
  field.setSelectionRange(at, at + token.length);
  if (by === "") document.execCommand("delete");
  else insertText(by);
}

/** Drops the pastes whose token is gone. */
export function tidyMore(): void {
  const text = area()?.value ?? "";
  const more = readMore();
  const pastes = Object.fromEntries(Object.entries(more.pastes).filter(([token]) => text.includes(token)));
  if (Object.keys(pastes).length === Object.keys(more.pastes).length) return;
  storeMore({ ...more, pastes });
  drawAttached();
}

export const forgetMore = (): void => storeMore({ named: [], pastes: {} });

/** Starts: shows pastes beside the attachments. */
export function watchPastes(): void {
  showBeside(() =>
    Object.entries(readMore().pastes).map(([token, text]) =>
      chip(token.slice(1, -1), tn(text.length, "{n} character", "{n} characters"), [
        [t("Open"), t("Open {text} in the prompt", { text: token.slice(1, -1) }), () => replaceToken(token, text)],
        ["×", t("Remove {name}", { name: token.slice(1, -1) }), () => replaceToken(token, "")],
      ]),
    ),
  );
}
