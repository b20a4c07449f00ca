// The way back and forth: each step of the browser's history is shown from where the person read there.

import { byId } from "./dom";
import { beforeLeaving } from "./navigate";
import { keepReading, placeOfReader } from "./reading";

/** Where a step of the history was left: the reader's place in the conversation, and how far the overview was scrolled. */
interface Visit {
  place: ReturnType<typeof placeOfReader>;
  top: number;
}

/** Steps whose place is kept. Beyond it the oldest one is forgotten, and is shown from its end. */
const mostVisits = 100;
const visitsKey = "visits";

let visits: Record<string, Visit> = {};
/** The step that is on the page. */
let visit = "";
/** A step that was returned to, until its conversation is there. */
let returning: Visit | undefined;

const nameOfStep = (): string | undefined => (history.state as { visit?: string } | null)?.visit;

/** What scrolls on the overview: its list, or on a phone all of the page. */
const scroller = (): Element | null => [document.querySelector(".board > .sessions"), byId("app")].find((box) => box && box.scrollTop > 0) ?? null;

function leaveVisit(): void {
  visits[visit] = { place: placeOfReader(), top: scroller()?.scrollTop ?? 0 };
  const names = Object.keys(visits);
  if (names.length > mostVisits) delete visits[names[0] ?? ""];
}

function showPlace({ place, top }: Visit): void {
  for (const box of [document.querySelector(".board > .sessions"), byId("app")]) if (box && top > 0) box.scrollTop = top;
  if (place && byId("log")) keepReading(place);
}

/** Names a new step of the history; a step that is returned to is shown from where it was left. */
export function showVisit(): void {
  const now = nameOfStep();
  if (now === undefined) {
    returning = undefined;
    visit = `${Date.now()}-${Math.random()}`;
    history.replaceState({ visit }, "");
  } else if (now !== visit) {
    visit = now;
    returning = visits[now];
  }
  // A conversation that is not read yet has no place.
  if (!returning || (returning.place && !document.querySelector("#log .turn"))) return;
  showPlace(returning);
  returning = undefined;
}

/** Begins. */
export function watchVisits(): void {
  try {
    visits = JSON.parse(sessionStorage.getItem(visitsKey) ?? "{}") as typeof visits;
  } catch {
    // What is stored is no list of visits: there are none.
  }
  beforeLeaving(leaveVisit);
  addEventListener("pagehide", () => {
    leaveVisit();
    sessionStorage.setItem(visitsKey, JSON.stringify(visits));
  });
}
