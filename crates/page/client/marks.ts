// Marks and comments of a review as other devices and people set them, while the review is open.

import { exchange, isGood } from "./api";
import { root } from "./dom";
import { later } from "./later";
import { t, tn } from "./words";

type Review = Awaited<ReturnType<typeof later<"changes">>>;

/** The page of the review, once this has begun. */
let page: Review | undefined;

/** A change of marks, as the hub tells it. */
interface MarksFrame {
  /** Number of the change. */
  revision: number;
  /** The folder; null if everything may have changed. */
  folder: string | null;
  /** The file; null for several. */
  path: string | null;
  comments: boolean;
}

/** The newest change that the hub named. */
let newestMarks = 0;
/** True while the list has to be read again, once nobody writes in it. */
let listBehind = false;
/** Files whose lines have to be drawn again, once nobody writes in them. */
const filesBehind = new Set<string>();

/** Shows how many comments a file has, and how many wait to be sent. */
function showComments({ reviewBoard, treeRow }: Review, file: HTMLElement, comments: number, waiting: number): void {
  const lines = treeRow(file)?.querySelector(".lines");
  let count = treeRow(file)?.querySelector<HTMLElement>(".count");
  if (!count && lines) {
    count = document.createElement("span");
    count.className = "count";
    count.title = t("Comments");
    lines.before(count);
  }
  if (count) count.textContent = comments > 0 ? String(comments) : "";
  const board = reviewBoard();
  const send = board?.querySelector("[data-do=review-send]");
  if (!board || !send) return;
  board.dataset.drafts = String(waiting);
  send.classList.toggle("main", waiting > 0);
  send.textContent = waiting > 0 ? tn(waiting, "Send {n} comment to {agent}", "Send {n} comments to {agent}", { agent: board.dataset.agentName ?? "" }) : t("Back to the agent");
}

/** Reads the marks of one file. */
async function readMarks(own: Review, file: HTMLElement, withLines: boolean): Promise<void> {
  const { json, ...reply } = await exchange("GET", `${own.reviewApi()}/marks?${own.fileQuery(file)}`);
  if (!isGood({ json, ...reply }) || !own.isHere(file)) return;
  const state = String(json.viewed);
  if (file.dataset.viewed !== state) {
    own.showViewed(file, state);
    if (!own.isAtHand(file)) own.fold(file, state === "yes");
  }
  showComments(own, file, Number(json.comments), Number(json.waiting));
  if (!withLines || !file.querySelector("[data-loaded]")) return;
  if (own.isWriting(file)) filesBehind.add(file.dataset.path ?? "");
  else await own.loadFile(file);
}

function readAll(own: Review): void {
  listBehind = own.isWriting(own.reviewPlace());
  if (!listBehind) void own.readReview();
}

function onMarks(event: Event): void {
  const { revision, folder, path, comments } = (event as CustomEvent<MarksFrame>).detail;
  // Numbers begin anew with the hub.
  newestMarks = folder === null ? revision : Math.max(newestMarks, revision);
  const board = page?.reviewBoard();
  if (!page || !board || Number(board.dataset.marks) >= revision) return;
  if (folder === null) return readAll(page);
  board.dataset.marks = String(revision);
  if (folder !== board.dataset.folder) return;
  const file = page.files().find(({ dataset }) => dataset.path === path);
  if (file) void readMarks(page, file, comments);
  else if (path === null) readAll(page);
}

/** Draws what came while a person wrote, or while the list was on its way. */
export function catchUpMarks(): void {
  if (!page || page.isWriting(page.reviewPlace())) return;
  const board = page.reviewBoard();
  if (listBehind || Number(board?.dataset.marks) < newestMarks) return readAll(page);
  for (const file of page.files()) if (filesBehind.delete(file.dataset.path ?? "")) void page.loadFile(file);
}

/** Begins. */
export async function watchMarks(): Promise<void> {
  page = await later("changes");
  addEventListener("marks", onMarks);
  newestMarks = Number(root.dataset.marks ?? 0);
  if (page.reviewBoard()) catchUpMarks();
}
