// The chosen agent, model and variant of each session, stored in this browser.

import { byId, root } from "./dom";

export interface Choice {
  agent?: string;
  /** As `provider/model`. */
  model?: string;
  /** The model's name. */
  modelName?: string;
  variant?: string;
}

const choicePrefix = "choice:";
/** Maximum number of stored choices. At the limit the others are dropped: their sessions use what they last used. */
const mostChoices = 200;

const choiceName = (instance?: string, session?: string): string => `${choicePrefix}${instance ?? ""}/${session ?? ""}`;
const nameHere = (): string => choiceName(root.dataset.instance, root.dataset.session);

function readChoice(name: string): Choice {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "{}") as Choice;
  } catch {
    return {};
  }
}

function storeChoice(name: string, choice: Choice): void {
  try {
    const others = Object.keys(localStorage).filter((key) => key.startsWith(choicePrefix));
    if (others.length >= mostChoices) others.forEach((key) => localStorage.removeItem(key));
    localStorage.setItem(name, JSON.stringify(choice));
  } catch {
    // localStorage is full: the next prompt uses what the session last used.
  }
}

/** The choice of the session in front. */
export const choiceHere = (): Choice => readChoice(nameHere());

/** Changes the choice of the session in front. */
export function choose(change: Choice): void {
  storeChoice(nameHere(), { ...choiceHere(), ...change });
  showChoice();
}

/** Moves the choice of an instance's new-session page to the session that was created. */
export function moveChoice(instance: string, session: string): void {
  const name = choiceName(instance);
  storeChoice(choiceName(instance, session), readChoice(name));
  localStorage.removeItem(name);
}

/** Shows the choice on the controls, which the hub draws with the last used values. */
export function showChoice(): void {
  const { agent, model, modelName, variant } = choiceHere();
  const title = modelName === undefined || variant === undefined ? modelName : `${modelName} · ${variant}`;
  const shown: [string, string | undefined, string | undefined][] = [
    ["agent", agent, agent],
    ["model", model, title],
  ];
  for (const [id, value, name] of shown) {
    const button = byId<HTMLButtonElement>(id);
    const label = button?.querySelector(".name");
    if (!button || !label || value === undefined) continue;
    if (button.value !== value) button.value = value;
    if (name !== undefined && label.textContent !== name) label.textContent = name;
  }
}
