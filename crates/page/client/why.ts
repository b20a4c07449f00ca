// Why a session that works stands where it does, on the hint of its row: asked for once the pointer rests there, as it changes with
// every step.

import { exchange, isGood } from "./api";
import { now, seconds } from "./clock";

/** How long the pointer rests on a row before its step is asked for, in milliseconds. */
const hintRest = 200;

interface Evidence {
  reason?: string;
  since?: number;
}

async function showWhy(link: HTMLAnchorElement): Promise<void> {
  const reply = await exchange("GET", `/api${link.pathname.replace("/i/", "/instances/").replace("/s/", "/sessions/")}`);
  const { reason, since = 0 } = (reply.json.mark ?? {}) as Evidence;
  const name = link.querySelector(".name")?.textContent ?? "";
  if (isGood(reply) && reason !== undefined) link.title = `${name}: ${reason.replace(/\.$/, "")} (${seconds(now() - since)[0]})`;
}

/** Begins. */
export function watchHints(): void {
  let resting: number | undefined;
  document.addEventListener("pointerover", ({ target }) => {
    clearTimeout(resting);
    const link = target instanceof Element ? target.closest<HTMLAnchorElement>(":is(.tree, .strip) a:has(> .mark.work)") : null;
    if (link) resting = setTimeout(() => void showWhy(link), hintRest);
  });
}
