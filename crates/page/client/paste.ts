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

/** Stores the pastes and mentions of the draft. False if there is no room: what was stored before stays. */
function storeMore(more: More): boolean {
  const name = morePrefix + placeHere();
  if (more.named.length === 0 && Object.keys(more.pastes).length === 0) {
    localStorage.removeItem(name);
    return true;
  }
  try {
    const others = Object.keys(localStorage).filter((key) => key.startsWith(morePrefix) && key !== name);
    if (others.length >= mostMore) others.forEach((key) => localStorage.removeItem(key));
    localStorage.setItem(name, JSON.stringify(more));
    return true;
  } catch {
    return false;
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

/** Folds a long paste into a token. False where it is short, or too large to be stored: then the prompt has the text itself. */
export function foldPaste(text: string): boolean {
  const lines = text.split("\n").length;
  if (text.length <= longPaste && lines <= manyLines) return false;
  const more = readMore();
  let nth = 1;
  const tokenOf = (): string => `[${tn(lines, "Pasted {n} line", "Pasted {n} lines")}${nth > 1 ? ` #${nth}` : ""}]`;
  while (more.pastes[tokenOf()] !== undefined) nth += 1;
  if (!storeMore({ ...more, pastes: { ...more.pastes, [tokenOf()]: text } })) return false;
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

/** Tokens of the pastes that are shown beside the draft. */
let shown = "";

const tokensIn = (text: string): string[] => Object.keys(readMore().pastes).filter((token) => text.includes(token));

/** Shows the pastes whose token the text has. One whose token is gone stays stored: an undo brings the token back. */
export function tidyMore(): void {
  if (tokensIn(area()?.value ?? "").join("\n") !== shown) drawAttached();
}

/** Drops the pastes whose token is gone: after a reload nothing brings it back. */
function dropUnused(): void {
  const more = readMore();
  const text = area()?.value ?? "";
  // The draft may not be there yet.
  if (text === "") return;
  const used = tokensIn(text);
  if (used.length < Object.keys(more.pastes).length) storeMore({ ...more, pastes: Object.fromEntries(Object.entries(more.pastes).filter(([token]) => used.includes(token))) });
}

export function forgetMore(): void {
  storeMore({ named: [], pastes: {} });
}

/** Starts: shows pastes beside the attachments. */
export function watchPastes(): void {
  dropUnused();
  showBeside(() => {
    const tokens = tokensIn(area()?.value ?? "");
    shown = tokens.join("\n");
    const { pastes } = readMore();
    return tokens.map((token) => [token, pastes[token] ?? ""] as const).map(([token, text]) =>
      chip(token.slice(1, -1), tn(text.length, "{n} character", "{n} characters"), [
        [t("Open"), t("Open {text} in the prompt", { text: token.slice(1, -1) }), () => replaceToken(token, text)],
        ["×", t("Remove {name}", { name: token.slice(1, -1) }), () => replaceToken(token, "")],
      ]),
    );
  });
}
