// Prompt history of the session: ArrowUp in an empty prompt, newest first.

import { area } from "./drafts";
import { promptText } from "./prompt";

let nth = -1;
let recalled = "";

/** Handles a key of the history. Returns true if it did. */
export function keyOfRecall(event: KeyboardEvent): boolean {
  const field = area();
  const by = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
  if (!field || by === 0 || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return false;
  const untouched = nth >= 0 && field.value === recalled;
  if (!untouched) nth = -1;
  if (!untouched && (by < 0 || field.value !== "")) return false;
  const prompts = [...document.querySelectorAll("article[data-role=user]")].filter((one) => one.querySelector(".said")).reverse();
  if (nth + by >= prompts.length) return true;
  nth += by;
  void recall(field, prompts[nth]);
  return true;
}

async function recall(field: HTMLTextAreaElement, prompt: Element | undefined): Promise<void> {
  const [mine, before] = [nth, field.value];
  const text = prompt ? await promptText(prompt) : "";
  if (mine !== nth || field.value !== before) return;
  recalled = text;
  field.value = text;
  field.setSelectionRange(text.length, text.length);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
