// Parts of the page that the first paint does not need: key bar, rail, offer of notifications, review marks.

import { showAway, watchAway } from "./away";
import { writeBar } from "./bar";
import { byId, root } from "./dom";
import { later } from "./later";
import { watchMenu } from "./listed";
import { watchMarking } from "./marking";
import { watchRows } from "./rows";
import { forgetSeen, showRail, watchRail } from "./rail";
import { review, watchReview } from "./review";
import { offeredKey, reopenKey } from "./settled";
import { showVisit, watchVisits } from "./visits";

/** Offers notifications once, when a request first waits. */
function offerNotices(): void {
  const offer = byId("offer");
  if (!offer || !offer.hidden) return;
  const needed = Number(document.querySelector<HTMLElement>("[data-k=calm]")?.dataset.needs ?? 0) > 0;
  // Mobile browsers show notifications of service workers only.
  const can = matchMedia("(pointer: fine)").matches && "Notification" in window && Notification.permission === "default";
  if (needed && can && localStorage.getItem(offeredKey) === null) offer.hidden = false;
}

/** What other chunks bring up to date after a change of the page. */
const others: (() => void)[] = [];

/** Runs something now and after each change of the page. */
export function alongside(act: () => void): void {
  others.push(act);
  act();
}

let treeAsked = false;
let deskAsked = false;

/** Loads what the lists and the panes need, once they are in sight or in use: a closed sheet needs nothing. */
function loadTree(): void {
  if (treeAsked || document.querySelector("[data-k=tree]")?.checkVisibility() !== true) return;
  treeAsked = true;
  later("tree").then((own) => alongside(own.watchTree()), () => (treeAsked = false));
}

function loadDesk(): void {
  if (deskAsked) return;
  deskAsked = true;
  later("desk").then((own) => {
    alongside(own.watchPanes());
    alongside(own.seekMessage);
  }, () => (deskAsked = false));
}

let front = "";

/** Starts, and returns the function that updates these parts after a change of the page. */
export function watchBeside(): () => void {
  if (root.dataset.lacks) void later("powers").then((own) => own.limitActions());
  watchRail();
  watchReview();
  watchMenu();
  watchVisits();
  watchMarking();
  watchRows();
  for (const kind of ["pointerover", "focusin"]) {
    document.addEventListener(kind, ({ target }) => target instanceof Element && target.closest(".split, #left, #right") && loadDesk(), { passive: true });
  }
  // A click may have opened the sheet that has the tree.
  document.addEventListener("click", () => setTimeout(loadTree), { passive: true });
  watchAway();
  for (const kind of ["focusin", "focusout"]) document.addEventListener(kind, () => setTimeout(writeBar), { passive: true });
  const update = (): void => {
    const now = `${root.dataset.instance ?? ""}/${root.dataset.session ?? ""}`;
    if (now !== front) forgetSeen();
    front = now;
    showRail();
    writeBar();
    offerNotices();
    showAway();
    review();
    showVisit();
    loadTree();
    if (location.hash !== "" || root.dataset.fold !== "") loadDesk();
    for (const act of others) act();
  };
  update();
  if (sessionStorage.getItem(reopenKey) !== null) void later("settings").then((own) => own.openSettings());
  return update;
}

/** Reports errors of this page to the hub, and logs its events where the address asks for it. What cannot be reported is in the console. */
export function watchErrors(): void {
  const report = (event: ErrorEvent | PromiseRejectionEvent): unknown => later("verify").then((own) => own.reportError(event), () => undefined);
  addEventListener("error", report);
  addEventListener("unhandledrejection", report);
  if (location.search.includes("debug=events")) void later("verify").then((own) => own.logEvents());
}
