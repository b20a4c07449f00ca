// Sorting what needs a person: done and its undo, snooze, reject with a reason, always, options of a question. Loaded when a key or
// a button asks for it.

import { complain, exchange, inWords, isGood } from "./api";
import { answer, isAnswered, replies } from "./answer";
import { now } from "./clock";
import { confirmed, openDialog } from "./dialogs";
import { byId, focusCard, root } from "./dom";
import { hint } from "./hint";
import { later } from "./later";
import { noteAnswer } from "./places";
import { isTooEarly } from "./presses";
import { allowable } from "./steady";
import { t } from "./words";

/** A session that is sorted, and its card if it has one. */
interface Target {
  url: string;
  title: string;
  /** Why it cannot be done yet, where its row says so. */
  why?: string;
  card?: HTMLElement | undefined;
}

/** Target of a card: a link has none. */
function targetOf(card: HTMLElement): Target | null {
  const { triage, title = t("This session") } = card.dataset;
  return triage === undefined ? null : { url: triage, title, card };
}

/** The session that a key is for: that of the card with the focus, the row under the cursor of the overview, else the one in front. */
function triaged(control?: HTMLElement): Target | null {
  const focused = control ?? document.activeElement;
  const card = focused?.closest<HTMLElement>("li.card");
  if (card) return targetOf(card);
  const row = focused instanceof HTMLAnchorElement && focused.dataset.peek !== undefined ? focused : null;
  const parts = row ? row.pathname.split("/") : [];
  const instance = row ? parts[2] : encodeURIComponent(root.dataset.instance ?? "");
  const session = row ? parts[4] : encodeURIComponent(root.dataset.session ?? "");
  if (!instance || !session) return null;
  const title = row?.querySelector(".name")?.textContent ?? document.querySelector<HTMLElement>("[data-k=head]")?.dataset.title;
  const mark = row?.querySelector(".mark")?.classList;
  const why = mark?.contains("need") ? "This request waits for an answer. s snoozes it." : mark?.contains("work") ? "This session works: there is nothing to review yet." : undefined;
  return { url: `/api/instances/${instance}/sessions/${session}`, title: title ?? t("This session"), ...(why === undefined ? {} : { why }) };
}

/** Says why a key found nothing to sort. */
function noTarget(): void {
  const card = document.activeElement?.closest("li.card");
  hint(card ? "This is a server, no session. It stays here until it is connected." : "No session is selected. Press j to select one.");
}

/** Puts the focus on the card after one that is sorted, so that the next key is for that. */
function focusNext(card: HTMLElement | undefined): void {
  if (!card?.contains(document.activeElement)) return;
  const next = [card.nextElementSibling, card.previousElementSibling].find((one) => one?.matches("li.card"));
  if (next instanceof HTMLElement) focusCard(next);
}

/** Sessions that were marked as done here, newest last. */
const doneHere: Target[] = [];
/** How many of them can be taken back. */
const mostDone = 50;
/** Sessions that are marked as done at present, or just were: a double click marks one once. */
const markingDone = new Set<string>();
/** How long after an answer a press still belongs to the one before, in milliseconds. */
const doubled = 600;

async function ask(method: string, url: string, done: string | undefined, body?: unknown): Promise<boolean> {
  const reply = await exchange(method, url, body);
  hint(isGood(reply) ? done : reply.status === 0 ? "Drovers did not answer. Try again." : inWords(reply.json, reply.status));
  return isGood(reply);
}

export async function markDone(control?: HTMLElement): Promise<void> {
  const target = triaged(control);
  if (!target) return noTarget();
  if (target.card?.dataset.asks !== undefined) return hint("This request waits for an answer. s snoozes it.");
  if (target.why !== undefined) return hint(target.why);
  if (markingDone.has(target.url)) return;
  markingDone.add(target.url);
  const { title } = target;
  // Without a keyboard a button takes it back.
  const isTouched = matchMedia("(pointer: coarse)").matches;
  const marked = await ask("POST", `${target.url}/reviewed`, isTouched ? undefined : t("“{title}” is done. u takes that back.", { title }), { done: true });
  if (marked && isTouched) void later("session").then((own) => own.note({ text: t("“{title}” is done.", { title }), undo: () => undoDone(target) }));
  setTimeout(() => markingDone.delete(target.url), doubled);
  if (!marked) return;
  focusNext(target.card);
  doneHere.push(target);
  if (doneHere.length > mostDone) doneHere.shift();
}

