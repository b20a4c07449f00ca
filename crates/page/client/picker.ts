// The dialog of agents or models, with search, favourites and recent models.

import { exchange, isGood, send } from "./api";
import { choiceHere, choose } from "./choices";
import { byId, root } from "./dom";
import { t, tn } from "./words";

interface Model {
  providerID: string;
  provider: string;
  modelID: string;
  name: string;
  context: number;
  input: number;
  output: number;
  variants: string[];
}

interface Offered {
  agents: { name: string; description: string }[];
  models: Model[];
  more_models: number;
}

/** A line of the list. */
interface Line {
  /** The heading that it stands under. */
  group: string;
  value: string;
  name: string;
  detail: string;
  chosen: boolean;
  starred?: boolean;
  act: () => void;
}

const starredKey = "models-starred";
const recentKey = "models-recent";
const mostRecent = 5;
const mostStarred = 50;

function stored(key: string): string[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(list) ? list.map(String) : [];
  } catch {
    return [];
  }
}

function put(key: string, list: string[]): void {
  try {
    localStorage.setItem(key, JSON.stringify(list));
  } catch {
    // localStorage is full: the list is not stored.
  }
}

const idOf = ({ providerID, modelID }: Model): string => `${providerID}/${modelID}`;

const dollars = (price: number): string => `$${price < 1 ? Number(price.toFixed(2)) : Number(price.toFixed(1))}`;

/** Context and price of a model, as far as they are known. */
function factsOf({ context, input, output }: Model): string {
  const size = context === 0 ? [] : [context < 1_000_000 ? `${Math.round(context / 1000)}k` : `${Number((context / 1_000_000).toFixed(1))}M`];
  const price = input === 0 && output === 0 ? [] : [t("{in} in, {out} out", { in: dollars(input), out: dollars(output) })];
  return [...size, ...price].join(" · ");
}

/** What a chosen model is for: the prompt of the session in front, unless it is picked for something else. */
let pickedFor: ((model: Model, variant?: string) => void) | null = null;

function chooseModel(model: Model, variant?: string): void {
  if (pickedFor) pickedFor(model, variant);
  else choose({ model: idOf(model), modelName: model.name || model.modelID, variant });
  put(recentKey, [idOf(model), ...stored(recentKey).filter((id) => id !== idOf(model))].slice(0, mostRecent));
}

function modelLines({ models, more_models: more }: Offered): Line[] {
  const now = pickedFor ? "" : (byId<HTMLButtonElement>("model")?.value ?? "");
  const { variant } = choiceHere();
  const line = (group: string, model: Model): Line => ({
    group,
    value: idOf(model),
    name: model.name || model.modelID,
    detail: [group === model.provider ? "" : model.provider, factsOf(model)].filter(Boolean).join(" · "),
    chosen: idOf(model) === now,
    starred: stored(starredKey).includes(idOf(model)),
    act: () => chooseModel(model),
  });
  const pick = (group: string, ids: string[]): Line[] =>
    ids.flatMap((id) => models.filter((model) => idOf(model) === id).map((model) => line(group, model)));
  const used = models.find((model) => idOf(model) === now);
  const variants = (used?.variants ?? []).length > 0 ? ["", ...(used?.variants ?? [])] : [];
  const ofUsed = variants.map((name) => ({
    group: t("Variant of {model}", { model: used?.name ?? "" }),
    value: `variant ${name}`,
    name: name || t("default"),
    detail: "",
    chosen: (variant ?? "") === name,
    act: () => used && chooseModel(used, name || undefined),
  }));
  return [
    ...ofUsed,
    ...pick(t("Favourites"), stored(starredKey)),
    ...pick(t("Recent"), stored(recentKey).filter((id) => !stored(starredKey).includes(id))),
    ...models.map((model) => line(model.provider, model)),
    ...(more > 0 ? [{ group: t("Not listed"), value: "", name: tn(more, "… and {n} more model", "… and {n} more models"), detail: "", chosen: false, act: () => undefined }] : []),
  ];
}

function agentLines({ agents }: Offered): Line[] {
  const now = byId<HTMLButtonElement>("agent")?.value;
  return agents.map(({ name, description }) => ({
    group: "",
    value: name,
    name,
    detail: description,
    chosen: name === now,
    act: () => choose({ agent: name }),
  }));
}

