// Chooses a folder of the hub's machine in the dialog that adds an instance: one level at a time, typed or picked.

import { exchange, inWords, isGood, send } from "./api";
import { say } from "./dom";
import { pins, togglePin } from "./pins";
import { buildSeveral, forgetAdded, isMarked, type Several, toggleMark } from "./several";
import { t, tn } from "./words";

interface ListedFolder {
  name: string;
  path: string;
  git: boolean;
  leads_to?: string;
  place?: string;
}

interface FolderLevel {
  folder: string | null;
  parent: string | null;
  git: boolean;
  project: boolean;
  home: boolean;
  folders: ListedFolder[];
  more: number;
  hidden: number;
  cut: boolean;
}

/** A row of the list: a folder, or the way up. */
interface FolderRow {
  name: string;
  detail: string;
  /** What stands in the field once it is opened. */
  opens: string;
  /** Path of the folder, which can be marked; none of the way up. */
  path?: string;
}

/** Debounce of requests while a person types, in milliseconds. */
const folderRest = 80;

/** The parts of the picker, in the dialog. */
interface Picker {
  field: HTMLInputElement;
  list: HTMLUListElement;
  state: HTMLElement;
  hidden: HTMLInputElement;
  /** Pins the folder that is listed. */
  pin: HTMLButtonElement;
  /** What is listed, and the text that it is for. */
  level: FolderLevel | null;
  typed: string;
  rows: FolderRow[];
  active: number;
  asked: number;
  several: Several;
  timer?: number;
}

const inside = (path: string): string => (path.endsWith("/") ? path : `${path}/`);

/** The folder and the filter of a typed text; `null` for an address. */
function partsOf(typed: string): { path: string; filter: string } | null {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(typed)) return null;
  if (typed === "~") return { path: "~", filter: "" };
  const cut = /^[/~]/.test(typed) ? typed.lastIndexOf("/") + 1 : 0;
  return { path: typed.slice(0, cut), filter: typed.slice(cut) };
}

const placeWords: Record<string, string> = { home: "home folder", recent: "recently used", root: "top of the disk" };

function rowsOf({ folder, parent, folders }: FolderLevel, filter: string): FolderRow[] {
  const up = { name: "..", detail: parent ?? t("Home and recent folders"), opens: parent === null ? "" : inside(parent) };
  const rows: FolderRow[] = folders.map(({ name, path, git, leads_to: target, place }) => {
    const facts = [place === undefined ? "" : t(placeWords[place] ?? place), git ? t("git repository") : "", target === undefined ? "" : `→ ${target}`];
    return { name: place === undefined ? name : path, detail: facts.filter(Boolean).join(" · "), opens: inside(path), path };
  });
  return folder === null ? [...(filter === "" ? pinned(folders) : []), ...rows] : [up, ...rows];
}

/** Rows of pinned folders that are not listed beside them. */
function pinned(listed: ListedFolder[]): FolderRow[] {
  const others = pins().filter((path) => !listed.some((one) => one.path === path));
  return others.map((path) => ({ name: path, detail: t("pinned"), opens: inside(path), path }));
}

/** Shows whether the listed folder is pinned. */
function showPin({ pin, level }: Picker): void {
  const folder = level?.folder ?? null;
  // It keeps its place: nothing below may move under a pointer while a folder is read.
  pin.disabled = folder === null;
  pin.textContent = t(folder !== null && pins().includes(folder) ? "Unpin this folder" : "Pin this folder");
}

/** What a person should know of the listed folder before opening it. */
function stateOf({ folder, git, project, home, folders, more, hidden, cut }: FolderLevel, filter: string): string {
  const said: string[] = [];
  if (folder !== null && filter === "") {
    if (home) said.push(t("This is your home folder: an agent that works here can read and change all of your files. Choose a project in it, or create a folder for one."));
    else if (git) said.push(t("This folder is a git repository."));
    else if (!project) said.push(t("This folder is not the top of a project. You can open it all the same."));
  }
  if (folders.length === 0) said.push(t(filter === "" ? "There are no folders in it." : "No folder has this name."));
  if (more > 0) said.push(tn(more, "{n} more is not listed: type a part of its name.", "{n} more are not listed: type a part of the name."));
  if (cut) said.push(t("It has too many entries: the rest was not read."));
  if (hidden > 0) said.push(tn(hidden, "{n} hidden", "{n} hidden"));
  return said.join(" ");
}