/** Takes back that a session is done: the one that is named, else the last one that was marked here. */
export async function undoDone(target = doneHere.at(-1)): Promise<void> {
  if (!target) return hint("Nothing was marked as done here.");
  const at = doneHere.indexOf(target);
  if (at >= 0) doneHere.splice(at, 1);
  markingDone.delete(target.url);
  if (!(await ask("DELETE", `${target.url}/reviewed`, t("“{title}” is not done any more.", { title: target.title })))) doneHere.push(target);
}

/** Presses what the card with the focus is resumed by: its *Retry*, *Continue*, *Restart* or *Answer*. */
export function resumeFocused(): void {
  const button = document.activeElement?.closest("li.card")?.querySelector<HTMLElement>("[data-resume]");
  if (button && !button.matches(":disabled")) return button.click();
  hint(button ? "The server is unreachable." : "This card has nothing to retry or continue.");
}

let snoozing: Target | null = null;

export function openSnooze(control?: HTMLElement): void {
  snoozing = triaged(control);
  if (!snoozing) return noTarget();
  const line = byId("snooze-title");
  if (line) line.textContent = t("Snooze “{title}”", { title: snoozing.title });
  openDialog("snooze");
}

/** Eight in the morning of the next day, by this device's clock. */
function tomorrow(): number {
  const day = new Date(now());
  day.setDate(day.getDate() + 1);
  return day.setHours(8, 0, 0, 0);
}

/** Puts a session off for as many minutes as a button says, or until tomorrow. */
export async function snooze(button: HTMLElement): Promise<void> {
  const { minutes } = button.dataset;
  const dialog = button.closest("dialog");
  // Of a double click the second press finds it closed.
  if (!snoozing || dialog?.open === false) return;
  dialog?.close();
  if (minutes !== "0") focusNext(snoozing.card);
  if (minutes !== "0") snoozing.card?.querySelectorAll<HTMLElement>("form[data-url]").forEach((form) => noteAnswer(form.dataset.url ?? "", "Snoozed"));
  const until = minutes === "tomorrow" ? tomorrow() : now() + Number(minutes) * 60_000;
  if (minutes === "0") await ask("DELETE", `${snoozing.url}/snooze`, t("“{title}” is shown again.", { title: snoozing.title }));
  else await ask("POST", `${snoozing.url}/snooze`, t("“{title}” is snoozed.", { title: snoozing.title }), { until });
}

/** Allows what a request was read to be, and what its *Always* covers, after a person confirmed that. */
function grantAlways(form: HTMLFormElement, fingerprint: string): void {
  if (!isAnswered(form)) answer(form, { reply: "always", fingerprint }, "Always allow", "Always allowed");
}

/** Rejects a request, with a reason if there is one. */
function rejectRequest(form: HTMLFormElement, message: string): void {
  if (!isAnswered(form)) answer(form, message === "" ? { reply: "reject" } : { reply: "reject", message }, "Reject", "Rejected by you");
}

let rejecting: HTMLFormElement | null = null;

/** Opens the dialog that rejects the request with the focus, else the marked one, else the first: a rejection needs no reading to the end. */
export function openReject(): void {
  const focused = document.activeElement?.closest("li.card");
  const own = focused?.querySelector<HTMLFormElement>("form[data-do=permission]");
  if (focused && !own) return hint(focused.querySelector("form[data-do=question]") ? "Press Reject to reject this question." : "This card has no request to reject.");
  rejecting =
    own ??
    document.querySelector<HTMLFormElement>(".card[data-marked] form[data-do=permission]") ??
    document.querySelector<HTMLFormElement>(".asks form[data-do=permission], .needs form[data-do=permission]");
  if (!rejecting) return hint("No request waits.");
  const line = byId("reject-what");
  const from = rejecting.querySelector(".from a")?.textContent ?? "";
  if (line) line.textContent = `${rejecting.querySelector(".what")?.textContent?.trim() ?? ""}: ${from}`;
  openDialog("reject");
}

