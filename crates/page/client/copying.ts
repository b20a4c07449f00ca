// Copies code, and commands that a card names. It works while the hub is away.

import { say } from "./dom";
import { hint } from "./hint";
import { t } from "./words";

export async function copy(button: HTMLElement): Promise<void> {
  const { text } = button.dataset;
  if (text !== undefined) {
    await navigator.clipboard.writeText(text);
    return hint(t("Copied: {text}", { text }));
  }
  const code = button.closest(".code")?.querySelector("pre")?.textContent ?? "";
  const block = button.closest<HTMLElement>("[data-k]");
  await navigator.clipboard.writeText(code);
  say("Copied");
  block?.classList.add("copied");
  setTimeout(() => block?.classList.remove("copied"), 1500);
}
