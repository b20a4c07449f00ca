// Drafts that changed while the hub was away: they are written once it is there again, even those of sessions that are not in front.

import { exchange } from "./api";
import { root } from "./dom";

const unwrittenPrefix = "unwritten:";

/** Writes them, apart from those that changed elsewhere since. True if some are left for later. */
export async function rewriteDrafts(urlOf: (place: string) => string, write: (place: string) => Promise<void>): Promise<boolean> {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(unwrittenPrefix));
  for (const key of keys) {
    if (root.hasAttribute("data-offline")) return true;
    const place = key.slice(unwrittenPrefix.length);
    const theirs = await exchange("GET", urlOf(place));
    if (theirs.status === 0 || theirs.status >= 500) return true;
    localStorage.removeItem(key);
    const base = JSON.parse(localStorage.getItem(`base:${place}`) ?? "{}") as { at?: number; tried?: string };
    // What the hub has was written here: the answer to it was lost.
    const own = Number(theirs.json.at) <= (base.at ?? 0) || theirs.json.text === base.tried;
    if (own) await write(place);
    else localStorage.removeItem(`base:${place}`);
  }
  return false;
}
