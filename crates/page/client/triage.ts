// Digits, while a question waits below the conversation: they choose its options, unless the focus is in the lists beside it.

import { later } from "./later";

function onTriageKey(event: KeyboardEvent): void {
  const { target } = event;
  if (event.metaKey || event.ctrlKey || event.altKey || event.isComposing || event.repeat) return;
  if (!(target instanceof Element) || document.querySelector("dialog[open]")) return;
  // In a list they are those of instances.
  if (target.closest("#left, .top")) return;
  if (target.matches("textarea, select, input:not([type=radio], [type=checkbox])")) return;
  if (!/^[1-9]$/.test(event.key) || !document.querySelector(".asks form[data-do=question]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  void later("sort").then((own) => own.chooseOption(event));
}

/** Begins. */
export const watchTriage = (): void => document.addEventListener("keydown", onTriageKey);