/** Rejects the request for which the dialog was opened, with the reason that was written. */
export function sendReject(form: HTMLFormElement): void {
  const message = String(new FormData(form).get("message") ?? "").trim();
  form.reset();
  form.closest("dialog")?.close();
  if (rejecting) rejectRequest(rejecting, message);
  rejecting = null;
}

/** The request that a key is for: the one that is marked. */
function markedForm(at: number): HTMLFormElement | null {
  const card = allowable(at);
  if (typeof card !== "string") return card.querySelector<HTMLFormElement>("form[data-do=permission]");
  hint(card);
  return null;
}

export async function allowAlways({ timeStamp }: KeyboardEvent): Promise<void> {
  const form = markedForm(timeStamp);
  const { fingerprint } = form?.dataset ?? {};
  if (!form || fingerprint === undefined) return;
  const covers = form.querySelector(".covers")?.textContent;
  if (!covers) return hint("This request can be allowed once only.");
  const what = form.querySelector(".what")?.textContent?.trim() ?? "";
  if (await confirmed(`${what}. ${covers}`, "Allow always", "Cancel")) grantAlways(form, fingerprint);
}

/** How long after a digit chose an option the same digit may send the answer, in milliseconds: a double press only chooses. */
const sendAfter = 400;

/** The option that a digit chose last, and when. */
let picked: { option: HTMLInputElement; at: number } | null = null;

/** Whether a question's conditions on earlier answers hold. */
function isAsked({ dataset: { when, on, starts } }: HTMLFieldSetElement): boolean {
  return when === undefined || (on ?? (starts === undefined ? "no" : "yes")) === "yes";
}

/** The answers to one thing asked, as they are marked; a sentence if there is none yet. */
function marks(item: HTMLFieldSetElement): string[] | string {
  if (!isAsked(item)) return [];
  const isOptional = item.dataset.optional !== undefined;
  const own = item.querySelector<HTMLInputElement>("input[type=text]");
  const chosen = [...item.querySelectorAll<HTMLInputElement>("input:checked")];
  // Where nothing is on offer, what is written is the answer.
  const ownChosen = own !== null && chosen.some((input) => input.dataset.own !== undefined);
  const written = own?.value.trim() ?? "";
  const isOnly = item.querySelector("input:not([type=text])") === null;
  if (isOnly && isOptional && written === "") return [];
  if ((ownChosen || isOnly) && written === "") return "Write your own answer, or choose another option.";
  const picked = chosen.flatMap((input) => (input.dataset.label === undefined ? [] : [String(JSON.parse(input.dataset.label))]));
  const all = ownChosen || isOnly ? [...picked, written] : picked;
  return all.length > 0 || isOptional ? all : "Choose or write an answer to each question.";
}

/** Answers a question with what its form showed as chosen when it was sent. */
export function answerQuestion(form: HTMLFormElement, pressed: string, shown: HTMLFormElement): void {
  if (isAnswered(form)) return;
  const [inShort, done] = replies[pressed === "reject" ? "reject" : "answer"] ?? ["", ""];
  if (pressed === "reject") return answer(form, { reject: true }, inShort, done);
  const answers: string[][] = [];
  for (const item of shown.querySelectorAll("fieldset")) {
    const marked = marks(item);
    if (typeof marked === "string") return complain(form, marked);
    answers.push(marked);
  }
  const wrong = misfit(shown, answers);
  if (wrong !== "") return complain(form, wrong);
  answer(form, { answers }, `${t(inShort)} ${answers.flat().join(", ")}`, done);
}

/** What an answer has to be, as the hub's markup says it. Numbers are digits. */
interface Bounds {
  kind: "number" | "text" | "several";
  whole?: boolean;
  format?: "email" | "uri" | "date" | "date-time" | null;
  least?: string | null;
  most?: string | null;
}

