// Going somewhere: the next document is fetched, its regions take the place of ours, and the socket looks there.

import { setClock, tick } from "./clock";
import { aside, byId, root } from "./dom";
import { leave, look } from "./live";
import { morph } from "./morph";
import { clearAsks } from "./places";
import { keepReading, placeOfReader } from "./reading";
import { stir } from "./steady";

let arrived: () => void = () => undefined;
let going = 0;
/** True while a person is on the way to somewhere else. */
let leaving = false;

function swap(fresh: Document, samePlace: boolean): void {
  const [oldLog, newLog] = [byId("log"), fresh.getElementById("log")];
  const reader = samePlace ? placeOfReader() : null;
  const [oldApp, newApp] = [byId("app"), fresh.getElementById("app")];
  if (!oldApp || !newApp) return location.reload();
  if (oldLog && newLog) oldLog.replaceWith(newLog.cloneNode(true));
  aside.clear();
  if (!samePlace) clearAsks();
  morph(oldApp, document.adoptNode(newApp));
  keepReading(reader);
  for (const name of ["epoch", "rev", "version", "now", "instance", "session", "from"]) {
    const value = fresh.documentElement.dataset[name];
    if (value === undefined) delete root.dataset[name];
    else root.dataset[name] = value;
  }
  document.title = fresh.title;
  stir();
}

/** Shows the page at `url`. `add` makes a step that "back" returns from. */
export async function go(url: string, add = true): Promise<void> {
  going += 1;
  const mine = going;
  leaving = add;
  const before = location.pathname;
  try {
    const answer = await fetch(url, { headers: { accept: "text/html" } });
    if (!answer.headers.get("content-type")?.startsWith("text/html")) throw new Error(url);
    const text = await answer.text();
    await leave();
    if (mine !== going) return;
    if (add) history.pushState(null, "", url);
    const fresh = new DOMParser().parseFromString(text, "text/html");
    swap(fresh, location.pathname === before);
    setClock(Number(root.dataset.now));
    tick();
    arrived();
    look();
  } catch {
    if (mine === going && add) location.href = url;
    else if (mine === going) setTimeout(() => void go(url, false), 1000);
  } finally {
    if (mine === going) leaving = false;
  }
}

/** Whether a person is on the way to somewhere else: what is in sight is about to be replaced. */
export const isLeaving = (): boolean => leaving;

/** Shows the same page anew, unless a person is leaving it: what they go to is new as well. */
export const again = (): Promise<void> => (leaving ? Promise.resolve() : go(location.href, false));

/** Takes over plain clicks on our own links. `onArrival` runs whenever a new page is in place. */
export function navigation(onArrival: () => void): void {
  arrived = onArrival;
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest("a");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || link.target !== "" || link.origin !== location.origin || link.dataset.do) return;
    event.preventDefault();
    void go(link.pathname + link.search);
  });
  addEventListener("popstate", () => void go(location.href, false));
}
