// The menu of a session and of a message: what each of its lines does, and how it is used by keys.

import { exchange, inWords, isGood, type Reply } from "./api";
import { confirmed } from "./dialogs";
import { byId, focusNeighbour, root, say } from "./dom";
import { addToDraft } from "./drafts";
import { hint, incapacity } from "./hint";
import { later } from "./later";
import { go } from "./navigate";
import { note } from "./undo";
import { t } from "./words";

/** A session that a menu is for. */
export interface MenuTarget {
  instance: string;
  session: string;
  title: string;
  /** Where the menu stands, and where the focus goes back to. */
  at: HTMLElement;
  /** Where its title stands. */
  name?: Element | null;
  /** The message, for the menu of one. */
  message?: string;
}

let target: MenuTarget | null = null;

const pageOf = ({ instance, session }: MenuTarget): string =>
  `/i/${encodeURIComponent(instance)}/s/${encodeURIComponent(session)}`;
const apiOf = ({ instance, session }: MenuTarget): string =>
  `/api/instances/${encodeURIComponent(instance)}/sessions/${encodeURIComponent(session)}`;
const isFront = ({ instance, session }: MenuTarget): boolean =>
  root.dataset.instance === instance && root.dataset.session === session;

/** Leaves a session that is not listed any more, if it is in front: for the overview if that is around it, else for its instance. */
export async function leaveFront(of: MenuTarget): Promise<void> {
  if (!isFront(of)) return;
  await go(root.dataset.overview === undefined ? `/i/${encodeURIComponent(of.instance)}` : "/");
}

/** The session in front. */
function front(at: HTMLElement): MenuTarget | null {
  const { instance, session } = root.dataset;
  const title = document.querySelector<HTMLElement>("[data-k=head]")?.dataset.title ?? "";
  const name = document.querySelector("[data-k=head] h1");
  return instance === undefined || session === undefined ? null : { instance, session, title, at, name };
}

/** The session of a row, by its link. */
function ofRow(row: Element): MenuTarget | null {
  const link = row.querySelector<HTMLAnchorElement>("a[href*='/s/']");
  const path = /^\/i\/([^/]+)\/s\/([^/]+)$/.exec(link?.pathname ?? "");
  if (!link || path?.[1] === undefined || path[2] === undefined) return null;
  const name = link.querySelector(".name");
  const title = (name ?? link).textContent ?? "";
  return { instance: decodeURIComponent(path[1]), session: decodeURIComponent(path[2]), title, at: link, name };
}

/** Why a command was not carried out, for a person. */
export const whyNot = ({ status, json }: Reply): string =>
  status === 0 ? t("Drovers did not answer. Try again.") : inWords(json, status);

async function ask(of: MenuTarget, what: string, method: string, path: string, body: unknown = {}): Promise<Reply | null> {
  const reply = await exchange(method, apiOf(of) + path, body);
  if (isGood(reply)) return reply;
  note({ text: `${t(what)}: ${whyNot(reply)}`, bad: true });
  return null;
}

async function archive(of: MenuTarget): Promise<void> {
  const change = (archived: number): Promise<Reply | null> =>
    ask(of, "Not archived", "PATCH", "", { time: { archived } });
  if (!(await change(Date.now()))) return;
  await leaveFront(of);
  note({ text: t("Archived “{title}”.", { title: of.title }), undo: () => change(0) });
}

/** Rows of sessions that are about to be deleted are not drawn. The sheet is the script's own, so that no patch brings them back. */
const deleted = new CSSStyleSheet();
/** Names of the rows of each, by session: its own wherever it has one, and those of its subagents in the tree. */
const gone = new Map<string, string[]>();

const depthOf = (row: Element): number => Number(/depth-(\d+)/.exec(row.className)?.[1] ?? 0);

function rowsOf({ instance, session }: MenuTarget): string[] {
  const names = [`s:${session}`, `x:${session}`, `o:${instance}/${session}`];
  const row = document.querySelector(`.tree [data-k="${CSS.escape(`s:${session}`)}"]`);
  let below = row?.nextElementSibling;
  for (; row && below && depthOf(below) > depthOf(row); below = below.nextElementSibling) {
    names.push(below.getAttribute("data-k") ?? "");
  }
  return names;
}

