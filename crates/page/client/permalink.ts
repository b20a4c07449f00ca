// Links to a message: `#` and its id behind the address of a session. Older messages are loaded until it is there.

import { byId, keyOf, root, say } from "./dom";
import { hint } from "./hint";
import { go } from "./navigate";
import { showMessage } from "./reading";
import { t } from "./words";

/** Time for which a message that was linked to is marked, in milliseconds. */
const markedFor = 3_000;

/** The address whose message was found, or was given up. */
let settled = "";
/** The address whose message is looked for, and how many pages were loaded for it. */
let seeking = { href: "", pages: 0 };
/** True while a page of older messages is on its way. */
let loading = false;

function tellOf(text: string): void {
  hint(text);
  say(text);
}

/** Shows a message and marks it for a moment; it gets the focus. */
function point(message: HTMLElement): void {
  showMessage(message);
  message.tabIndex = -1;
  message.focus({ preventScroll: true });
  message.animate([{ backgroundColor: "var(--hairline)" }, { backgroundColor: "transparent" }], { duration: markedFor, easing: "ease-in" });
  say("This is the message of the link.");
}

function giveUp(why: string): void {
  settled = location.href;
  tellOf(why);
}

/** Loads the page of messages before those that are here. */
async function loadBefore(link: HTMLAnchorElement, count: number): Promise<void> {
  loading = true;
  seeking.pages += 1;
  tellOf(t("Looking for the message of the link: {count} messages are here, older ones are loading.", { count }));
  const first = link.href;
  await go(link.pathname + link.search + location.hash, false);
  loading = false;
  const next = document.querySelector<HTMLAnchorElement>("#log a.older");
  seeking.href = location.href;
  if (next?.href === first) giveUp("Older messages could not be loaded in time. Scroll back to load them.");
  else seekMessage();
}

/** The message that the address names; empty if it names none. */
function linkedMessage(): string {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    // A cut-off `%` names nothing.
    return "";
  }
}

/** Goes on to the message that the address names, if it does. */
export function seekMessage(): void {
  const id = linkedMessage();
  if (id === "" || loading || settled === location.href) return;
  const log = byId("log");
  if (!log) return;
  const found = log.querySelector<HTMLElement>(`.turn[data-k="${CSS.escape(`m:${id}`)}"]`);
  if (found) {
    settled = location.href;
    return point(found);
  }
  if (seeking.href !== location.href) seeking = { href: location.href, pages: 0 };
  const turns = [...log.querySelectorAll<HTMLElement>(".turn")];
  const older = log.querySelector<HTMLAnchorElement>("a.older");
  const first = turns[0] ? (keyOf(turns[0]) ?? "").slice("m:".length) : "";
  // Ids of messages are in the order of time: one that is not where it would be is gone.
  const passed = first.startsWith("msg_") && id.startsWith("msg_") && first < id;
  if (turns.length === 0 && !log.querySelector(".before .empty")) return;
  if (!older || passed) giveUp("The message of this link is not in this session any more.");
  else if (seeking.pages >= Number(root.dataset.linkPages)) giveUp(t("The message of this link is more than {count} messages back. Scroll back to reach it.", { count: turns.length }));
  else void loadBefore(older, turns.length);
}
