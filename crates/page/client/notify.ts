// Browser notifications while the page is hidden or not focused.

import { byId, find } from "./dom";
import { hint } from "./hint";
import { askForNews, type News } from "./live";
import { go } from "./navigate";
import { isPushOn } from "./push";
import { notifies, offeredKey, type Settings, settings } from "./settled";
import { t, tn } from "./words";

/** Time for which items are coalesced before they are shown, in milliseconds. */
const gathering = 1_000;
/** Maximum number of separate notifications at once. More items are combined into one. */
const mostAlone = 3;
/** Lines of a combined notification. */
const mostLines = 5;
/** Characters of a line. */
const longestLine = 160;

/** Keys of items that were shown, or that existed when the page lost the focus. */
let knownNews: Set<string> | null = null;
let gathered: News[] = [];
let gatherer: number | undefined;
/** Open notifications by tag. */
const standingNotices = new Map<string, Notification>();

const away = (): boolean => document.hidden || !document.hasFocus();

const minuteOfDay = (at: Date): number => at.getHours() * 60 + at.getMinutes();

/** True if a minute of the day is in the quiet hours, which may span midnight. */
export function isQuiet({ notify }: Settings, minute: number): boolean {
  const { quiet } = notify;
  if (quiet === null || quiet.from === quiet.until) return false;
  const { from, until } = quiet;
  return from < until ? minute >= from && minute < until : minute >= from || minute < until;
}

function isWanted({ kind, instance }: News): boolean {
  const now = settings();
  return now.notify[kind] && !now.notify.muted.includes(instance) && !isQuiet(now, minuteOfDay(new Date()));
}

const counted = {
  needs: (n: number) => tn(n, "{n} needs you", "{n} need you"),
  failed: (n: number) => tn(n, "{n} failed", "{n} failed"),
  finished: (n: number) => tn(n, "{n} finished", "{n} finished"),
};
const begins = { needs: "Needs you", failed: "Failed", finished: "Finished" };

/** Opens the session of an item and focuses its card, if there is one. */
export async function land({ path, key }: Pick<News, "path" | "key">): Promise<void> {
  window.focus();
  if (location.pathname !== path) await go(path);
  const card = find(`a:${key}`) ?? find(`n:${key}`);
  if (!(card instanceof HTMLElement)) return;
  card.scrollIntoView({ block: "nearest" });
  card.tabIndex = -1;
  card.focus();
}

const noticeIcon = (): string => document.querySelector<HTMLLinkElement>("link[rel=icon]")?.href ?? "";

/** A notification of the service worker, which one that the hub pushes with the same tag replaces. */
async function noticeOfWorker(title: string, body: string, tag: string, { path, key }: News): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  await registration?.showNotification(title, { body, tag, icon: noticeIcon(), data: { path, key, at: Date.now() } });
}

/** Closes notifications of the service worker whose item is gone. */
async function closeOfWorker(keys: Set<string>): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  for (const standing of (await registration?.getNotifications()) ?? []) if (standing.tag !== "many" && !keys.has(standing.tag)) standing.close();
}

function notice(title: string, body: string, tag: string, of: News): void {
  if (isPushOn()) return void noticeOfWorker(title, body, tag, of);
  let made: Notification;
  try {
    // A notification with the same tag from another tab replaces it.
    made = new Notification(title, { body, tag, icon: noticeIcon() });
  } catch {
    // Mobile browsers allow notifications from service workers only.
    return void noticeOfWorker(title, body, tag, of);
  }
  made.onclick = () => {
    made.close();
    void land(of);
  };
  made.onclose = () => standingNotices.delete(tag);
  standingNotices.set(tag, made);
}

function cutLine(text: string): string {
  return text.length > longestLine ? `${text.slice(0, longestLine)}…` : text;
}

function tellGathered(): void {
  gatherer = undefined;
  const all = gathered.filter((news) => away() && isWanted(news));
  gathered = [];
  const [first] = all;
  if (!first) return;
  if (all.length <= mostAlone) {
    for (const news of all) notice(`${t(begins[news.kind])}: ${cutLine(news.title)}`, cutLine(news.text), news.key, news);
    return;
  }
  const counts = (["needs", "failed", "finished"] as const).map((kind) => [all.filter((one) => one.kind === kind).length, kind] as const);
  const title = counts.filter(([count]) => count > 0).map(([count, kind]) => counted[kind](count));
  const lines = all.slice(0, mostLines).map((news) => cutLine(`${t(begins[news.kind])}: ${news.title}`));
  notice(`Drovers: ${title.join(", ")}`, lines.join("\n"), "many", first);
}

/** Handles the current list of items: new ones are shown, notifications of missing ones are closed. */
export function tellNews(items: News[]): void {
  const keys = new Set(items.map(({ key }) => key));
  for (const [tag, standing] of standingNotices) if (tag !== "many" && !keys.has(tag)) standing.close();
  void closeOfWorker(keys);
  const before = knownNews;
  knownNews = keys;
  // The first list is the baseline: its items were visible when the page lost the focus.
  if (!before) return;
  gathered.push(...items.filter(({ key }) => !before.has(key)));
  if (gathered.length > 0) gatherer ??= setTimeout(tellGathered, gathering);
}

function presence(): void {
  const gone = away() && notifies(settings());
  if (!gone) knownNews = null;
  askForNews(gone);
}

let watching = false;

/** Starts, if the browser has granted permission. */
export function watchNotices(): void {
  if (!watching) for (const kind of ["focus", "blur"]) addEventListener(kind, presence);
  if (!watching) document.addEventListener("visibilitychange", presence);
  watching = true;
  presence();
}

/** Requests the permission of the browser. Call it from a user gesture only. */
export async function askLeave(): Promise<NotificationPermission | "missing"> {
  localStorage.setItem(offeredKey, "yes");
  if (!("Notification" in window)) return "missing";
  const answer = await Notification.requestPermission();
  if (answer === "granted") watchNotices();
  return answer;
}

/** Handles the answer to the offer. */
export async function answerOffer(yes: boolean): Promise<void> {
  const offer = byId("offer");
  if (offer) offer.hidden = true;
  localStorage.setItem(offeredKey, "no");
  if (!yes) return hint("You can turn notifications on in the settings.");
  const answer = await askLeave();
  hint(answer === "granted" ? "Notifications are on." : "This browser does not allow notifications from this page. Its site settings can change that.");
}