function matches({ name, value, group, starred }: Line, query: string): boolean {
  // The heading of variants names the used model, which is no match for its variants.
  const text = `${name} ${value} ${starred === undefined ? "" : group}`.toLowerCase();
  return query.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function textSpan(className: string, text: string): HTMLElement {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = text;
  return span;
}

function lineButton(line: Line, dialog: HTMLDialogElement): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "pick";
  button.value = line.value;
  if (line.chosen) button.ariaCurrent = "true";
  button.append(textSpan("name", line.name), textSpan("quiet", line.detail));
  button.addEventListener("click", () => {
    line.act();
    dialog.close();
  });
  return button;
}

function star(line: Line, redraw: () => void): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "icon";
  button.textContent = line.starred ? "★" : "☆";
  button.ariaPressed = String(line.starred);
  button.ariaLabel = t("Favourite: {name}", { name: line.name });
  button.addEventListener("click", () => {
    const others = stored(starredKey).filter((id) => id !== line.value);
    put(starredKey, line.starred ? others : [line.value, ...others].slice(0, mostStarred));
    redraw();
    const label = button.ariaLabel;
    [...document.querySelectorAll<HTMLElement>("#picker button.icon")].find((one) => one.ariaLabel === label)?.focus();
  });
  return button;
}

function drawLines(list: HTMLElement, lines: Line[], dialog: HTMLDialogElement, redraw: () => void): void {
  const items: HTMLElement[] = [];
  let group = "";
  for (const line of lines) {
    if (line.group !== group) {
      const heading = document.createElement("li");
      heading.append(textSpan("group", line.group));
      items.push(heading);
      group = line.group;
    }
    const item = document.createElement("li");
    item.append(lineButton(line, dialog));
    if (line.starred !== undefined) item.append(star(line, redraw));
    items.push(item);
  }
  if (lines.length === 0) items.push(textSpan("quiet", t("Nothing matches.")));
  list.replaceChildren(...items);
}

/** Arrows go through the lines, from the search field on. */
function moveFocus(event: KeyboardEvent, dialog: HTMLDialogElement): void {
  const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (by === 0) return;
  event.preventDefault();
  const stops = [...dialog.querySelectorAll<HTMLElement>("input, button.pick")];
  const item = document.activeElement?.closest("li")?.querySelector<HTMLElement>("button.pick");
  const at = stops.indexOf(item ?? (document.activeElement as HTMLElement));
  stops[Math.max(0, Math.min(stops.length - 1, at + by))]?.focus();
}

function frame(title: string): { dialog: HTMLDialogElement; field: HTMLInputElement; list: HTMLElement } {
  const dialog = document.createElement("dialog");
  dialog.id = "picker";
  dialog.ariaLabel = title;
  const field = document.createElement("input");
  field.type = "text";
  field.ariaLabel = t("Search");
  field.placeholder = title;
  field.autocomplete = "off";
  field.spellcheck = false;
  const list = document.createElement("ul");
  dialog.append(field, list);
  return { dialog, field, list };
}

/** Resumes a session whose turn failed, with a model that is picked. */
export function retryWith(button: HTMLElement): Promise<void> {
  const { url = "", instance = "" } = button.dataset;
  const retry = async ({ providerID, modelID }: Model, variant?: string): Promise<void> => {
    await send(button, "POST", url, { model: { providerID, modelID }, ...(variant === undefined ? {} : { variant }) });
  };
  return openPicker("model", instance, (model, variant) => void retry(model, variant), button);
}

/** Opens the list of agents or models; of the instance in front unless another one is given. */
export async function openPicker(id: string, instance = root.dataset.instance ?? "", act: typeof pickedFor = null, from = byId(id)): Promise<void> {
  if (document.querySelector("dialog[open]")) return;
  byId("picker")?.remove();
  pickedFor = act;
  const { dialog, field, list } = frame(t(id === "agent" ? "Choose an agent" : "Choose a model"));
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    from?.focus();
  });
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog) dialog.close();
  });
  dialog.showModal();
  const reply = await exchange("GET", `/api/instances/${encodeURIComponent(instance)}/choices`);
  if (!isGood(reply)) {
    const why = "The server does not tell what it offers now. Try again once it is connected.";
    return list.replaceChildren(textSpan("quiet", t(why)));
  }
  const offered = reply.json as unknown as Offered;
  const linesNow = (): Line[] => {
    const lines = id === "agent" ? agentLines(offered) : modelLines(offered);
    return lines.filter((line) => matches(line, field.value.trim()));
  };
  const redraw = (): void => drawLines(list, linesNow(), dialog, redraw);
  field.addEventListener("input", redraw);
  dialog.addEventListener("keydown", (event) => {
    moveFocus(event, dialog);
    if (event.key !== "Enter" || document.activeElement !== field || event.isComposing) return;
    event.preventDefault();
    const first = linesNow()[0];
    first?.act();
    if (first) dialog.close();
  });
  redraw();
}
