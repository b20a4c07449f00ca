// Why a session that works stands where it does, on the hint of its row: asked for once the pointer rests there, as it changes with
// every step.

import { now, seconds } from "./clock";
import { fetchElement } from "./patch";

/** How long the pointer rests on a row before its step is asked for, in milliseconds. */
const hintRest = 200;

/** The row on which the pointer rests, and the hint that it got. */
let row: HTMLAnchorElement | null = null;
let told = "";
let resting: number | undefined;

async function showWhy(link: HTMLAnchorElement): Promise<void> {
  const line = await fetchElement(`/fragment${link.pathname}/why`).catch(() => null);
  const reason = line?.textContent ?? "";
  const since = line instanceof HTMLElement ? Number(line.dataset.since) : 0;
  const name = link.querySelector(".name")?.textContent ?? "";
  if (reason !== "") link.title = `${name}: ${reason.replace(/[.。]$/, "")} (${seconds(now() - since)[0]})`;
  if (link === row) told = link.title;
}

function askWhy(): void {
  resting ??= setTimeout(() => {
    resting = undefined;
    if (row?.matches(":hover")) void showWhy(row);
  }, hintRest);
}

/** Asks again where a change of the row took its hint away. */
export function keepHint(): void {
  if (row?.matches(":hover") && row.title !== told) askWhy();
}

/** Begins. */
export function watchHints(): void {
  document.addEventListener("pointerover", ({ target }) => {
    clearTimeout(resting);
    resting = undefined;
    row = target instanceof Element ? target.closest<HTMLAnchorElement>(":is(.tree, .strip) a:has(> .mark.work)") : null;
    if (row) askWhy();
  });
}