const formats: Record<NonNullable<Bounds["format"]>, (text: string) => boolean> = {
  email: (text) => /^[^\s@]+@[^\s@]+$/.test(text),
  uri: (text) => /^[a-z][a-z0-9+.-]*:/i.test(text) && URL.canParse(text),
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
  "date-time": (text) => /^\d{4}-\d\d-\d\dT/i.test(text) && !Number.isNaN(Date.parse(text)),
};

function fitsBounds({ kind, whole, format, least, most }: Bounds, given: string[]): boolean {
  const [text = ""] = given;
  const within = (size: number): boolean => size >= Number(least ?? -Infinity) && size <= Number(most ?? Infinity);
  if (kind === "several") return within(given.length);
  if (kind === "text") return within(text.length) && (!format || formats[format](text));
  return Number.isFinite(Number(text)) && (whole !== true || Number.isInteger(Number(text))) && within(Number(text));
}

/** A sentence on the first answer that its question does not take; empty if all fit. An optional one may stay empty. */
function misfit(form: HTMLFormElement, answers: string[][]): string {
  for (const [at, item] of [...form.querySelectorAll("fieldset")].entries()) {
    const given = answers[at] ?? [];
    const { takes, optional } = item.dataset;
    if (takes === undefined || !isAsked(item) || (given.length === 0 && optional !== undefined)) continue;
    if (fitsBounds(JSON.parse(takes) as Bounds, given)) continue;
    const what = [...(item.querySelector("legend")?.childNodes ?? [])].filter((node) => !(node instanceof Element && node.ariaHidden === "true"));
    return t("This answer does not fit: {what}", { what: what.map((node) => node.textContent).join("").trim() });
  }
  return "";
}

interface Condition {
  question: number | null;
  equal: boolean;
  answers: string[];
}

/** Shows the questions whose conditions hold by now. */
export function showAsked(form: HTMLFormElement): void {
  if (!form.querySelector("[data-when]")) return;
  const given: string[] = [];
  for (const item of form.querySelectorAll("fieldset")) {
    const { when } = item.dataset;
    if (when !== undefined) {
      const holds = ({ question, equal, answers }: Condition) => (given[question ?? -1] === JSON.stringify(answers)) === equal;
      item.dataset.on = (JSON.parse(when) as Condition[]).every(holds) ? "yes" : "no";
    }
    given.push(JSON.stringify(marks(item)));
  }
}

/** The question that digits are for: the one that has the focus, else the first without an answer, else the first. */
function questionOf(form: HTMLFormElement): Element | null {
  const all = [...form.querySelectorAll("fieldset")].filter(isAsked);
  const focused = all.find((one) => one.contains(document.activeElement));
  return focused ?? all.find((one) => one.querySelector("input:checked") === null) ?? all[0] ?? null;
}

/** Chooses an option of a question in sight. The same digit again, not at once, sends the answer of a question with one choice. */
export function chooseOption(event: KeyboardEvent): void {
  const form = document.querySelector<HTMLFormElement>(".asks form[data-do=question]");
  const card = form?.closest<HTMLElement>("li.card");
  const options = (form && questionOf(form)?.querySelectorAll<HTMLInputElement>("input:not([type=text], [data-own])")) ?? [];
  const option = options[Number(event.key) - 1];
  if (!form || !card || !option || isTooEarly(card, event.timeStamp)) return;
  const again = option.checked && picked?.option === option && option.type === "radio";
  if (again && event.timeStamp - (picked?.at ?? 0) < sendAfter) hint("Chosen. Press the key once more to send the answer.");
  else if (again) form.requestSubmit(form.querySelector<HTMLElement>("button[type=submit]"));
  else {
    option.checked = option.type === "radio" || !option.checked;
    showAsked(form);
    option.focus();
    picked = { option, at: event.timeStamp };
    hint(option.type === "radio" ? "Chosen. The same key again sends the answer." : "Press Answer to send what is chosen.");
  }
}
