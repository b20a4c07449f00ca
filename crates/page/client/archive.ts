// The archive at the end of the tree: its rows are fetched when it is opened, and go back to the tree by *Restore*.

import { exchange, inWords, isGood } from "./api";
import { tick } from "./clock";
import { parse, say } from "./dom";
import { hint } from "./hint";
import { t } from "./words";

/** The archive whose rows are on the page: its address and its count. */
let fetched = "";

/** Fetches the rows of an archive that is open, where it changed. */
export async function showArchive(): Promise<void> {
  const archive = document.querySelector<HTMLDetailsElement>("details.archived");
  const { url = "", count = "" } = archive?.dataset ?? {};
  const as = `${url} ${count}`;
  if (!archive?.open || archive.hidden || as === fetched) return;
  fetched = as;
  const answer = await fetch(url).catch(() => null);
  const rows = answer?.ok === true ? parse(await answer.text()) : null;
  if (as !== fetched) return;
  if (!rows) {
    fetched = "";
    archive.open = false;
    return hint("The archive could not be read. Open it again.");
  }
  archive.querySelector("[data-k=archived-list]")?.replaceChildren(rows);
  tick();
}

async function restore(button: HTMLButtonElement): Promise<void> {
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  const title = button.parentElement?.querySelector(".name")?.textContent ?? "";
  const reply = await exchange("PATCH", button.dataset.restore ?? "", { time: { archived: 0 } });
  button.ariaBusy = null;
  const why = reply.status === 0 ? t("Drovers did not answer. Try again.") : inWords(reply.json, reply.status);
  const said = isGood(reply) ? t("Restored “{title}”. It is in the list again.", { title }) : t("“{title}” was not restored: {why}", { title, why });
  hint(said);
  say(said);
  if (!isGood(reply)) return;
  const row = button.closest("li");
  const next = (row?.nextElementSibling ?? row?.previousElementSibling)?.querySelector("button");
  const focused = document.activeElement === button;
  row?.remove();
  if (focused) (next ?? document.querySelector<HTMLElement>(".archived > summary"))?.focus();
}

/** Begins. */
export function watchArchive(): void {
  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (!(target instanceof HTMLDetailsElement) || !target.matches(".archived")) return;
      fetched = "";
      void showArchive();
    },
    true,
  );
  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest<HTMLButtonElement>("button[data-restore]") : null;
    if (button) void restore(button);
  });
}
