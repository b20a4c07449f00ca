// Client-side navigation: fetches the next document, replaces the regions, and moves the viewport of the socket.

import { setClock, tick } from "./clock";
import { aside, byId, root } from "./dom";
import { leave, look } from "./live";
import { morph } from "./morph";
import { clearAsks } from "./places";
import { pinFresh } from "./overview";
import { keepReading, placeOfReader } from "./reading";
import { stir } from "./steady";

let arrived: () => void = () => undefined;
let left: () => void = () => undefined;
let going = 0;
/** True while a person is on the way to somewhere else. */
let leaving = false;

function swap(fresh: Document, samePlace: boolean): void {
  const reader = samePlace ? placeOfReader() : null;
  const [oldApp, newApp] = [byId("app"), fresh.getElementById("app")];
  if (!oldApp || !newApp) return location.reload();
  // Their messages travel apart, and would stay.
  for (const place of ["#log", ".runs"]) {
    const own = fresh.querySelector(place);
    if (own) document.querySelector(place)?.replaceWith(own.cloneNode(true));
  }
  aside.clear();
  pinFresh(fresh);
  if (!samePlace) clearAsks();
  morph(oldApp, document.adoptNode(newApp));
  keepReading(reader);
  for (const name of ["epoch", "rev", "version", "now", "instance", "session", "from", "parallel", "overview", "review", "drafted", "inspect"]) {
    const value = fresh.documentElement.dataset[name];
    if (value === undefined) delete root.dataset[name];
    else root.dataset[name] = value;
  }
  document.title = fresh.title;
  noteSession();
  stir();
}

/** The key under which a browser's tab keeps the session that it showed last of an instance. */
const lastOf = (instance: string): string => `last:${instance}`;

function noteSession(): void {
  const { instance, session } = root.dataset;
  if (instance !== undefined && session !== undefined) sessionStorage.setItem(lastOf(instance), session);
}

/** Goes to an instance: to the session of it that was in front last, if there was one and it is still there. */
export function returnTo(path: string): Promise<void> {
  const instance = decodeURIComponent(path.split("/")[2] ?? "");
  const last = instance === root.dataset.instance ? null : sessionStorage.getItem(lastOf(instance));
  return last === null ? go(path) : go(`${path}/s/${encodeURIComponent(last)}`, true, path);
}

/** Goes to the next session of the list, or the one before. */
export function stepSession(by: number): void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>("[data-k=tree-list] li:not([hidden]) > a")];
  const at = links.findIndex((link) => link.ariaCurrent === "page");
  const next = at < 0 ? links[0] : links[at + by];
  if (next) void go(next.pathname);
}

/**
 * Shows the page at `url`. `add` makes a step that "back" returns from. Where there is nothing at `url`, `otherwise` is shown,
 * if it is given.
 */
export async function go(url: string, add = true, otherwise?: string): Promise<void> {
  going += 1;
  const mine = going;
  leaving = add;
  const before = location.pathname;
  try {
    const answer = await fetch(url, { headers: { accept: "text/html" } });
    if (!answer.headers.get("content-type")?.startsWith("text/html")) throw new Error(url);
    if (answer.status === 404 && otherwise !== undefined && mine === going) return go(otherwise, add);
    const text = await answer.text();
    await leave();
    if (mine !== going) return;
    left();
    if (add) history.pushState(null, "", url);
    else if (url !== location.href) history.replaceState(null, "", url);
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const { instance, session } = fresh.documentElement.dataset;
    const sameSession = root.dataset.instance === instance && root.dataset.session === session;
    swap(fresh, sameSession && location.pathname === before);
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

/** Sets what runs just before the content of the page is replaced. */
export function beforeLeaving(act: () => void): void {
  left = act;
}

/** True during a navigation: the visible content is about to be replaced. */
export const isLeaving = (): boolean => leaving;

/** Shows the same page anew, unless a person is leaving it: what they go to is new as well. */
export const again = (): Promise<void> => (leaving ? Promise.resolve() : go(location.href, false));

/** Takes over plain clicks on our own links. `onArrival` runs whenever a new page is in place. */
export function navigation(onArrival: () => void): void {
  arrived = onArrival;
  noteSession();
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest("a");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || link.target !== "" || link.origin !== location.origin || link.dataset.do) return;
    event.preventDefault();
    if (link.closest(".tab")) return void returnTo(link.pathname);
    // The same conversation with older messages is no other place.
    void go(link.pathname + link.search + link.hash, !link.matches(".older"));
  });
  addEventListener("popstate", () => void go(location.href, false));
}
