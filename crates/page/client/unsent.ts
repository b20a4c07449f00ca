// What a person wrote in a review and did not send yet: comments and commit messages, by their place. It outlasts the page.

/** Prefix of the storage keys. */
const unsentPrefix = "unsent:";
/** Maximum number of stored texts. Beyond it the least recently written one goes. */
const mostUnsent = 50;
/** Maximum characters of a stored text. A longer one is lost with its page. */
const longestUnsent = 100_000;

interface Unsent {
  text: string;
  at: number;
}

function readUnsent(name: string): Unsent {
  try {
    const { text, at } = JSON.parse(localStorage.getItem(name) ?? "") as Partial<Unsent>;
    return { text: String(text ?? ""), at: Number(at ?? 0) };
  } catch {
    return { text: "", at: 0 };
  }
}

/** What was written at a place; empty if nothing was. */
export const unsentText = (place: string): string => readUnsent(unsentPrefix + place).text;

/** Stores what is written at a place; an empty text is none. */
export function keepUnsent(place: string, text: string): void {
  const name = unsentPrefix + place;
  if (text === "") return localStorage.removeItem(name);
  if (text.length > longestUnsent) return;
  const others = Object.keys(localStorage).filter((other) => other.startsWith(unsentPrefix) && other !== name);
  const oldest = others.map((other) => [readUnsent(other).at, other] as const).sort(([a], [b]) => a - b);
  for (const [, other] of oldest.slice(0, Math.max(0, oldest.length - mostUnsent + 1))) localStorage.removeItem(other);
  try {
    localStorage.setItem(name, JSON.stringify({ text, at: Date.now() }));
  } catch {
    // The browser's storage is full: the text is lost with its page.
  }
}
