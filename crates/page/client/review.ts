// What a person has looked at: a session that ended is reviewed once it was in front of somebody for a moment, or was used. Passing over it
// with `j` is no look.

import { exchange, isGood } from "./api";
import { root } from "./dom";

/** Time for which a finished session must be visible to count as reviewed. */
const lookedFor = 1_500;

let ended: string | null = null;
let reviewing: number | undefined;
/** Review that is in flight: many scroll events arrive before its answer. */
let telling: string | null = null;

/** The session in front, if it ended and nobody has looked at it since. */
function unseen(): string | null {
  const head = document.querySelector<HTMLElement>("[data-k=head]");
  const { instance, session } = root.dataset;
  if (head?.dataset.unseen === undefined || document.hidden) return null;
  if (instance === undefined || session === undefined) return null;
  return `/api/instances/${encodeURIComponent(instance)}/sessions/${encodeURIComponent(session)}/reviewed`;
}

async function reviewed(url: string): Promise<void> {
  clearTimeout(reviewing);
  if (telling === url) return;
  telling = url;
  const reply = await exchange("POST", url, {});
  if (telling === url) telling = null;
  // Tried again with the next change.
  if (!isGood(reply) && ended === url) ended = null;
}

/** Looks whether something that ended is in front. */
export function review(): void {
  const url = unseen();
  if (url === ended) return;
  clearTimeout(reviewing);
  ended = url;
  if (url !== null) reviewing = setTimeout(() => void reviewed(url), lookedFor);
}

/** Whoever scrolls, selects or writes in a conversation has looked at it. */
function used(event: Event): void {
  const here = (event.target as Element).closest("#log, #text");
  if (here && ended !== null && ended === unseen()) void reviewed(ended);
}

export function watchReview(): void {
  document.addEventListener("visibilitychange", review);
  for (const kind of ["pointerdown", "wheel", "input"]) document.addEventListener(kind, used, { passive: true });
  review();
}
