// A frame of the event inspector: its JSON as text, the events that the hub makes of it, and what it changed.

import { exchange, inWords } from "./api";
import type { FrameLine } from "./frames";
import { later } from "./later";
import { t } from "./words";

type FrameTools = Pick<Awaited<ReturnType<typeof later<"frames">>>, "sizeOf" | "timeOf" | "visibleText">;

function block(title: string, content: Node): HTMLElement {
  const made = document.createElement("section");
  const heading = document.createElement("h3");
  heading.textContent = title;
  made.append(heading, content);
  return made;
}

function code(text: string): HTMLElement {
  const pre = document.createElement("pre");
  pre.textContent = text;
  return pre;
}

/** JSON with its lines indented; what hides in it is shown. */
function prettyJson(json: string, show: (text: string) => string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2).split("\n").map(show).join("\n");
  } catch {
    return show(json);
  }
}

interface Change {
  path: string;
  before: string | null;
  after: string | null;
  grown: string | null;
}

function changeList(changes: Change[] | null): HTMLElement {
  if (changes === null) return code(t("Not known: the log has no history of its session."));
  if (changes.length === 0) return code(t("Nothing in its session."));
  const list = document.createElement("ul");
  for (const { path, before, after, grown } of changes) {
    const item = document.createElement("li");
    const name = document.createElement("code");
    name.textContent = path;
    const text = grown !== null ? `+ ${grown}` : `${before ?? "—"} → ${after ?? "—"}`;
    item.append(name, ` ${text}`);
    list.append(item);
  }
  return list;
}

/** Shows a frame, unless another is wanted by the time that the hub answers. */
export async function describeFrame(box: HTMLElement, line: FrameLine, bundle: number | undefined, tools: FrameTools, isWanted: () => boolean): Promise<void> {
  box.dataset.cursor = line.cursor;
  const heading = document.createElement("p");
  heading.textContent = [tools.timeOf(line.at), line.type, line.session, tools.sizeOf(line.bytes)].filter(Boolean).join(" · ");
  if (line.cursor === "") {
    box.replaceChildren(heading, block("JSON", code(line.json === "" ? t("Not kept any more.") : prettyJson(line.json, tools.visibleText))));
    return;
  }
  const query = new URLSearchParams({ cursor: line.cursor });
  if (bundle !== undefined) query.set("bundle", String(bundle));
  const { status, json } = await exchange("GET", `/api/inspect/frame?${query.toString()}`);
  if (!isWanted()) return;
  if (status !== 200) return box.replaceChildren(heading, code(status === 0 ? t("Drovers did not answer. Try again.") : inWords(json, status)));
  const answer = json as unknown as { frame: { at: number; type: string; bytes: number }; json: string; cut: boolean; events: string[]; changes: Change[] | null };
  heading.textContent = [tools.timeOf(answer.frame.at), answer.frame.type, line.session, tools.sizeOf(answer.frame.bytes)].filter(Boolean).join(" · ");
  box.replaceChildren(
    heading,
    block(t("Changed in the state"), changeList(answer.changes)),
    block(t("Events of the hub"), code(answer.events.join("\n") || t("None: the frame changes nothing."))),
    block(answer.cut ? t("JSON, cut") : "JSON", code(answer.cut ? tools.visibleText(answer.json) : prettyJson(answer.json, tools.visibleText))),
  );
}