function redrawGone(): void {
  const names = [...gone.values()].flat();
  const rows = names.map((name) => `[data-k="${CSS.escape(name)}"]`).join();
  deleted.replaceSync(rows === "" ? "" : `${rows} { display: none !important }`);
  if (!document.adoptedStyleSheets.includes(deleted)) document.adoptedStyleSheets.push(deleted);
}

/** Deletes a session; a request that is on its way outlasts the page. Why it failed; absent if it did not. */
async function remove(of: MenuTarget): Promise<string | undefined> {
  const proof = localStorage.getItem("proof");
  const headers: Record<string, string> = proof === null ? {} : { "x-drovers-proof": proof };
  const answer = await fetch(apiOf(of), { method: "DELETE", keepalive: true, headers }).catch(() => null);
  // With its parent a subagent goes as well.
  if (answer?.ok === true || answer?.status === 404) return;
  gone.delete(of.session);
  redrawGone();
  return `“${of.title}”: ${whyNot({ status: answer?.status ?? 0, json: {} })}`;
}

async function removeAll(all: MenuTarget[]): Promise<void> {
  const failures = (await Promise.all(all.map(remove))).filter((why) => why !== undefined);
  const done = all.length === 1 ? "" : t("Deleted {some} of {all} sessions.", { some: all.length - failures.length, all: all.length }) + " ";
  if (failures.length > 0) note({ text: done + t("Not deleted: {failures}", { failures: failures.join(" ") }), bad: true });
}

/** Deletes sessions once the time to undo it is over. */
export async function deleteSessions(all: MenuTarget[]): Promise<void> {
  const row = document.activeElement?.closest(".tree li, .overview .session");
  for (const of of all) gone.set(of.session, rowsOf(of));
  redrawGone();
  if (row?.checkVisibility() === false) focusNeighbour(row);
  const one = t("Deleting “{title}” with its subagents.", { title: all[0]?.title ?? "" });
  note({
    text: all.length === 1 ? one : t("Deleting {many} sessions with their subagents.", { many: all.length }),
    undo: () => {
      for (const of of all) gone.delete(of.session);
      redrawGone();
    },
    over: () => removeAll(all),
  });
  for (const of of all) await leaveFront(of);
}

async function fork(of: MenuTarget, body: unknown, draft = ""): Promise<void> {
  const made = await ask(of, "Not forked", "POST", "/fork", body);
  const id = made?.json.id;
  if (typeof id !== "string") return;
  if (draft !== "") addToDraft(of.instance, draft, id);
  await go(pageOf({ ...of, session: id }));
  say("Forked. This is the copy.");
}

async function compact(of: MenuTarget): Promise<void> {
  if (await ask(of, "Not compacted", "POST", "/compact")) note({ text: t("Compacting “{title}”.", { title: of.title }) });
}

/** The text of the prompt that a menu is for; empty for an answer. */
function promptOf({ message }: MenuTarget): string {
  const turn = document.querySelector<HTMLElement>(`[data-k="${CSS.escape(`m:${message ?? ""}`)}"]`);
  return turn?.dataset.role === "user" ? (turn.querySelector<HTMLElement>(".parts")?.innerText.trim() ?? "") : "";
}

const unrevert = (of: MenuTarget): Promise<Reply | null> => ask(of, "Not brought back", "POST", "/unrevert");

