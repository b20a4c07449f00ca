// Time travel: a slider over the frames of a session, and the session as it was, in a tree of its own: nothing in it is part of the
// live page.

import { complain, inWords } from "./api";
import { t } from "./words";

export interface TravelTo {
  instance: string;
  session: string;
  cursor?: string;
  bundle?: number | undefined;
}

let travelBox: HTMLElement | null = null;
let travelPlace: TravelTo | null = null;
let shadow: ShadowRoot | null = null;
/** The number of steps that is wanted; a newer wish takes the place of an older one. */
let wantedSteps: number | null = null;
let fetchingPast = false;
let timeText: (at: number) => string = String;
let openCursor: (cursor: string) => void = () => undefined;

const travelSlider = (): HTMLInputElement | null => travelBox?.querySelector<HTMLInputElement>("input[type=range]") ?? null;

function pastUrl(place: TravelTo, steps: number | null): string {
  const query = new URLSearchParams({ instance: place.instance, session: place.session });
  if (steps !== null) query.set("steps", String(steps));
  else if (place.cursor !== undefined) query.set("cursor", place.cursor);
  if (place.bundle !== undefined) query.set("bundle", String(place.bundle));
  return `/fragment/inspect/past?${query.toString()}`;
}

function shadowOf(place: HTMLElement): ShadowRoot {
  if (place.shadowRoot) return place.shadowRoot;
  const made = place.attachShadow({ mode: "open" });
  for (const sheet of document.querySelectorAll<HTMLLinkElement>("link[rel=stylesheet]")) made.append(sheet.cloneNode());
  made.append(document.createElement("div"));
  made.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("button[data-steps]");
    if (!button) return;
    openCursor(button.dataset.cursor ?? "");
    travelToStep(Number(button.dataset.steps));
  });
  return made;
}

function showPast(html: string): void {
  const place = shadow?.lastElementChild;
  const slider = travelSlider();
  if (!place || !slider) return;
  const template = document.createElement("template");
  template.innerHTML = html;
  const past = template.content.firstElementChild;
  if (!(past instanceof HTMLElement)) return;
  // Nothing of it acts: it is the past.
  for (const control of past.querySelectorAll<HTMLButtonElement>("#log :is(button, input, select, textarea)")) control.disabled = true;
  for (const time of past.querySelectorAll<HTMLElement>("time[data-at]")) time.textContent = timeText(Number(time.dataset.at));
  const { steps = "0", of = "0", at } = past.dataset;
  slider.max = of;
  // A person who goes on drags: the slider is theirs.
  if (wantedSteps === null) slider.value = steps;
  slider.ariaValueText = t("after {n} of {of} frames", { n: steps, of }) + (at === undefined ? "" : `, ${timeText(Number(at))}`);
  const open = [...place.querySelectorAll("details")].map((one) => one.open);
  place.replaceChildren(past);
  if (open.length === past.querySelectorAll("details").length) past.querySelectorAll("details").forEach((one, nth) => (one.open = open[nth] ?? one.open));
  if (travelBox) travelBox.dataset.steps = steps;
}

/** Fetches the moment that is wanted, until no newer one is. */
async function fetchPast(): Promise<void> {
  if (fetchingPast || !travelPlace || !travelBox) return;
  fetchingPast = true;
  let place: TravelTo | null = travelPlace;
  try {
    do {
      place = travelPlace;
      if (!place) return;
      const steps = wantedSteps;
      wantedSteps = null;
      const answer = await fetch(pastUrl(place, steps));
      const text = await answer.text();
      if (place !== travelPlace) continue;
      complain(travelBox, answer.ok ? "" : inWords(JSON.parse(text) as object, answer.status));
      if (answer.ok) showPast(text);
    } while (wantedSteps !== null || place !== travelPlace);
  } catch {
    if (travelBox) complain(travelBox, "Drovers did not answer. Try again.");
  } finally {
    fetchingPast = false;
  }
}

/** Shows the session after so many steps. */
export function travelToStep(steps: number): void {
  const slider = travelSlider();
  if (!slider) return;
  wantedSteps = Math.max(0, Math.min(Number(slider.max), steps));
  slider.value = String(wantedSteps);
  void fetchPast();
}

export const travelBy = (by: number): void => travelToStep(Number(travelSlider()?.value ?? 0) + by);

/** Opens the slider of a session. */
export function travel(box: HTMLElement, to: TravelTo, timeOf: (at: number) => string, open: (cursor: string) => void): void {
  openCursor = open;
  timeText = timeOf;
  travelBox = box;
  travelPlace = to;
  wantedSteps = null;
  box.hidden = false;
  const place = box.querySelector<HTMLElement>(".was");
  if (place) shadow = shadowOf(place);
  const slider = travelSlider();
  if (slider) slider.oninput = () => travelToStep(Number(slider.value));
  void fetchPast();
}

/** Reads the log again: there may be more frames by now. */
export function travelAgain(): void {
  if (travelPlace) travelPlace = { instance: travelPlace.instance, session: travelPlace.session, bundle: travelPlace.bundle };
  wantedSteps = null;
  void fetchPast();
}

export function endTravel(): void {
  if (travelBox) travelBox.hidden = true;
  travelBox = null;
  travelPlace = null;
  shadow?.lastElementChild?.replaceChildren();
}
