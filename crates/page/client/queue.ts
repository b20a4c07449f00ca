// Controls of the hub's queue above the prompt.

import { answered, exchange, isGood, send } from "./api";
import { byId, root } from "./dom";
import { addToDraft, area, insertText } from "./drafts";
import { hint } from "./hint";
import { t } from "./words";

interface Queued {
  prompts?: { id: string; text: string }[];
}

const idsOf = (list: Element): string[] =>
  [...list.querySelectorAll<HTMLElement>("li[data-k^='q:']")].map((item) => (item.dataset.k ?? "").slice(2));

/** The order with one prompt moved by one place. */
function moved(ids: string[], id: string, by: number): string[] {
  const at = ids.indexOf(id);
  const order = ids.filter((one) => one !== id);
  order.splice(at + by, 0, id);
  return order;
}

function editor(text: string): Promise<string | null> {
  byId("queued")?.remove();
  const dialog = document.createElement("dialog");
  dialog.id = "queued";
  dialog.ariaLabel = t("Edit a prompt of the queue");
  const form = document.createElement("form");
  form.method = "dialog";
  const label = document.createElement("label");
  label.textContent = t("Prompt");
  const field = document.createElement("textarea");
  field.value = text;
  field.rows = 8;
  field.dir = "auto";
  label.append(field);
  const row = document.createElement("div");
  row.className = "row";
  for (const [value, name] of [["save", "Save"], ["cancel", "Cancel"]] as const) {
    const button = document.createElement("button");
    button.value = value;
    button.textContent = t(name);
    if (value === "save") button.className = "main";
    row.append(button);
  }
  form.append(label, row);
  dialog.append(form);
  document.body.append(dialog);
  dialog.showModal();
  // Esc keeps what was written in sight until it is pressed once more.
  let warned = "";
  dialog.addEventListener("cancel", (event) => {
    if (field.value === text || field.value === warned) return;
    event.preventDefault();
    warned = field.value;
    hint("The prompt has changes. Esc once more drops them.");
  });
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "save" ? field.value : null);
    });
  });
}

async function edit(control: HTMLElement, url: string, id: string): Promise<void> {
  const { instance = "", session = "" } = root.dataset;
  const reply = await exchange("GET", url);
  if (!answered(control, reply)) return;
  const one = (reply.json as Queued).prompts?.find((prompt) => prompt.id === id);
  if (!one) return hint("This prompt is not in the queue any more.");
  const text = await editor(one.text);
  if (text === null || text === one.text) return;
  const changed = await exchange("PATCH", `${url}/${encodeURIComponent(id)}`, { text });
  if (!isGood(changed)) return keepWritten(instance, session, text);
  document.querySelector<HTMLElement>(`li[data-k="${CSS.escape(`q:${id}`)}"] [data-act=edit]`)?.focus();
}

/** Puts a text into the draft of its session: its prompt left the queue while the person wrote, or the hub did not answer. */
function keepWritten(instance: string, session: string, text: string): void {
  hint("The queued prompt was not changed. What you wrote is in the prompt of its session.");
  if (root.dataset.instance !== instance || root.dataset.session !== session) return addToDraft(instance, text, session);
  const field = area();
  if (!field) return;
  field.setSelectionRange(field.value.length, field.value.length);
  insertText(field.value === "" ? text : `\n${text}`);
}

/** Focuses a moved prompt's control again, once the hub has drawn the new order: moving an element takes its focus. */
function keepFocus(list: HTMLElement, id: string, act: string): void {
  const row = `li[data-k="${CSS.escape(`q:${id}`)}"]`;
  const watch = new MutationObserver(() => {
    watch.disconnect();
    const again = list.querySelector<HTMLElement>(`${row} [data-act=${act}]:enabled`) ?? list.querySelector<HTMLElement>(`${row} [data-act=edit]`);
    again?.focus();
  });
  watch.observe(list, { childList: true, subtree: true });
}

/** Runs the action of a control. */
export async function actOnQueue(control: HTMLElement): Promise<void> {
  const list = control.closest<HTMLElement>("[data-k=queue]");
  const { act, id = "" } = control.dataset;
  const url = list?.dataset.url;
  if (!list || url === undefined) return;
  const one = `${url}/${encodeURIComponent(id)}`;
  if (act === "continue") await send(control, "PATCH", url, { held: false });
  if (act === "up" || act === "down") keepFocus(list, id, act);
  if (act === "up" || act === "down") await send(control, "PATCH", url, { order: moved(idsOf(list), id, act === "up" ? -1 : 1) });
  if (act === "remove" && (await send(control, "DELETE", one))) byId("text")?.focus();
  if (act === "send" && control.ariaBusy !== "true") {
    // The second press of a double click finds it on its way.
    control.ariaBusy = "true";
    await send(control, "POST", `${one}/send`, {});
    control.ariaBusy = null;
  }
  if (act === "edit") await edit(control, url, id);
}
