// Answers to agents' requests. The answer is the one visibly chosen at submit; allowing is never a default.

import { complain } from "./api";
import { hint } from "./hint";
import { allKept, keep } from "./outbox";
import { noteAnswer } from "./places";
import { stir, whyNotGranted } from "./steady";
import { t } from "./words";

export const tooMany = "The queue in this browser is full. Wait until some of it is sent, or discard an entry.";

/** Labels of a reply before and after it is sent. */
export const replies: Record<string, [string, string]> = {
  once: ["Allow once", "Allowed once"],
  always: ["Always allow", "Always allowed"],
  reject: ["Reject", "Rejected by you"],
  answer: ["Answer", "Answered by you"],
};

/** What an answer is for: a card's form, or a line of a card for equal requests. */
type Asking = HTMLFormElement | HTMLInputElement;

export function isAnswered({ dataset }: Asking): boolean {
  return allKept().some((kept) => kept.url === dataset.url && kept.state === "waiting");
}

/** When the line of a request was answered. Between the hub's reply and the line's end another press is no other answer. */
const answeredAt = new Map<string, number>();
const answerHolds = 5_000;

/** What a form's answer is for: each request that is ticked, in a card for equal ones. */
function requestsOf(form: HTMLFormElement): Asking[] {
  if (form.dataset.group === undefined) return [form];
  const ticked = [...form.querySelectorAll<HTMLInputElement>("input:checked")];
  if (ticked.length === 0) hint("No request is ticked.");
  const isNew = (url = ""): boolean => performance.now() - (answeredAt.get(url) ?? -Infinity) > answerHolds;
  return ticked.filter((one) => !isAnswered(one) && isNew(one.dataset.url));
}

/** Sends an answer. With `grants` it names the content that was read. */
export function answer(form: HTMLFormElement, body: Record<string, unknown>, inShort: string, done: string, grants = false): void {
  let isFull = false;
  for (const one of requestsOf(form)) {
    const { url, fingerprint, title } = one.dataset;
    if (url === undefined) continue;
    const instance = decodeURIComponent(url.split("/")[3] ?? "");
    noteAnswer(url, done);
    if (one !== form) {
      answeredAt.set(url, performance.now());
      noteAnswer(form.dataset.url ?? "", done);
    }
    const text = title === undefined ? t(inShort) : `${t(inShort)}, ${title}`;
    isFull = !keep({ kind: "answer", instance, url, body: grants ? { ...body, fingerprint } : body, text }) || isFull;
  }
  complain(form, isFull ? tooMany : "");
  stir();
}

/** Answers a permission request. A form that was sent without a button, as by Enter, rejects with what was written, if anything. */
export function answerPermission(form: HTMLFormElement, pressed: string): void {
  const message = String(new FormData(form).get("message") ?? "").trim();
  if (isAnswered(form) || (pressed === "" && message === "")) return;
  const reply = pressed === "" ? "reject" : pressed;
  const [inShort, done] = replies[reply] ?? [reply, reply];
  if (reply === "reject") return answer(form, message === "" ? { reply } : { reply, message }, inShort, done);
  const card = form.closest<HTMLElement>("li.card");
  const { fingerprint } = form.dataset;
  // Each request is named with its own content.
  const why = card && fingerprint !== undefined ? whyNotGranted(card) : "This request cannot be allowed from here.";
  if (why !== null) return hint(why);
  answer(form, { reply }, inShort, done, true);
}
