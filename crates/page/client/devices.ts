// Devices that may come in, and the code that lets another one in.

import { complain, exchange, inWords, isGood, type Problem } from "./api";
import { confirmed } from "./dialogs";
import { byId, parse, say } from "./dom";
import { hint } from "./hint";
import { t } from "./words";

/** Fetches a dialog, and opens it in place of the one before. */
export async function openFetched(id: string): Promise<HTMLDialogElement | null> {
  // Who may come in is shown to the page itself, and not to whoever has its cookie alone.
  const headers = { "x-drovers-proof": localStorage.getItem("proof") ?? "" };
  const answer = await fetch(`/fragment/${id}`, { headers }).catch(() => null);
  if (!answer) {
    hint("Drovers did not answer. Try again.");
    return null;
  }
  const text = await answer.text();
  if (!answer.ok) {
    hint(inWords(JSON.parse(text) as Problem, answer.status));
    return null;
  }
  const dialog = parse(text);
  if (!(dialog instanceof HTMLDialogElement)) return null;
  byId<HTMLDialogElement>(id)?.remove();
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Revokes what a button is beside of. */
export async function revoke(dialog: HTMLDialogElement, button: HTMLButtonElement): Promise<void> {
  if (button.ariaBusy === "true") return;
  const ask = t("{what}? What came in by it is out at once, and stays out.", { what: button.ariaLabel ?? t("Revoke") });
  if (!(await confirmed(ask, "Revoke", "Keep"))) return;
  button.ariaBusy = "true";
  const reply = await exchange("DELETE", button.dataset.url ?? "");
  button.ariaBusy = null;
  if (!isGood(reply) && reply.status !== 404) {
    return complain(dialog, reply.status === 0 ? "Drovers did not answer. Try again." : inWords(reply.json, reply.status));
  }
  button.closest("li")?.remove();
  // On nothing that the next Enter would press.
  const heading = dialog.querySelector<HTMLElement>("h2");
  if (heading) heading.tabIndex = -1;
  heading?.focus();
  say("Revoked");
}

/** Opens the list of devices. */
export async function openDevices(): Promise<void> {
  const dialog = await openFetched("devices");
  dialog?.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest<HTMLButtonElement>("[data-act]") : null;
    if (button?.dataset.act === "revoke") void revoke(dialog, button);
    if (button?.dataset.act !== "pair") return;
    dialog.close();
    void openPairing("/");
  });
}

/** The modules of a QR code as one path: a square for each dark one. */
function squares(code: string[]): string {
  const dark = code.flatMap((row, y) => [...row].map((sign, x) => (sign === "1" ? `M${x} ${y}h1v1h-1z` : "")));
  return dark.join("");
}

/** Asks for a link that leads to a page of the hub, and draws it. */
async function pair(dialog: HTMLDialogElement, page: string): Promise<void> {
  const value = (name: string): string | undefined => dialog.querySelector<HTMLSelectElement>(`[name=${name}]`)?.value;
  const roles = value("roles")?.split(",") ?? [];
  const reply = await exchange("POST", "/api/pairings", { roles, page, at: value("at") });
  const { link, code } = reply.json as { link?: string; code?: string[] };
  const [field, image] = [byId<HTMLInputElement>("pair-link"), dialog.querySelector("#pair-code")];
  if (!isGood(reply) || link === undefined || !code || !field || !image) {
    return complain(dialog, reply.status === 0 ? "Drovers did not answer. Try again." : inWords(reply.json, reply.status));
  }
  complain(dialog, "");
  field.value = link;
  // With the quiet zone that readers need.
  image.setAttribute("viewBox", `-4 -4 ${code.length + 8} ${code.length + 8}`);
  image.querySelector("path")?.setAttribute("d", squares(code));
  say(t("The code is ready."));
}

/** Opens the dialog with the code of a link that leads to a page of the hub. */
export async function openPairing(page: string): Promise<void> {
  const dialog = await openFetched("pair");
  if (!dialog?.querySelector("#pair-code")) return;
  dialog.addEventListener("change", () => void pair(dialog, page));
  // Enter in the field of the link sends nothing.
  dialog.querySelector("form:not([method])")?.addEventListener("submit", (event) => event.preventDefault());
  byId<HTMLInputElement>("pair-link")?.addEventListener("focus", ({ target }) => (target as HTMLInputElement).select());
  await pair(dialog, page);
}
