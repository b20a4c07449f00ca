// Dialogs and sheets, and the commands behind them.

import { send } from "./api";
import { byId } from "./dom";
import { later } from "./later";
import { go } from "./navigate";
import { stir } from "./steady";
import { t } from "./words";

export function openDialog(id: string): void {
  const dialog = byId<HTMLDialogElement>(id);
  if (!dialog || dialog.open) return;
  const filled = id === "add" ? later("forms").then((own) => own.browseFolders(dialog)) : id === "help" ? later("palette").then((own) => own.listKeys()) : null;
  if (!filled) return dialog.showModal();
  void filled.then(() => {
    if (!dialog.open) dialog.showModal();
  });
}

/** What had the focus before a sheet was opened. */
let behindSheet: HTMLElement | null = null;

/** Opens a sheet, which gets the focus, or closes it and gives the focus back; on wide screens both sides are always there. */
export function sheet(side?: string): void {
  const { sheet: open } = document.body.dataset;
  if (side === undefined || open === side) {
    const inside = open !== undefined && byId(open)?.contains(document.activeElement) === true;
    delete document.body.dataset.sheet;
    if (inside) behindSheet?.focus();
    return;
  }
  document.body.dataset.sheet = side;
  if (!isSheet(side)) return;
  behindSheet = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  byId(side)?.querySelector<HTMLElement>(":scope > .shut")?.focus();
}

/** True if a side of the page is a sheet, as the screen is too narrow for a pane. */
export const isSheet = (side: string): boolean => matchMedia(`(max-width: ${side === "left" ? 820 : 1180}px)`).matches;

/** Folds a pane, or unfolds it. */
export const foldPane = (side: string): Promise<void> => later("desk").then((own) => own.foldSide(side));

/**
 * Shows a confirmation dialog; resolves to true if the person confirms. While one is open, another question is answered with no at
 * once: one press confirms one thing.
 */
export async function confirmed(text: string, yes: string, no: string): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>("confirm");
  const line = byId("confirm-text");
  if (!dialog || !line || dialog.open) return false;
  line.textContent = t(text);
  for (const [value, label] of Object.entries({ yes, no })) {
    const button = dialog.querySelector(`button[value=${value}]`);
    if (button) button.textContent = t(label);
  }
  dialog.returnValue = "no";
  dialog.showModal();
  // Enter cancels: confirming takes a deliberate press.
  dialog.querySelector<HTMLElement>("button[value=no]")?.focus();
  stir();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  return dialog.returnValue === "yes";
}

/** Removes an instance; asks for confirmation if work would end with it. */
export async function remove(button: HTMLElement): Promise<void> {
  const { url, ask, home } = button.dataset;
  if (url === undefined || (ask !== undefined && !(await confirmed(ask, "Remove", "Keep")))) return;
  const done = await send(button, "DELETE", url);
  if (done && home !== undefined) await go(home);
}
