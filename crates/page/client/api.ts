// Commands to the JSON API. Errors are shown beside the control that was used.

import { t } from "./words";

/** Problem details of a refused command (RFC 9457). */
export interface Problem {
  type?: string;
  title?: string;
  detail?: string;
  next?: string;
  first?: { who: string; at: number; outcome: string };
}

/** An answer; its `status` is 0 if there was none. */
export interface Reply {
  status: number;
  json: Record<string, unknown>;
}

/** Timeout of an answer: longer than the hub waits for a server. */
const answerPatience = 45_000;

/** Where problems of a control are shown. */
function place(at: Element): HTMLElement | null {
  for (let near: Element | null = at; near; near = near.parentElement) {
    const own = near.querySelector<HTMLElement>(":scope > .problem");
    const problem = own ?? near.querySelector<HTMLElement>(".problem");
    if (problem) return problem;
  }
  return null;
}

/** Says something beside a control; `calm` if nothing is wrong. */
export function complain(at: Element, said: string, calm = false): void {
  const text = t(said);
  const problem = place(at);
  if (!problem || (problem.textContent === text && problem.hidden === (text === ""))) return;
  problem.textContent = text;
  problem.hidden = text === "";
  problem.classList.toggle("quiet", calm);
}

/** A problem as sentences. What only who writes requests can follow is no next step on the page. */
export function inWords(problem: Problem, status: number): string {
  const said = [problem.title, problem.detail, problem.next].filter((one) => one && !one.includes("openapi.json")).join(". ").replaceAll("..", ".");
  return said === "" ? t("The request failed ({status}).", { status }) : said;
}

function parsed(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Asks the API. */
export async function exchange(
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const proof = localStorage.getItem("proof");
  if (proof !== null) headers = { ...headers, "x-drovers-proof": proof };
  const init: RequestInit = { method, headers, signal: AbortSignal.timeout(answerPatience) };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...headers, "content-type": "application/json" };
  }
  try {
    const answer = await fetch(url, init);
    return { status: answer.status, json: parsed(await answer.text()) };
  } catch {
    return { status: 0, json: {} };
  }
}

export const isGood = (reply: Reply): boolean => reply.status >= 200 && reply.status < 300;

/** Body of a successful answer; `null` after an error was shown beside the control. */
export function answered(at: Element, reply: Reply): Record<string, unknown> | null {
  if (isGood(reply)) return reply.json;
  const silent = "Drovers did not answer. Nothing was lost. Try again.";
  complain(at, reply.status === 0 ? silent : inWords(reply.json, reply.status));
  return null;
}

/** Sends a command. Returns the answer, or `null` after an error was shown. */
export async function send(
  at: Element,
  method: string,
  url: string,
  body?: unknown,
): Promise<Record<string, unknown> | null> {
  complain(at, "");
  return answered(at, await exchange(method, url, body));
}
