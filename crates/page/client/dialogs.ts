// Dialogs and sheets, and the commands behind them.

import { answered, complain, exchange, type Problem, type Reply, send } from "./api";
import { byId } from "./dom";
import { go } from "./navigate";
import { stir } from "./steady";

export function openDialog(id: string): void {
  const dialog = byId<HTMLDialogElement>(id);
  if (dialog && !dialog.open) dialog.showModal();
}

/** Opens a sheet, or closes it; on wide screens both sides are always there. */
export function sheet(side?: string): void {
  if (side === undefined || document.body.dataset.sheet === side) delete document.body.dataset.sheet;
  else document.body.dataset.sheet = side;
}

/** Asks; true once a person said yes by an act of its own. */
export async function confirmed(text: string, yes: string, no: string): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>("confirm");
  const line = byId("confirm-text");
  if (!dialog || !line) return false;
  line.textContent = text;
  for (const [value, label] of Object.entries({ yes, no })) {
    const button = dialog.querySelector(`button[value=${value}]`);
    if (button) button.textContent = label;
  }
  dialog.returnValue = "no";
  dialog.showModal();
  // Enter says no: yes is said by an act of its own.
  dialog.querySelector<HTMLElement>("button[value=no]")?.focus();
  stir();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  return dialog.returnValue === "yes";
}

/** Removes an instance; asks first if work would end with it. */
export async function remove(button: HTMLElement): Promise<void> {
  const { url, ask, home } = button.dataset;
  if (url === undefined || (ask !== undefined && !(await confirmed(ask, "Remove", "Keep")))) return;
  const done = await send(button, "DELETE", url);
  if (done && home !== undefined) await go(home);
}

/** Lets everything go on that was interrupted, and says what could not. */
export async function continueAll(button: HTMLElement): Promise<void> {
  const { ask } = button.dataset;
  if (ask === undefined || !(await confirmed(ask, "Continue", "Cancel"))) return;
  const told = await send(button, "POST", "/api/continue", {});
  const [continued, failed] = [told?.continued, told?.failed];
  if (!Array.isArray(continued) || !Array.isArray(failed) || failed.length === 0) return;
  const problems = (failed as { problem: Problem }[]).map(({ problem }) => problem.detail ?? problem.title);
  complain(button, `${continued.length} go on. ${failed.length} could not: ${[...new Set(problems)].join("; ")}`);
}

/** True of a folder that nobody has trusted yet. */
const untrusted = ({ json }: Reply): boolean => json.type === "urn:drovers:problem:untrusted-folder";

/** What a person is told of a server that is there already, under another of this machine's names than they gave. */
function otherName(instance: Record<string, unknown>, asked: string | undefined): string {
  const { url, name } = instance;
  if (typeof url !== "string" || asked === undefined) return "";
  const bare = (address: string): string => address.replace(/\/+$/, "").toLowerCase();
  return bare(url) === bare(asked) ? "" : `This server is there already, as ${String(name)} (${bare(url)}).`;
}

async function add(at: Element, body: Record<string, string>): Promise<boolean> {
  complain(at, "");
  let reply = await exchange("POST", "/api/instances", body);
  if (untrusted(reply)) {
    if (!(await confirmed(`${(reply.json as Problem).detail ?? ""}. Trust it, now and later?`, "Trust", "Cancel"))) return false;
    reply = await exchange("POST", "/api/instances", { ...body, trust: true });
  }
  const instance = answered(at, reply);
  if (typeof instance?.id !== "string") return false;
  await go(`/i/${encodeURIComponent(instance.id)}`);
  const known = reply.status === 200 ? otherName(instance, body.url) : "";
  if (known !== "") complain(at, known, true);
  return known === "";
}

export async function openFolder(button: HTMLElement): Promise<void> {
  const { folder, server } = button.dataset;
  await add(button, server === undefined ? { folder: folder ?? "" } : { url: server });
}

/** Gives a server another login. */
export async function login(form: HTMLFormElement): Promise<void> {
  const data = new FormData(form);
  const [username, password] = ["username", "password"].map((name) => String(data.get(name) ?? ""));
  const given = username === "" ? { password } : { username, password };
  if (await send(form, "POST", "/api/instances", { url: form.dataset.server ?? "", ...given })) form.reset();
}

export async function addFrom(form: HTMLFormElement): Promise<void> {
  const data = new FormData(form);
  const field = (name: string): string => String(data.get(name) ?? "").trim();
  const typed = field("place");
  // `host:port` is how people write a server's address; no folder is.
  const place = /^(\[[0-9a-f:]+\]|[\w.-]+):\d+$/i.test(typed) ? `http://${typed}` : typed;
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(place);
  const body: Record<string, string> = url ? { url: place } : { folder: place };
  for (const name of url ? ["name", "username", "password"] : ["name"]) {
    if (field(name) !== "") body[name] = field(name);
  }
  if (!(await add(form, body))) return;
  form.reset();
  form.closest("dialog")?.close();
}
