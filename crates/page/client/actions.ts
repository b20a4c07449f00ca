// Registry of all actions of the page: name, keys, place, effect. Key handling, palette, list of keys and key bar read it. A new
// action is one row of `listed`.

import { foldPane, isSheet, openDialog, remove, sheet } from "./dialogs";
import { now } from "./clock";
import { byId, focusCard, root } from "./dom";
import { hint } from "./hint";
import { allow, beginSession } from "./keys";
import { later } from "./later";
import { instanceAt, menu, stepInstance } from "./menu";
import { go, stepSession } from "./navigate";
import { resumeCursor } from "./overview";
import { openMenu } from "./press";
import { stepPrompt, toEnd, toTop } from "./reading";
import { t } from "./words";

/** Part of the page in which an action's keys work, as shown to people. */
export type ActionPlace = "Everywhere" | "Runs" | "Review" | "Overview" | "Sessions" | "Needs you" | "Conversation" | "Prompt" | "Cards";

export interface Action {
  name: string;
  /** Key sequences, each with spaces between keys, such as `g o`. Keys have the names of `KeyboardEvent.key`. */
  keys: string[];
  place: ActionPlace;
  /** Effect. Absent if a field, a card or the browser handles the key itself. */
  run?: ((event?: KeyboardEvent) => unknown) | undefined;
  /** Label of the keys, if it differs from `keys`. */
  written?: string;
  /** True if the action is available now; absent if it always is. */
  applies?: () => boolean;
  /** True if key repeat is allowed: the action only navigates. */
  held?: true;
  /** True if the key counts only where no other key was pressed just before: it changes something, and a word may begin with it. */
  deliberate?: true;
  /** Effect in the palette, for an action that only a key of its own may trigger. */
  chosen?: (() => unknown) | undefined;
  /** True if this browser lacks the role for the action: it is not offered. */
  lacked?: true;
}

const inConversation = (): boolean => byId("log") !== null;
const inInstance = (): boolean => root.dataset.instance !== undefined;

/** Action that clicks a button of the page, available while the button is there. */
function presses(name: string, button: string, key = ""): Row {
  const found = (): HTMLElement | null => document.querySelector<HTMLElement>(`:is(main, #left) ${button}:enabled`);
  return [name, key, () => found()?.click(), { deliberate: true, applies: () => found() !== null }];
}

function removeFront(): unknown {
  const button = document.querySelector<HTMLElement>(".tab [aria-current] + [data-do=remove]");
  return button && remove(button);
}

/** Puts the focus on the first card that waits for a person, on one of the session in front before others. */
function focusNeeds(): void {
  const first = (list: string): HTMLElement | null => document.querySelector<HTMLElement>(`[data-k=${list}-list] li.card`);
  const card = first("asks") ?? first("needs");
  if (!card) return hint("Nothing needs you.");
  if (card.getClientRects().length === 0) sheet("left");
  focusCard(card);
}

/** Name, key sequences separated by ", ", effect, and the other fields. */
type Row = [name: string, keys: string, run?: Action["run"], rest?: Partial<Action>];

const mayBeHeld = { held: true } as const;
const deliberate = { deliberate: true } as const;
/** True while a card has the focus: then keys that are printed on it are its own. */
const onCard = (): boolean => document.activeElement?.closest("li.card") != null;
const onOverview = { applies: () => root.dataset.overview !== undefined };
const inLog = { applies: inConversation };
const isComparing = (): boolean => root.dataset.parallel !== undefined;
const comparing = { applies: isComparing };
const reviewed = { applies: () => root.dataset.review !== undefined && !onCard() };
/** Keys of the review page, with what each does. Those in capitals or that change something are deliberate where a word may begin with them. */
const ofReview = (
  [
  ["n", "Next hunk"],
  ["p", "Previous hunk"],
  ["N", "Next file"],
  ["P", "Previous file"],
  ["v", "Viewed"],
  ["c", "Comment on the lines"],
  ["C", "Comment on the file"],
  ["R", "Send the comments to the agent"],
  ["e", "Accept"],
  ["]", "Next review"],
  ["s", "Stage"],
  ["u", "Unstage"],
  ["X", "Discard"],
  ["m", "Commit"],
  ["j", "Next line"],
  ["k", "Previous line"],
  ["J", "Select down"],
  ["K", "Select up"],
  ["o", "Fold the file"],
  ["|", "Side by side"],
  ["w", "White space"],
  ["r", "Read again"],
  ["Escape", "Back"],
] as const).map(([key, name]): Row => [name, key, () => later("changes").then((own) => own.reviewKey(key)), { ...("npNPjkJK".includes(key) ? mayBeHeld : {}), ...("suXeR".includes(key) ? deliberate : {}), ...reviewed }]);

