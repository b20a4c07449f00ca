// The command palette and the list of keys, both drawn from the list of actions.

import { type Action, actions, keysOf } from "./actions";
import { exchange } from "./api";
import { byId } from "./dom";
import { go } from "./navigate";
import { t } from "./words";

/** Entry of the palette. */
interface Offer {
  name: string;
  /** Place of an action, or state and instance of a session. */
  beside: string;
  keys: string;
  act: () => unknown;
}

/** Maximum number of visible entries. Beyond it the best matches are shown. */
const shownOffers = 50;

let offers: Offer[] = [];
let shown: Offer[] = [];
let chosenAt = 0;

const field = (): HTMLInputElement | null => byId<HTMLInputElement>("find");
const list = (): HTMLElement | null => byId("found");

/**
 * Fuzzy score of a text: all letters of the query must occur in order; adjacent letters and word beginnings score higher. Negative if
 * the text does not match.
 */
export function fit(query: string, text: string): number {
  const [want, have] = [query.toLowerCase(), text.toLowerCase()];
  let [at, score] = [0, 0];
  for (const letter of want) {
    if (letter === " ") continue;
    const found = have.indexOf(letter, at);
    if (found < 0) return -1;
    const begins = found === 0 || /[^\p{L}\p{N}]/u.test(have[found - 1] ?? "");
    score += (found === at ? 3 : 0) + (begins ? 2 : 0) + 1;
    at = found + 1;
  }
  // A literal match ranks first.
  const whole = have.indexOf(want.trim());
  return score + (whole >= 0 ? 20 : 0) + (whole === 0 ? 10 : 0) - have.length / 200;
}

function ofAction(action: Action): Offer | null {
  const act = action.chosen ?? action.run;
  // An action with an argument in its key cannot run from here.
  if (!act || action.lacked || action.keys.length > 2 || (action.applies?.() ?? true) === false) return null;
  return { name: action.name, beside: t(action.place), keys: keysOf(action), act: () => act() };
}

interface Index {
  instances: { id: string; name: string; sessions: { id: string; title: string; word: string }[] }[];
}

function ofIndex({ instances }: Index): Offer[] {
  return instances.flatMap(({ id, name, sessions }) => {
    const path = `/i/${encodeURIComponent(id)}`;
    const own = { name, beside: t("Instance"), keys: "", act: () => go(path) };
    const those = sessions.map((session) => ({
      name: session.title,
      beside: `${session.word === "Idle" ? "" : `${t(session.word)} · `}${name}`,
      keys: "",
      act: () => go(`${path}/s/${encodeURIComponent(session.id)}`),
    }));
    return [own, ...those];
  });
}

function cell(tag: string, text: string, className = ""): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className !== "") element.className = className;
  return element;
}

function choose(at: number): void {
  chosenAt = Math.max(0, Math.min(shown.length - 1, at));
  [...(list()?.children ?? [])].forEach((item, nth) => {
    item.ariaSelected = String(nth === chosenAt);
    if (nth === chosenAt) item.scrollIntoView({ block: "nearest" });
  });
  const on = shown.length > 0 ? `found-${chosenAt}` : "";
  field()?.setAttribute("aria-activedescendant", on);
}

function drawOffers(): void {
  const query = field()?.value.trim() ?? "";
  const scored = offers.map((offer) => [fit(query, offer.name) + fit(query, `${offer.name} ${offer.beside}`) / 100, offer] as const);
  const fitting = scored.filter(([, offer]) => query === "" || fit(query, `${offer.name} ${offer.beside}`) >= 0);
  if (query !== "") fitting.sort(([a], [b]) => b - a);
  shown = fitting.slice(0, shownOffers).map(([, offer]) => offer);
  const items = shown.map((offer, nth) => {
    const item = cell("li", "");
    item.id = `found-${nth}`;
    item.role = "option";
    item.append(cell("span", offer.name, "name"), cell("span", offer.beside, "quiet"));
    if (offer.keys !== "") item.append(cell("kbd", offer.keys));
    return item;
  });
  list()?.replaceChildren(...items);
  const none = byId("found-none");
  if (none) none.hidden = shown.length > 0;
  choose(0);
}

function act(offer: Offer | undefined): void {
  if (!offer) return;
  byId<HTMLDialogElement>("palette")?.close();
  void offer.act();
}

function onPaletteKey(event: KeyboardEvent): void {
  if (event.isComposing) return;
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
  if (step !== undefined) choose(chosenAt + step);
  else if (event.key === "Enter") act(shown[chosenAt]);
  else if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) byId<HTMLDialogElement>("palette")?.close();
  else return;
  event.preventDefault();
}

let bound = false;

function bind(): void {
  if (bound) return;
  bound = true;
  field()?.addEventListener("input", drawOffers);
  field()?.addEventListener("keydown", onPaletteKey);
  list()?.addEventListener("click", ({ target }) => {
    const item = target instanceof Element ? target.closest("li") : null;
    if (item) act(shown[[...(list()?.children ?? [])].indexOf(item)]);
  });
}

/** Opens the palette with the actions, and adds all sessions and instances when the hub has sent them. */
export async function openPalette(): Promise<void> {
  const dialog = byId<HTMLDialogElement>("palette");
  const input = field();
  if (!dialog || !input || dialog.open) return;
  bind();
  offers = actions.flatMap((action) => ofAction(action) ?? []);
  input.value = "";
  dialog.showModal();
  input.focus();
  drawOffers();
  const reply = await exchange("GET", "/api/index");
  if (reply.status !== 200) return;
  offers = [...offers, ...ofIndex(reply.json as unknown as Index)];
  // The selection stays.
  const [before, typed] = [chosenAt, input.value];
  drawOffers();
  if (typed === "") choose(before);
}

/** Fills the list of keys, grouped by place. */
export function listKeys(): void {
  const places = [...new Set(actions.map(({ place }) => place))];
  const body = byId("keys");
  body?.replaceChildren(
    ...places.flatMap((place) => {
      const keyed = actions.filter((action) => action.place === place && !action.lacked && keysOf(action) !== "");
      if (keyed.length === 0) return [];
      const terms = cell("dl", "", "keys");
      for (const action of keyed) {
        const term = cell("dt", "");
        keysOf(action).split(/(?<=.) |, /).forEach((key) => term.append(cell("kbd", key), " "));
        terms.append(term, cell("dd", action.name));
      }
      return [cell("h3", t(place)), terms];
    }),
  );
}
