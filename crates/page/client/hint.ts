// A quiet sentence about something that did nothing. It moves nothing and takes no input.

import { byId } from "./dom";
import { t } from "./words";

/** Display time of a hint, in milliseconds. */
const shownHint = 5_000;

let hiding: number | undefined;

/** Why the server of an instance cannot do something; empty if it can. */
export function incapacity(instance: string, need: string): string {
  const tab = document.querySelector<HTMLElement>(`.tab a[href="/i/${CSS.escape(encodeURIComponent(instance))}"]`);
  const { incapable = "", product = "" } = tab?.dataset ?? {};
  return incapable.split(" ").includes(need) ? t("{product} cannot do this.", { product }) : "";
}

/** Shows a hint; without a text it hides the one that is shown. */
export function hint(text?: string): void {
  const line = byId("hint");
  if (!line) return;
  line.hidden = text === undefined;
  if (text !== undefined) line.textContent = t(text);
  clearTimeout(hiding);
  hiding = setTimeout(() => (line.hidden = true), shownHint);
}
