// Charts of the event inspector: rate, bytes and lag of each instance over the last minute, drawn as small lines.

import { now } from "./clock";
import { sizeOf } from "./frames";
import { t, tn } from "./words";

/** What arrived of an instance within a second. */
export interface Bin {
  instance: string;
  second: number;
  frames: number;
  bytes: number;
  lag: number | null;
  gaps: number;
  unknown: number;
}

/** Counters of an instance since the hub began. */
export interface Counted {
  id: string;
  name: string;
  gaps: number;
  unknown: Record<string, number>;
  malformed: Record<string, number>;
}

/** Seconds that a chart shows. */
const chartSeconds = 60;
/** Instances with a chart. Further ones are only in the list. */
const mostCharts = 24;

/** Bins by instance and second. */
const binned = new Map<string, Map<number, Bin>>();
let countedOf: Counted[] = [];
/** The name of the chart of what arrives at this page. */
export const thisPage = "";

export function addBins(bins: Bin[]): void {
  const oldest = Math.floor(now() / 1000) - chartSeconds;
  for (const bin of bins) {
    const own = binned.get(bin.instance) ?? new Map<number, Bin>();
    binned.set(bin.instance, own);
    const before = own.get(bin.second);
    own.set(bin.second, before ? { ...bin, frames: before.frames + bin.frames, bytes: before.bytes + bin.bytes, lag: Math.max(before.lag ?? 0, bin.lag ?? 0), gaps: before.gaps + bin.gaps, unknown: before.unknown + bin.unknown } : bin);
  }
  for (const [instance, own] of binned) {
    for (const second of own.keys()) if (second < oldest) own.delete(second);
    if (own.size === 0) binned.delete(instance);
  }
}

export function setCounted(counted: Counted[]): void {
  countedOf = counted;
}

export const nameOfInstance = (id: string): string => countedOf.find((one) => one.id === id)?.name ?? id;
export const countedInstances = (): Counted[] => countedOf;

const svgNamespace = "http://www.w3.org/2000/svg";

/** A line over the last minute; the newest second is at the right. */
function sparkline(values: number[], label: string): SVGSVGElement {
  const most = Math.max(1, ...values);
  const svg = document.createElementNS(svgNamespace, "svg");
  svg.setAttribute("viewBox", `0 0 ${chartSeconds} 20`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const line = document.createElementNS(svgNamespace, "polyline");
  line.setAttribute("points", values.map((value, nth) => `${nth},${(19 - (18 * value) / most).toFixed(1)}`).join(" "));
  svg.append(line);
  return svg;
}

function figure(label: string, values: number[], text: string): HTMLElement {
  const made = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = `${label} ${text}`;
  made.append(sparkline(values, `${label} ${text}`), caption);
  return made;
}

function chartOf(instance: string): HTMLElement {
  const own = binned.get(instance);
  const end = Math.floor(now() / 1000);
  const seconds = Array.from({ length: chartSeconds }, (_, nth) => own?.get(end - chartSeconds + nth));
  const rates = seconds.map((bin) => bin?.frames ?? 0);
  const bytes = seconds.map((bin) => bin?.bytes ?? 0);
  const lags = seconds.map((bin) => bin?.lag ?? 0);
  const gaps = seconds.reduce((sum, bin) => sum + (bin?.gaps ?? 0), 0);
  const chart = document.createElement("div");
  chart.className = "chart";
  chart.dataset.instance = instance;
  const name = document.createElement("b");
  name.textContent = instance === thisPage ? t("This page") : nameOfInstance(instance);
  const recent = (values: number[]): number => values.slice(-6, -1).reduce((sum, value) => sum + value, 0) / 5;
  chart.append(
    name,
    figure(t("Rate"), rates, t("{n}/s", { n: recent(rates).toFixed(recent(rates) < 10 ? 1 : 0) })),
    figure(t("Bytes"), bytes, t("{n}/s", { n: sizeOf(Math.round(recent(bytes))) })),
    figure(t("Lag"), lags, t("{n} ms at most", { n: Math.round(Math.max(0, ...lags)) })),
  );
  const counted = countedOf.find((one) => one.id === instance);
  const note = document.createElement("span");
  note.className = gaps > 0 ? "bad" : "quiet";
  const all = gaps + (counted?.gaps ?? 0);
  note.textContent = tn(all, "{n} gap", "{n} gaps");
  chart.append(note);
  const kinds = Object.entries({ ...counted?.unknown, ...counted?.malformed });
  if (kinds.length > 0) {
    const unknown = document.createElement("span");
    unknown.className = "bad unknown";
    unknown.textContent = tn(kinds.reduce((sum, [, n]) => sum + n, 0), "{n} unknown", "{n} unknown");
    unknown.title = kinds.map(([kind, n]) => `${kind} × ${n}`).join("\n");
    chart.append(unknown);
  }
  return chart;
}

/** Draws the charts of the instances with the most traffic, and that of this page. */
export function drawCharts(place: HTMLElement): void {
  const traffic = (id: string): number => [...(binned.get(id)?.values() ?? [])].reduce((sum, bin) => sum + bin.frames, 0);
  const ids = countedOf.map((one) => one.id).sort((a, b) => traffic(b) - traffic(a));
  place.replaceChildren(...[...ids.slice(0, mostCharts), thisPage].map(chartOf));
}

export function endCharts(): void {
  binned.clear();
  countedOf = [];
}
