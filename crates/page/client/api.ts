// Commands go to the JSON API; what goes wrong is said beside the control that was used.

interface Problem {
  title?: string;
  detail?: string;
  next?: string;
}

/** Where problems of a control are shown. */
function place(at: Element): HTMLElement | null {
  for (let near: Element | null = at; near; near = near.parentElement) {
    const problem = near.querySelector<HTMLElement>(".problem");
    if (problem) return problem;
  }
  return null;
}

export function complain(at: Element, text: string): void {
  const problem = place(at);
  if (!problem) return;
  problem.textContent = text;
  problem.hidden = text === "";
}

function inWords(problem: Problem, status: number): string {
  const said = [problem.title, problem.detail, problem.next].filter(Boolean).join(". ").replaceAll("..", ".");
  return said === "" ? `It was refused (${status}).` : said;
}

/** Sends a command. Gives back the answer, or `null` after saying what went wrong. */
export async function send(
  at: Element,
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Record<string, unknown> | null> {
  complain(at, "");
  try {
    const init: RequestInit = { method, headers: { ...headers } };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { ...headers, "content-type": "application/json" };
    }
    const answer = await fetch(url, init);
    const text = await answer.text();
    const json: unknown = text === "" ? {} : JSON.parse(text);
    if (answer.ok) return json as Record<string, unknown>;
    complain(at, inWords(json as Problem, answer.status));
  } catch {
    complain(at, "Drovers did not answer. What you wrote is kept; try again.");
  }
  return null;
}