/** The box of a row that marks its folder. Screen readers have it from the row. */
function markBox(): HTMLElement {
  const box = document.createElement("span");
  box.className = "mark";
  box.ariaHidden = "true";
  box.title = t("Mark, to add several (Space)");
  return box;
}

function drawFolders(picker: Picker): void {
  const { list, field, rows, active, several } = picker;
  const items = rows.map(({ name, detail, path }, at) => {
    const item = document.createElement("li");
    item.id = `folder-${at}`;
    item.role = "option";
    item.ariaSelected = String(at === active);
    if (path !== undefined) {
      item.ariaChecked = String(isMarked(several, path));
      item.append(markBox());
    }
    for (const [className, text] of [["name", name], ["quiet", detail]] as const) {
      const span = document.createElement("span");
      span.className = className;
      span.textContent = text;
      item.append(span);
    }
    return item;
  });
  list.replaceChildren(...items);
  field.ariaExpanded = String(rows.length > 0);
  if (active >= 0) field.setAttribute("aria-activedescendant", `folder-${active}`);
  else field.removeAttribute("aria-activedescendant");
  list.children[active]?.scrollIntoView({ block: "nearest" });
}

function showState(picker: Picker, text: string): void {
  picker.state.textContent = text;
  picker.state.hidden = text === "";
}

/** Lists what the text in the field names. */
async function readFolders(picker: Picker): Promise<void> {
  const { field } = picker;
  const typed = field.value.trimStart();
  const parts = partsOf(typed);
  const nth = (picker.asked += 1);
  const query = new URLSearchParams({ ...parts, ...(picker.hidden.checked ? { hidden: "true" } : {}) });
  const reply = parts ? await exchange("GET", `/api/folders?${query.toString()}`) : null;
  if (nth !== picker.asked) return;
  const level = reply && isGood(reply) ? (reply.json as unknown as FolderLevel) : null;
  Object.assign(picker, { level, typed, active: -1, rows: level ? rowsOf(level, parts?.filter ?? "") : [] });
  const why = reply && reply.status !== 0 ? inWords(reply.json, reply.status) : "";
  showPin(picker);
  showState(picker, level ? stateOf(level, parts?.filter ?? "") : why);
  drawFolders(picker);
}

function openRow(picker: Picker, text: string): void {
  picker.field.value = text;
  picker.field.setSelectionRange(text.length, text.length);
  void readFolders(picker);
}

/** The listed folders and the filter, if the list is for what stands in the field. */
function matchesNow({ field, level, typed }: Picker): { folders: ListedFolder[]; filter: string } | null {
  const parts = partsOf(typed);
  return level && parts && parts.filter !== "" && field.value.trimStart() === typed ? { folders: level.folders, filter: parts.filter } : null;
}

/** Opens the row that is chosen, or the first that a part of its name was typed of. False: nothing is to be opened. */
function enterFolder(picker: Picker): boolean {
  const row = picker.rows[picker.active];
  if (row) {
    openRow(picker, row.opens);
    return true;
  }
  const now = matchesNow(picker);
  const first = now?.folders[0];
  if (!now || !first || now.folders.some(({ name, path }) => name === now.filter || path === now.filter)) return false;
  openRow(picker, inside(first.path));
  return true;
}

/** Completes a name as far as all matches agree. False: there is nothing to complete. */
function completeFolder(picker: Picker): boolean {
  const now = matchesNow(picker);
  if (!now) return false;
  const { filter } = now;
  const names = now.folders.filter(({ name, place }) => place === undefined && name.toLowerCase().startsWith(filter.toLowerCase()));
  const [first] = names;
  if (!first) return false;
  if (names.length === 1) {
    openRow(picker, inside(first.path));
    return true;
  }
  let common = first.name;
  for (const { name } of names) while (!name.startsWith(common)) common = common.slice(0, -1);
  if (common.length <= filter.length) return false;
  openRow(picker, picker.typed.slice(0, picker.typed.length - filter.length) + common);
  return true;
}

/** Marks the folder of a row, or takes its mark away. False: the row has none, and a space is what a person types. */
function markRow({ several }: Picker, row?: FolderRow): boolean {
  if (row?.path === undefined) return false;
  toggleMark(several, row.path, row.name);
  return true;
}

