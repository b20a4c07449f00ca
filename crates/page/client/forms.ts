// Commands of forms and dialogs that are seldom used: instances that are added, logins, what goes on after an interruption, and stopping
// everything.

import { answered, complain, exchange, inWords, isGood, type Problem, type Reply, send } from "./api";
import { confirmed } from "./dialogs";
import { say } from "./dom";
import { hint } from "./hint";
import { later } from "./later";
import { go } from "./navigate";
import { fetchElement } from "./patch";
import { t, tn } from "./words";

export async function showWhole(link: HTMLElement): Promise<void> {
  const part = link.closest("[data-k^='p:']");
  const fresh = link instanceof HTMLAnchorElement ? await fetchElement(link.href) : null;
  if (!part || !fresh) return;
  // The row of a subagent has its link beside it.
  const rowOf = (one: Element): Element => one.querySelector(":scope > .tool") ?? one;
  rowOf(fresh).toggleAttribute("open", rowOf(part).hasAttribute("open"));
  part.replaceWith(fresh);
}

/** Continues all interrupted sessions and reports the failures. */
export async function continueAll(button: HTMLElement): Promise<void> {
  const { ask } = button.dataset;
  if (ask === undefined || !(await confirmed(ask, "Continue", "Cancel"))) return;
  const told = await send(button, "POST", "/api/continue", {});
  const [continued, failed] = [told?.continued, told?.failed];
  if (!Array.isArray(continued) || !Array.isArray(failed) || failed.length === 0) return;
  const problems = (failed as { problem: Problem }[]).map(({ problem }) => problem.detail ?? problem.title);
  complain(button, t("{continued} continued. {failed} failed: {why}", { continued: continued.length, failed: failed.length, why: [...new Set(problems)].join("; ") }));
}

/** True of a folder that nobody has trusted yet. */
const untrusted = ({ json }: Reply): boolean => json.type === "urn:drovers:problem:untrusted-folder";

/** Message for a server that is already added under another name of this machine. */
function otherName(instance: Record<string, unknown>, asked: string | undefined): string {
  const { url, name } = instance;
  if (typeof url !== "string" || asked === undefined) return "";
  const bare = (address: string): string => address.replace(/\/+$/, "").toLowerCase();
  return bare(url) === bare(asked) ? "" : t("This server is already added as {name} ({url}).", { name: String(name), url: bare(url) });
}

async function add(at: Element, body: { url?: string; folder?: string; service?: true }): Promise<boolean> {
  complain(at, "");
  let reply = await exchange("POST", "/api/instances", body);
  if (untrusted(reply)) {
    if (!(await confirmed(`${(reply.json as Problem).detail ?? ""}. ${t("Trust this folder from now on?")}`, "Trust", "Cancel"))) return false;
    reply = await exchange("POST", "/api/instances", { ...body, trust: true });
  }
  const instance = answered(at, reply);
  if (typeof instance?.id !== "string") return false;
  // The service of OpenCode 2 works in all folders: this one is offered to the first session.
  if (typeof instance.serves === "string") localStorage.setItem(`place:${instance.id}`, instance.serves);
  await go(`/i/${encodeURIComponent(instance.id)}`);
  const known = reply.status === 200 ? otherName(instance, body.url) : "";
  if (known !== "") complain(at, known, true);
  return known === "";
}

/** Shows folders in the dialog that adds an instance. */
export const browseFolders = (dialog: HTMLElement): Promise<void> => later("folders").then((own) => own.listFolders(dialog));

export async function openFolder(button: HTMLElement): Promise<void> {
  const { folder, server, service } = button.dataset;
  await add(button, service !== undefined ? { service: true } : server === undefined ? { folder: folder ?? "" } : { url: server });
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

/** Stops every run of every instance, after asking. */
export async function stopEverything(): Promise<void> {
  const ask = "Stop everything? All running sessions are stopped, queued prompts are held, and open requests are rejected.";
  if (!(await confirmed(ask, "Stop everything", "Cancel"))) return;
  const reply = await exchange("POST", "/api/stop", {});
  const { failed } = reply.json;
  const left = Array.isArray(failed) ? failed.length : 0;
  const stopped = left === 0 ? t("Everything was stopped.") : tn(left, "Everything was stopped but {n} session, which did not confirm it. It stays marked as stopped.", "Everything was stopped but {n} sessions, which did not confirm it. They stay marked as stopped.");
  if (!isGood(reply) || left > 0) {
    const text = isGood(reply) ? stopped : inWords(reply.json, reply.status);
    return later("session").then((own) => own.note({ text, bad: true }));
  }
  say(stopped);
  hint(stopped);
}
