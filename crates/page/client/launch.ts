// The dialog of an instance: its name, colour and place, and how OpenCode is started in its folder.

import { complain, exchange, inWords, isGood, send } from "./api";
import { byId, root, say } from "./dom";
import { hint } from "./hint";
import { t } from "./words";

interface LaunchFacts {
  name: string;
  colour: string | null;
  order: number | null;
  launch?: { env: string[]; args: string[]; opencode: string | null; memory_limit: number | null };
}

/** A limit of memory as the form has it, in MB. */
const megabytes = (bytes: number | null): string => (bytes === null ? "" : String(Math.round(bytes / 1e6)));

const instanceColours = ["red", "orange", "yellow", "green", "teal", "blue", "purple", "pink"];

function labelled(label: string, field: HTMLElement): HTMLLabelElement {
  const made = document.createElement("label");
  made.append(t(label), field);
  return made;
}

function textField(name: string, value: string, type = "text"): HTMLInputElement {
  const field = document.createElement("input");
  Object.assign(field, { name, value, type, autocomplete: "off", spellcheck: false });
  return field;
}

function colourField(now: string | null): HTMLSelectElement {
  const select = document.createElement("select");
  select.name = "colour";
  for (const colour of ["", ...instanceColours]) select.append(new Option(t(colour === "" ? "no colour" : colour), colour, false, colour === (now ?? "")));
  return select;
}

/** A row for each variable that is set, to remove it. Values are not known here. */
function setVariables(names: string[]): HTMLElement[] {
  return names.map((name) => {
    const field = textField("unset", name, "checkbox");
    const label = document.createElement("label");
    label.className = "check";
    label.append(field, t("Remove {name}", { name }));
    return label;
  });
}

/** What the form changes, as the API takes it. */
function changeOf(form: HTMLFormElement, before: LaunchFacts): Record<string, unknown> {
  const data = new FormData(form);
  const field = (name: string): string => String(data.get(name) ?? "").trim();
  const change: Record<string, unknown> = {};
  if (field("name") !== before.name) change.name = field("name");
  if (field("colour") !== (before.colour ?? "")) change.colour = field("colour") || null;
  if (field("order") !== String(before.order ?? "")) change.order = field("order") === "" ? null : Number(field("order"));
  if (!before.launch) return change;
  const args = field("args").split("\n").map((line) => line.trim()).filter(Boolean);
  if (args.join("\n") !== before.launch.args.join("\n")) change.args = args;
  if (field("opencode") !== (before.launch.opencode ?? "")) change.opencode = field("opencode") || null;
  if (field("memory") !== megabytes(before.launch.memory_limit)) change.memory_limit = field("memory") === "" ? null : Number(field("memory")) * 1e6;
  const env: Record<string, string | null> = Object.fromEntries(data.getAll("unset").map((name) => [String(name), null]));
  if (field("variable") !== "") env[field("variable")] = String(data.get("value") ?? "");
  if (Object.keys(env).length > 0) change.env = env;
  return change;
}

function launchFields(launch: NonNullable<LaunchFacts["launch"]>): HTMLElement[] {
  const args = document.createElement("textarea");
  Object.assign(args, { name: "args", rows: 2, value: launch.args.join("\n"), spellcheck: false });
  const memory = textField("memory", megabytes(launch.memory_limit), "number");
  Object.assign(memory, { min: "2", step: "1" });
  const note = document.createElement("p");
  note.className = "quiet";
  note.textContent = t("Used at the next start of the server. Values of variables are stored on the machine of Drovers and never shown.");
  return [
    ...setVariables(launch.env),
    labelled("New environment variable", textField("variable", "")),
    labelled("Its value", textField("value", "", "password")),
    labelled("Arguments, one on each line", args),
    labelled("OpenCode program (empty: the usual one)", textField("opencode", launch.opencode ?? "")),
    note,
    labelled("Limit of memory in MB; beyond it the server restarts when nothing works there (empty: none)", memory),
  ];
}

/** Opens the dialog of the instance in front. */
export async function openLaunch(): Promise<void> {
  const { instance } = root.dataset;
  if (instance === undefined) return hint("Open an instance first.");
  if (document.querySelector("dialog[open]")) return;
  const url = `/api/instances/${encodeURIComponent(instance)}`;
  const reply = await exchange("GET", url);
  if (!isGood(reply)) return hint(reply.status === 0 ? "Drovers did not answer. Try again." : inWords(reply.json, reply.status));
  const before = reply.json as unknown as LaunchFacts;
  byId("launch")?.remove();
  const dialog = document.createElement("dialog");
  dialog.id = "launch";
  dialog.ariaLabel = t("Name, colour and start");
  const title = document.createElement("h2");
  title.textContent = t("Name, colour and start");
  const form = document.createElement("form");
  const order = textField("order", String(before.order ?? ""), "number");
  Object.assign(order, { min: "1", max: "9999" });
  const problem = document.createElement("p");
  Object.assign(problem, { className: "problem", role: "alert", hidden: true });
  const row = document.createElement("div");
  row.className = "row";
  const [save, cancel] = [document.createElement("button"), document.createElement("button")];
  Object.assign(save, { className: "main", type: "submit", textContent: t("Save") });
  Object.assign(cancel, { type: "button", textContent: t("Cancel") });
  cancel.addEventListener("click", () => dialog.close());
  row.append(save, cancel);
  form.append(
    labelled("Name", textField("name", before.name)),
    labelled("Colour", colourField(before.colour)),
    labelled("Place among the instances (empty: by name)", order),
    ...(before.launch ? launchFields(before.launch) : []),
    problem,
    row,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void saveLaunch(dialog, form, url, before);
  });
  dialog.append(title, form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

async function saveLaunch(dialog: HTMLDialogElement, form: HTMLFormElement, url: string, before: LaunchFacts): Promise<void> {
  complain(form, "");
  const change = changeOf(form, before);
  if (Object.keys(change).length > 0 && !(await send(form, "PATCH", url, change))) return;
  dialog.close();
  say(t("Saved."));
}
