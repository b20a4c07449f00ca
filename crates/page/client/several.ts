// Several folders that are marked in the dialog that adds an instance, and added by one act, with the result of each.

import { exchange, inWords, isGood, type Problem, type Reply } from "./api";
import { confirmed } from "./dialogs";
import { say } from "./dom";
import { t, tn } from "./words";

/** What became of a marked folder: nothing yet, under way, an instance, or a reason. */
type Fate = { kind: "marked" } | { kind: "busy" } | { kind: "added"; id: string } | { kind: "failed"; why: string };

/** Folders that are marked, by their path, in the order of marking; and where they are shown. */
export interface Several {
  folders: Map<string, { name: string; fate: Fate }>;
  box: HTMLElement;
  busy: boolean;
  /** Draws the list of folders again, which shows the marks. */
  redraw: () => void;
}

const waits = ({ fate }: { fate: Fate }): boolean => fate.kind === "marked" || fate.kind === "failed";

export const isMarked = (several: Several, path: string): boolean => several.folders.get(path)?.fate.kind === "marked";

/** Marks a folder, or takes its mark away. */
export function toggleMark(several: Several, path: string, name: string): void {
  if (several.busy) return;
  if (isMarked(several, path)) several.folders.delete(path);
  else several.folders.set(path, { name, fate: { kind: "marked" } });
  drawSeveral(several);
  say(t(isMarked(several, path) ? "Marked {name}." : "{name} is not marked any more.", { name }));
}

function fateOf(fate: Fate): Node | string {
  if (fate.kind === "marked") return "";
  if (fate.kind === "busy") return "…";
  if (fate.kind === "failed") return fate.why;
  const link = document.createElement("a");
  link.href = `/i/${encodeURIComponent(fate.id)}`;
  link.textContent = t("added");
  link.addEventListener("click", () => link.closest("dialog")?.close());
  return link;
}

function drawSeveral(several: Several): void {
  const { folders, box, busy } = several;
  const rows = [...folders].map(([path, { name, fate }]) => {
    const row = document.createElement("li");
    row.dataset.fate = fate.kind;
    const called = document.createElement("bdi");
    called.textContent = name;
    called.title = path;
    const result = document.createElement("span");
    result.className = "quiet";
    result.append(fateOf(fate));
    row.append(called, " ", result);
    return row;
  });
  const list = document.createElement("ul");
  list.append(...rows);
  const left = [...folders.values()].filter(waits).length;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "main";
  button.textContent = tn(left, "Add {n} marked folder", "Add {n} marked folders");
  button.hidden = left === 0;
  button.ariaBusy = busy ? "true" : null;
  button.addEventListener("click", () => void addSeveral(several));
  const held = box.contains(document.activeElement);
  box.replaceChildren(list, button);
  box.hidden = folders.size === 0;
  if (held && !button.hidden) button.focus();
  several.redraw();
}

/** Adds one folder. A folder that nobody trusts yet is asked about by itself: one press confirms one thing. */
async function addOne(folder: string): Promise<Fate> {
  let reply: Reply = await exchange("POST", "/api/instances", { folder });
  if (reply.json.type === "urn:drovers:problem:untrusted-folder") {
    if (!(await confirmed(`${(reply.json as Problem).detail ?? ""}. ${t("Trust this folder from now on?")}`, "Trust", "Cancel"))) {
      return { kind: "failed", why: t("not added: you do not trust it") };
    }
    reply = await exchange("POST", "/api/instances", { folder, trust: true });
  }
  if (isGood(reply) && typeof reply.json.id === "string") return { kind: "added", id: reply.json.id };
  return { kind: "failed", why: reply.status === 0 ? t("Drovers did not answer. Try again.") : inWords(reply.json, reply.status) };
}

/** Adds all marked folders, one after the other: one that fails keeps none of the others out. */
async function addSeveral(several: Several): Promise<void> {
  // Once, by a double click as well.
  if (several.busy) return;
  several.busy = true;
  const all = [...several.folders].filter(([, one]) => waits(one));
  for (const [, one] of all) one.fate = { kind: "busy" };
  for (const [path, one] of all) {
    drawSeveral(several);
    one.fate = await addOne(path);
  }
  several.busy = false;
  drawSeveral(several);
  const added = all.filter(([, one]) => one.fate.kind === "added").length;
  say(t("{added} of {all} folders were added.", { added, all: all.length }));
}

/** A box for marked folders, which is hidden as long as there are none. */
export function buildSeveral(redraw: () => void): Several {
  const box = document.createElement("div");
  box.className = "several";
  box.hidden = true;
  return { folders: new Map(), box, busy: false, redraw };
}

/** Forgets what was added, once the dialog is opened again. */
export function forgetAdded(several: Several): void {
  if (several.busy) return;
  for (const [path, { fate }] of several.folders) if (fate.kind !== "marked") several.folders.delete(path);
  drawSeveral(several);
}
