// Key bar: keys of the focused part of the page.

import { type Action, actions, keysOf, type ActionPlace } from "./actions";
import { byId, root } from "./dom";

/** Maximum number of keys in the bar. */
const onBar = 8;

/** Keys for requests that the bar shows while the focus is elsewhere. */
const onBarOfNeeds = 3;

function placeOfFocus(): ActionPlace {
  const focused = document.activeElement;
  if (focused?.id === "text") return "Prompt";
  if (focused?.closest("li.card")) return "Cards";
  if (focused?.closest(".needs")) return "Needs you";
  if (focused?.closest("[data-k=tree]")) return "Sessions";
  if (root.dataset.review !== undefined) return "Review";
  if (root.dataset.parallel !== undefined) return "Runs";
  if (root.dataset.overview !== undefined) return "Overview";
  return root.dataset.session === undefined ? "Everywhere" : "Conversation";
}

/** Actions with keys of a place, followed by those that work everywhere. */
function keysAt(place: ActionPlace): Action[] {
  const keyed = actions.filter((action) => keysOf(action) !== "" && !action.lacked && (action.applies?.() ?? true));
  const own = keyed.filter((action) => action.place === place);
  if (place === "Prompt") return own;
  const allows = keyed.filter((action) => action.place === "Needs you" && document.querySelector("[data-marked]") !== null);
  return [...new Set([...allows.slice(0, onBarOfNeeds), ...own, ...keyed.filter((action) => action.place === "Everywhere")])];
}

let written = "";

/** Updates the bar if the focus moved to another part of the page. */
export function writeBar(): void {
  const bar = byId("bar");
  if (!bar || !root.hasAttribute("data-bar")) return;
  const shown = keysAt(placeOfFocus()).slice(0, onBar);
  const as = shown.map(({ name }) => name).join();
  if (as === written) return;
  written = as;
  bar.replaceChildren(
    ...shown.map((action) => {
      const item = document.createElement("span");
      const key = document.createElement("kbd");
      key.textContent = keysOf(action);
      item.append(key, ` ${action.name}`);
      return item;
    }),
  );
}
