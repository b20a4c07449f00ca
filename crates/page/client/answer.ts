// Answers to what agents ask. What is sent is what is shown as chosen when it is sent, and allowing is never a default.

import { complain } from "./api";
import { hint } from "./hint";
import { allKept, keep } from "./outbox";
import { noteAnswer } from "./places";
import { stir, whyNotGranted } from "./steady";

export const tooMany = "This browser keeps no more that waits to be sent. Let some of it be sent, or discard it.";

/** What a reply is called before it is sent, and after. */
const replies: Record<string, [string, string]> = {
  once: ["Allow once", "Allowed once"],
  always: ["Always allow", "Always allowed"],
  reject: ["Reject", "Rejected by you"],
  answer: ["Answer", "Answered by you"],
};

function isAnswered(form: HTMLFormElement): boolean {
  return allKept().some((kept) => kept.url === form.dataset.url && kept.state === "waiting");
}

function answer(form: HTMLFormElement, body: Record<string, unknown>, inShort: string, done: string): void {
  const { url } = form.dataset;
  const instance = decodeURIComponent(url?.split("/")[3] ?? "");
  if (url === undefined) return;
  noteAnswer(url, done);
  complain(form, keep({ kind: "answer", instance, url, body, text: inShort }) ? "" : tooMany);
  stir();
}

/** Answers a request for leave. A form that was sent without a button, as by Enter, rejects with what was written, if anything. */
export function answerPermission(form: HTMLFormElement, pressed: string): void {
  const message = String(new FormData(form).get("message") ?? "").trim();
  if (isAnswered(form) || (pressed === "" && message === "")) return;
  const reply = pressed === "" ? "reject" : pressed;
  const [inShort, done] = replies[reply] ?? [reply, reply];
  if (reply === "reject") return answer(form, message === "" ? { reply } : { reply, message }, inShort, done);
  const card = form.closest<HTMLElement>("li.card");
  const { fingerprint } = form.dataset;
  const why = card && fingerprint !== undefined ? whyNotGranted(card) : "This request cannot be allowed from here.";
  if (why !== null) return hint(why);
  answer(form, { reply, fingerprint }, inShort, done);
}

/** The answers to one thing asked, as they are marked; a sentence if there is none yet. */
function marks(item: HTMLFieldSetElement): string[] | string {
  const own = item.querySelector<HTMLInputElement>("input[type=text]");
  const chosen = [...item.querySelectorAll<HTMLInputElement>("input:checked")];
  // Where nothing is on offer, what is written is the answer.
  const ownChosen = own !== null && chosen.some((input) => input.dataset.own !== undefined);
  const written = own?.value.trim() ?? "";
  const isOnly = item.querySelector("input:not([type=text])") === null;
  if ((ownChosen || isOnly) && written === "") return "Write your own answer, or choose another one.";
  const picked = chosen.flatMap((input) => (input.dataset.label === undefined ? [] : [String(JSON.parse(input.dataset.label))]));
  const all = ownChosen || isOnly ? [...picked, written] : picked;
  return all.length > 0 ? all : "Choose or write an answer to each question.";
}

export function answerQuestion(form: HTMLFormElement, pressed: string): void {
  if (isAnswered(form)) return;
  const [inShort, done] = replies[pressed === "reject" ? "reject" : "answer"] ?? ["", ""];
  if (pressed === "reject") return answer(form, { reject: true }, inShort, done);
  const answers: string[][] = [];
  for (const item of form.querySelectorAll("fieldset")) {
    const marked = marks(item);
    if (typeof marked === "string") return complain(form, marked);
    answers.push(marked);
  }
  answer(form, { answers }, `${inShort} ${answers.flat().join(", ")}`, done);
}

/** Writing an answer of one's own chooses it; writing none any more lets go of it. */
export function chooseOwn(field: HTMLInputElement): void {
  const own = field.closest("fieldset")?.querySelector<HTMLInputElement>("input[data-own]");
  if (own) own.checked = field.value.trim() !== "";
}
