// Search in the conversations of all sessions: hits come from the hub while a person writes.

import { byId, parse } from "./dom";
import { hint } from "./hint";
import { go } from "./navigate";
import { t } from "./words";

/** Time without input after which a query is sent, in milliseconds. */
const queryAfter = 120;

/** The query that was written last, for the next time. */
let lastQuery = "";
/** The query whose hits are shown. */
let shownQuery = "";
let asked = 0;
let timer = 0;
let hitAt = 0;

const searchField = (): HTMLInputElement | null => byId<HTMLInputElement>("search-text");
const hitList = (): HTMLElement | null => byId("search-hits");

function chooseHit(at: number): void {
  const items = [...(hitList()?.children ?? [])];
  hitAt = Math.max(0, Math.min(items.length - 1, at));
  items.forEach((item, nth) => {
    item.ariaSelected = String(nth === hitAt);
    if (nth === hitAt) item.scrollIntoView({ block: "nearest" });
  });
  searchField()?.setAttribute("aria-activedescendant", items.length > 0 ? `hit-${hitAt}` : "");
}

/** Shows the hits of what is written now. An answer to an earlier query is dropped. */
async function showHits(): Promise<void> {
  asked += 1;
  const mine = asked;
  const wanted = searchField()?.value ?? "";
  lastQuery = wanted;
  const query = lastQuery.trim() === "" ? "" : `?q=${encodeURIComponent(lastQuery)}`;
  const answer = await fetch(`/fragment/search${query}`).catch(() => null);
  const text = answer?.ok === true ? await answer.text() : null;
  const place = byId("search-found");
  if (mine !== asked || !place) return;
  if (text === null) return hint(t("Drovers did not answer. Try again."));
  const made = parse(query === "" ? text : `<div>${text}</div>`);
  const found = query === "" ? made?.querySelector("#search-found") : made;
  place.replaceChildren(...(found?.childNodes ?? []));
  shownQuery = wanted;
  chooseHit(0);
}

function openHit(event: Event, item: Element | undefined): void {
  const link = item?.querySelector("a");
  if (!link) return;
  event.preventDefault();
  byId<HTMLDialogElement>("search")?.close();
  void go(link.pathname + link.search + link.hash);
}

function onSearchKey(event: KeyboardEvent): void {
  if (event.isComposing) return;
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5 }[event.key];
  if (step !== undefined) {
    event.preventDefault();
    return chooseHit(hitAt + step);
  }
  if (event.key !== "Enter" || event.repeat) return;
  // The hits that are shown belong to an earlier query until the new ones are here.
  if (searchField()?.value !== shownQuery) return void showHits();
  openHit(event, hitList()?.children[hitAt]);
}

/** Opens the search, with the query of the last time selected. */
export async function openFind(): Promise<void> {
  if (document.querySelector("dialog[open]")) return;
  const answer = await fetch("/fragment/search").catch(() => null);
  const dialog = answer?.ok === true ? parse(await answer.text()) : null;
  if (!(dialog instanceof HTMLDialogElement)) return hint(t("Drovers did not answer. Try again."));
  if (document.querySelector("dialog[open]")) return;
  byId("search")?.remove();
  document.body.append(dialog);
  const input = searchField();
  if (!input) return;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => void showHits(), queryAfter);
  });
  input.addEventListener("keydown", onSearchKey);
  dialog.addEventListener("click", (event) => {
    const plain = !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    const item = (event.target as Element).closest("li");
    if (plain && item) openHit(event, item);
  });
  dialog.showModal();
  input.value = lastQuery;
  input.select();
  input.focus();
  if (lastQuery !== "") void showHits();
}