/** Opens the review of the session with the focus, else of the one in front; from a review, goes back. */
function openReview(): unknown {
  const focused = document.activeElement instanceof HTMLAnchorElement ? document.activeElement.pathname : "";
  const own = /^\/i\/[^/]+(\/s\/[^/]+)?/.exec(/\/s\/[^/]+$/.test(focused) ? focused : location.pathname)?.[0];
  const { instance, session, review } = root.dataset;
  const front = instance === undefined ? undefined : `/i/${encodeURIComponent(instance)}${session === undefined ? "" : `/s/${encodeURIComponent(session)}`}`;
  const to = own ?? front;
  // A server without a folder of its own has no changes of its own either.
  return to === undefined || (byId("place") && to === location.pathname) ? hint("No session is selected. Press j to select one.") : go(review === undefined ? `${to}/review` : to);
}
const comparison = (): HTMLElement | null => document.querySelector<HTMLElement>(".head a[href*='/parallel/']");

const listed: [ActionPlace, Row[]][] = [
  // While runs are compared, digits are theirs.
  ["Runs", [
    ["Focus a run; Enter opens it", "1, 2, 3, 4, 5, 6, 7, 8, 9", (event) => event && later("parallel").then((own) => own.focusRun(Number(event.key))), { written: "1–9", ...comparing }],
    ["Keep the run, archive the others", "K", () => later("parallel").then((own) => own.keepFocused()), { ...deliberate, ...comparing }],
    ["Run a prompt in parallel", "", () => later("parallel").then((own) => own.openParallel()), { applies: inInstance }],
    ["Compare with the other runs", "", () => comparison()?.click(), { applies: () => comparison() !== null }],
  ]],
  ["Review", ofReview],
  ["Everywhere", [
    ["Command palette", ":, Control+k", () => later("palette").then((own) => own.openPalette()), { written: "Ctrl+K, :" }],
    ["Search all conversations", "Control+Shift+f", () => later("palette").then((own) => own.openFind()), { written: "Ctrl+Shift+F" }],
    ["Overview", "g o", () => go("/")],
    ["Needs you", "g n", focusNeeds],
    ["List of keys", "?", () => openDialog("help")],
    ["Settings", ",", () => later("settings").then((own) => own.openSettings())],
    ["Add an instance", "+", () => openDialog("add"), { applies: () => byId("add") !== null }],
    ["Continue on phone", "", () => later("settings").then((own) => own.openPairing(location.pathname))],
    ["All instances", "I", () => menu()],
    ["Event inspector", "i", () => later("inspect").then((own) => own.toggleInspector())],
    ["Instance by its place", "1, 2, 3, 4, 5, 6, 7, 8, 9", (event) => event && instanceAt(Number(event.key)), { written: "1–9" }],
    ["Previous instance", "h", () => stepInstance(-1), mayBeHeld],
    ["Next instance", "l", () => stepInstance(1), mayBeHeld],
    ["Fold the left pane", "b", () => foldPane("left"), { applies: () => !isSheet("left") }],
    ["Fold the details", "B", () => foldPane("right"), { applies: () => byId("right") !== null && !isSheet("right") }],
    ["Close what is open", "Escape", () => [sheet(), document.querySelector<HTMLElement>("#since button")?.click()]],
    ["What happened in the last 8 hours", "", () => later("beside").then(async (own) => {
      if (!(await own.openSince(now() - 8 * 3_600_000))) hint("Nothing happened in the last 8 hours.");
    })],
    ["Stop everything", "", () => later("forms").then((own) => own.stopEverything())],
    ["Name, colour and start", "", () => later("settings").then((own) => own.openLaunch()), { applies: () => inInstance() && byId("add") !== null }],
    ["Restart the server", "", () => later("verify").then((own) => own.restartServer()), { applies: inInstance }],
    ["Remove this instance", "", removeFront, { applies: inInstance }],
    presses("Reconnect", "[data-url$='/reconnect']"),
    presses("Continue all interrupted sessions", "[data-do=continue-all]"),
  ]],
  // The list of the overview has its keys itself, before all others.
  ["Overview", [
    ["Next, previous session", "", undefined, { written: "j, k", ...onOverview }],
    ["Open the session", "", undefined, { written: "Enter", ...onOverview }],
    ["Look at it beside the list", "", undefined, { written: "Space", ...onOverview }],
    ["Filter", "", undefined, { written: "/", ...onOverview }],
    ["Unfold, fold subagents", "", undefined, { written: "→, ←", ...onOverview }],
    ["Retry, continue the session", "r", () => resumeCursor(), { ...deliberate, applies: () => onOverview.applies() && !onCard() }],
  ]],
  ["Sessions", [
    ["Next session", "j", () => stepSession(1), mayBeHeld],
    ["Previous session", "k", () => stepSession(-1), mayBeHeld],
    ["New session", "n", () => beginSession(root.dataset.instance ?? ""), { applies: inInstance }],
    ["New session in its own work tree", "W", () => later("worktrees").then((own) => own.openNewTree())],
    ["Output of the server", "g s", () => later("verify").then((own) => own.openServer()), { applies: inInstance }],
    ["Work trees", "g w", () => later("worktrees").then((own) => own.openTrees())],
    ["Review the changes; back", "d", openReview],
    ["Menu of the session", ".", () => openMenu(document.activeElement)],
    ["Unfold, fold subagents", "", undefined, { written: "→, ←", applies: inInstance }],
    ["Filter sessions", "f", () => later("tree").then((own) => own.focusFilter())],
    ["Mark the session, for several at once", "v", () => later("bulk").then((own) => own.toggleMark()), { written: "v, Shift+↓, Shift+↑" }],
    presses("List older sessions", "[data-url$='/older-sessions']"),
    ["List of sessions", "", () => sheet("left"), { applies: () => isSheet("left") }],
  ]],
  ["Needs you", [
    ["Allow the marked request once", "a", (event) => event && allow(event), { chosen: focusNeeds }],
    ["Always allow it, after a confirmation", "A", (event) => event && later("sort").then((own) => own.allowAlways(event)), { chosen: focusNeeds, ...deliberate }],
    ["Reject a request, with a reason", "x", () => later("sort").then((own) => own.openReject()), deliberate],
    ["Choose an option of a question; again to send it", "", undefined, { written: "1–9" }],
    ["Mark the card or session as done", "e", () => later("sort").then((own) => own.markDone())],
    ["Undo done", "u", () => later("sort").then((own) => own.undoDone())],
    ["Snooze the card or session", "s", () => later("sort").then((own) => own.openSnooze())],
    ["Retry, continue, restart or answer the card", "r", () => later("sort").then((own) => own.resumeFocused()), { ...deliberate, applies: onCard }],
  ]],
  ["Conversation", [
    ["Write a prompt", "/", () => byId("text")?.focus(), inLog],
    ["End of the conversation", "G", toEnd, inLog],
    ["Beginning of the conversation", "g g", toTop, inLog],
    ["Previous prompt", "[", () => stepPrompt(-1), { ...mayBeHeld, ...inLog }],
    ["Next prompt", "]", () => stepPrompt(1), { ...mayBeHeld, ...inLog }],
    ["Open all tools of the turn", "o", () => later("desk").then((own) => own.foldTurn(true)), inLog],
    ["Close all tools of the turn", "O", () => later("desk").then((own) => own.foldTurn(false)), inLog],
    ["Scroll", "", undefined, { written: "PageUp PageDown Home End" }],
    ["Verify now: compare with the server", "", () => later("verify").then((own) => own.verify()), { applies: () => root.dataset.session !== undefined }],
    presses("Stop this session", ".stop"),
    presses("Continue this session", ".after [data-url$='/continue']", "r"),
    ["Details", "", () => sheet("right"), { applies: () => inConversation() && isSheet("right") }],
  ]],
  ["Prompt", [["Send", "", undefined, { written: "Enter" }], ["New line", "", undefined, { written: "Shift+Enter" }], ["Leave the prompt", "", undefined, { written: "Escape" }]]],
  ["Cards", [["Press what has the focus", "", undefined, { written: "Enter" }], ["Next control", "", undefined, { written: "Tab" }]]],
];

export const actions: Action[] = listed.flatMap(([place, rows]) =>
  rows.map(([name, keys, run, rest]) => ({ name: t(name), keys: keys === "" ? [] : keys.split(", "), place, run, ...rest })),
);

/** Label of an action's keys. */
export const keysOf = ({ keys, written }: Action): string => written ?? keys.join(", ");

/** Available action for a key sequence. */
export const actionOf = (keys: string): Action | undefined =>
  actions.find((action) => action.keys.includes(keys) && (action.applies?.() ?? true));