async function revert(of: MenuTarget): Promise<void> {
  const text = "Take back everything from this prompt on, and what it changed in files? It can be brought back until the next prompt.";
  if (!(await confirmed(text, "Take back", "Keep"))) return;
  const done = await ask(of, "Not taken back", "POST", "/revert", { messageID: of.message });
  if (!done) return;
  const [area, prompt] = [byId<HTMLTextAreaElement>("text"), promptOf(of)];
  // It is written anew, as a rule.
  if (area?.value === "" && prompt !== "" && isFront(of)) {
    area.value = prompt;
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  note({ text: "Taken back, until the next prompt drops it.", undo: () => unrevert(of) });
}

/** Puts a text that is still on its way into the clipboard: the browser allows that only if it is told of it at once. */
async function copyLater(text: Promise<string>, what: string): Promise<void> {
  try {
    const blob = text.then((written) => new Blob([written], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    note({ text: t("Copied {what}.", { what }) });
  } catch {
    note({ text: t("{what} could not be copied. Export it instead.", { what }), bad: true });
  }
}

async function markdown(of: MenuTarget): Promise<string> {
  const answer = await fetch(`${apiOf(of)}/export?format=markdown`);
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.text();
}

/** A word as a shell takes it for nothing but a word. */
const quoted = (word: string): string => (/^[\w-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** The first menu's acts and the second's, by the names that the hub gives their lines. */
const acts: Record<string, (of: MenuTarget) => unknown> = {
  rename,
  fork: (of) => fork(of, {}),
  compact,
  unrevert,
  archive,
  parallel: ({ instance, session }) => later("parallel").then((own) => own.openParallel(instance, session)),
  worktree: () => later("worktrees").then((own) => own.openNewTree()),
  worktrees: () => later("worktrees").then((own) => own.openTrees()),
  link: (of) => copyLater(Promise.resolve(location.origin + pageOf(of)), t("the link")),
  phone: (of) => later("settings").then((own) => own.openPairing(pageOf(of))),
  copy: (of) => copyLater(markdown(of), t("“{title}” as Markdown", { title: of.title })),
  terminal: (of) => copyLater(Promise.resolve(`drovers open ${quoted(of.session)}`), t("the command")),
  verify: (of) => later("verify").then((own) => own.verify(pageOf(of))),
  mark: (of) => later("bulk").then((own) => own.beginMarking(of)),
  "link-message": (of) => copyLater(Promise.resolve(`${location.origin}${pageOf(of)}#${encodeURIComponent(of.message ?? "")}`), t("the link")),
  delete: (of) => deleteSessions([of]),
  "fork-message": (of) => {
    const prompt = promptOf(of);
    // A prompt is written anew in the copy; an answer is its last message.
    return fork(of, prompt === "" ? { through: of.message } : { before: of.message }, prompt);
  },
  revert,
};

/** Takes a new title where the old one stands. */
function rename(of: MenuTarget): void {
  const form = byId<HTMLFormElement>("rename");
  const field = form?.querySelector("input");
  if (!form || !field) return;
  const place = (of.name ?? of.at).getBoundingClientRect();
  form.showPopover();
  const width = Math.min(Math.max(place.width, 240), innerWidth - 16);
  form.style.width = `${width}px`;
  form.style.left = `${Math.max(8, Math.min(place.left, innerWidth - width - 8))}px`;
  // Its text stands on the old one's line.
  form.style.top = `${Math.max(8, Math.min(place.top + place.height / 2 - form.offsetHeight / 2, innerHeight - 56))}px`;
  field.value = of.title;
  field.focus();
  field.select();
  form.onsubmit = (event) => {
    event.preventDefault();
    event.stopPropagation();
    const title = field.value.trim();
    form.hidePopover();
    of.at.focus();
    if (title !== "" && title !== of.title) void ask(of, "Not renamed", "PATCH", "", { title });
  };
}

const lines = (menu: HTMLElement): HTMLElement[] =>
  [...menu.querySelectorAll<HTMLElement>("[role=menuitem]")].filter((line) => !line.hidden);

/** Puts a menu beside what it is for, inside of the window. On phones its style puts it at the bottom. */
function position(menu: HTMLElement, at: HTMLElement): void {
  const [place, own] = [at.getBoundingClientRect(), menu.getBoundingClientRect()];
  const below = place.bottom + own.height + 8 <= innerHeight;
  menu.style.left = `${Math.max(8, Math.min(place.right - own.width, innerWidth - own.width - 8))}px`;
  menu.style.top = `${Math.max(8, below ? place.bottom + 4 : innerHeight - own.height - 8)}px`;
}

/** Closes the menu that is open, if one is. */
function close(): void {
  for (const menu of document.querySelectorAll<HTMLElement>(".menu:popover-open")) menu.hidePopover();
}

// The browser's own way would close a menu at the end of the long press that opened it.
document.addEventListener(
  "pointerdown",
  ({ target: pressed }) => {
    if (!(pressed instanceof Element && pressed.closest(".menu"))) close();
  },
  true,
);

function open(menu: HTMLElement, of: MenuTarget): void {
  close();
  target = of;
  const title = menu.querySelector("h2");
  if (title) title.textContent = of.title;
  for (const link of menu.querySelectorAll<HTMLAnchorElement>("a[data-format]")) {
    link.href = `${apiOf(of)}/export?format=${link.dataset.format ?? ""}`;
  }
  const taken = menu.querySelector<HTMLElement>("[data-act=unrevert]");
  if (taken) taken.hidden = !isFront(of) || document.querySelector(".turn.reverted") === null;
  for (const line of menu.querySelectorAll<HTMLElement>("[data-needs]")) {
    line.title = incapacity(of.instance, line.dataset.needs ?? "");
    line.ariaDisabled = line.title === "" ? null : "true";
  }
  watch(menu);
  menu.showPopover();
  position(menu, of.at);
  lines(menu)[0]?.focus();
}

/** Adds the line that leads to another device, which the first paint of a page has no room for. */
function addPhone(menu: HTMLElement): void {
  const before = menu.querySelector<HTMLElement>("[data-act=link]");
  const line = before?.cloneNode() as HTMLElement | undefined;
  if (!line) return;
  line.dataset.act = "phone";
  line.textContent = t("Continue on phone");
  before?.after(line);
}

const watched = new WeakSet<HTMLElement>();

/** Begins to listen to a menu, once: arrows move in it, Enter and Space press, Escape and Tab close it, a letter finds a line. */
function watch(menu: HTMLElement): void {
  if (watched.has(menu)) return;
  watched.add(menu);
  addPhone(menu);
  menu.addEventListener("keydown", (event) => {
    event.stopPropagation();
    const all = lines(menu);
    const here = all.findIndex((line) => line === document.activeElement);
    const to = { ArrowDown: here + 1, ArrowUp: here < 0 ? -1 : here - 1, Home: 0, End: -1 }[event.key];
    const letter = event.key.length === 1 ? event.key.toLowerCase() : "";
    const named = (line: HTMLElement): boolean => letter.trim() !== "" && (line.textContent ?? "").toLowerCase().startsWith(letter);
    const found = to === undefined ? [...all.slice(here + 1), ...all].find(named) : all.at(to % all.length);
    const shuts = event.key === "Escape" || event.key === "Tab";
    if (!found && !shuts) return;
    event.preventDefault();
    if (shuts) close();
    (shuts ? target?.at : found)?.focus();
  });
  menu.addEventListener("click", (event) => {
    const line = (event.target as Element).closest<HTMLElement>("[role=menuitem]");
    if (!line || !target) return;
    const of = target;
    if (line.ariaDisabled === "true") return hint(line.title);
    close();
    of.at.focus();
    void acts[line.dataset.act ?? ""]?.(of);
  });
}

/** The session that a control, a row or a title is of; of the one in front if it says nothing. */
function sessionAt(at: Element | null): MenuTarget | null {
  const row = at?.closest(".head") ? null : at?.closest("li, tr");
  const own = row ? ofRow(row) : null;
  if (own) return at instanceof HTMLButtonElement ? { ...own, at } : own;
  const button = document.querySelector<HTMLElement>(".head [data-do=session-menu]");
  return button && front(button);
}

/** Opens the menu of a session. */
export async function openSessionMenu(at: Element | null): Promise<void> {
  const [menu, of] = [byId("session-menu"), sessionAt(at)];
  if (menu && of) open(menu, of);
  else hint("Choose a session first, with j and k.");
}

/** Opens the menu of the message that a control is in. */
export function openMessageMenu(control: HTMLElement): void {
  const message = control.closest<HTMLElement>("article.turn")?.dataset.k?.slice("m:".length);
  const [menu, of] = [byId("message-menu"), front(control)];
  if (menu && of && message !== undefined) open(menu, { ...of, message });
}