function onFolderKey(picker: Picker, event: KeyboardEvent): void {
  if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
  // A key that is held may have opened a folder or created one: it does not add an instance as well.
  if (event.repeat && event.key === "Enter") return event.preventDefault();
  const { rows } = picker;
  const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (by !== 0 && rows.length > 0) {
    event.preventDefault();
    picker.active = picker.active < 0 && by < 0 ? rows.length - 1 : (picker.active + by + rows.length) % rows.length;
    drawFolders(picker);
  } else if (event.key === " " && markRow(picker, rows[picker.active])) {
    event.preventDefault();
  } else if ((event.key === "Enter" && enterFolder(picker)) || (event.key === "Tab" && !event.shiftKey && completeFolder(picker))) {
    event.preventDefault();
  }
}

function button(label: string, act: () => void): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = t(label);
  made.addEventListener("click", act);
  return made;
}

/** The row in which the name of a new folder is typed. */
function newFolderRow(picker: Picker): { row: HTMLElement; open: () => void } {
  const row = document.createElement("div");
  row.className = "fresh";
  row.hidden = true;
  const name = document.createElement("input");
  name.type = "text";
  name.autocomplete = "off";
  name.spellcheck = false;
  name.ariaLabel = name.placeholder = t("Name of the new folder");
  let creates = false;
  const create = async (): Promise<void> => {
    // Once, by a double click as well.
    if (creates) return;
    creates = true;
    const path = picker.level?.folder ?? partsOf(picker.field.value.trim())?.path ?? "";
    const made = await send(row, "POST", "/api/folders", { path: path === "" ? "~" : path, name: name.value.trim() });
    creates = false;
    if (typeof made?.folder !== "string") return name.focus();
    name.value = "";
    row.hidden = true;
    say(t("Created {folder}.", { folder: made.folder }));
    picker.field.focus();
    openRow(picker, inside(made.folder));
  };
  name.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.preventDefault();
      row.hidden = true;
      picker.field.focus();
    }
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    if (!event.repeat) void create();
  });
  row.append(name, button("Create", () => void create()));
  const open = (): void => {
    row.hidden = !row.hidden;
    if (!row.hidden) name.focus();
  };
  return { row, open };
}

function pinListed(picker: Picker): void {
  const folder = picker.level?.folder ?? null;
  if (folder === null) return;
  togglePin(folder);
  showPin(picker);
  picker.field.focus();
}

function buildPicker(field: HTMLInputElement): Picker {
  const list = document.createElement("ul");
  list.id = "folders";
  list.role = "listbox";
  list.ariaLabel = t("Folders");
  const state = document.createElement("p");
  state.className = "quiet";
  state.role = "status";
  const hidden = document.createElement("input");
  hidden.type = "checkbox";
  const picker: Picker = { field, list, state, hidden, level: null, typed: "", rows: [], active: -1, asked: 0, several: buildSeveral(() => drawFolders(picker)), pin: button("Pin this folder", () => pinListed(picker)) };
  const fresh = newFolderRow(picker);
  const tools = document.createElement("div");
  tools.className = "folder-tools";
  const check = document.createElement("label");
  check.className = "check";
  check.append(hidden, t("Hidden folders"));
  tools.append(button("Home and recent folders", () => openRow(picker, "")), button("New folder", fresh.open), picker.pin, check);
  const box = document.createElement("div");
  box.className = "folders-box";
  const shown = document.createElement("div");
  shown.className = "shown";
  shown.append(list, state);
  box.append(shown, tools, fresh.row, picker.several.box);
  field.closest("label")?.after(box);
  for (const [name, value] of [["role", "combobox"], ["aria-controls", "folders"], ["aria-autocomplete", "list"]] as const) field.setAttribute(name, value);
  field.addEventListener("input", () => {
    clearTimeout(picker.timer);
    picker.timer = setTimeout(() => void readFolders(picker), folderRest);
  });
  field.addEventListener("keydown", (event) => onFolderKey(picker, event));
  hidden.addEventListener("change", () => void readFolders(picker));
  // The field keeps the focus, where it has it; on phones no keyboard comes up by a tap.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const item = (event.target as Element).closest("li");
    const row = item ? picker.rows[[...list.children].indexOf(item)] : undefined;
    if (row && !((event.target as Element).closest(".mark") && markRow(picker, row))) openRow(picker, row.opens);
  });
  return picker;
}

let folderPicker: Picker | null = null;

/** Shows folders in the dialog that adds an instance. They take their room before it opens, so that nothing in it moves. */
export function listFolders(dialog: HTMLElement): void {
  const field = dialog.querySelector<HTMLInputElement>("[name=place]");
  if (field) folderPicker ??= buildPicker(field);
  if (!folderPicker) return;
  forgetAdded(folderPicker.several);
  void readFolders(folderPicker);
}
