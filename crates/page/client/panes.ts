// Panes at the sides: their widths and whether they are folded, kept by this browser.

import { isSheet } from "./dialogs";
import { byId, root } from "./dom";
import { t } from "./words";

/** A pane's least width and usual one in pixels, the direction in which its edge makes it wider, and its element. */
interface Pane {
  least: number;
  usual: string;
  wider: 1 | -1;
  element: () => HTMLElement | null;
}

/** Width that a conversation keeps, and that the list beside a peek keeps, in pixels. */
const conversation = 400;
const listBesidePeek = 320;
/** Pixels by which an arrow key moves an edge. */
const edgeStep = 16;
/** A pane that is pulled narrower than this folds, in pixels. */
const foldBelow = 120;

const panes: Record<string, Pane> = {
  left: { least: 200, usual: "288px", wider: 1, element: () => byId("left") },
  right: { least: 200, usual: "264px", wider: -1, element: () => byId("right") },
  peek: { least: conversation, usual: "", wider: -1, element: () => document.querySelector<HTMLElement>(".peek") },
};

const widthOf = (pane: string): number => panes[pane]?.element()?.getBoundingClientRect().width ?? 0;
const isFolded = (side: string): boolean => (root.dataset.fold ?? "").split(" ").includes(side);

/** The widest that a pane may be. */
function widest(pane: string): number {
  const main = byId("main")?.getBoundingClientRect().width ?? 0;
  const keeps = pane === "peek" ? listBesidePeek : document.querySelector(".peek") ? conversation + listBesidePeek : conversation;
  return widthOf(pane) + (pane === "peek" ? main - widthOf("peek") : main) - keeps;
}

function storePanes(): void {
  const widths = Object.keys(panes).flatMap((pane) => {
    const width = root.style.getPropertyValue(`--${pane}`);
    return width === "" ? [] : [`--${pane}: ${width}`];
  });
  localStorage.setItem("panes", widths.join("; "));
}

/** Gives a pane a width as far as there is room for it; its usual one for `null`. */
function setWidth(pane: string, width: number | null): void {
  const { least = 0 } = panes[pane] ?? {};
  if (width === null) root.style.removeProperty(`--${pane}`);
  else root.style.setProperty(`--${pane}`, `${Math.round(Math.max(least, Math.min(width, widest(pane))))}px`);
  showPanes();
}

/** Folds a side, or unfolds it. */
export function foldSide(side: string): void {
  const others = (root.dataset.fold ?? "").split(" ").filter((one) => one !== "" && one !== side);
  root.dataset.fold = [...others, ...(isFolded(side) ? [] : [side])].join(" ");
  localStorage.setItem("fold", root.dataset.fold);
  const focused = byId(side)?.contains(document.activeElement) === true;
  showPanes();
  // What unfolds it again.
  if (isFolded(side) && focused) document.querySelector<HTMLElement>(side === "left" ? "#left > .shut" : ".head [data-sheet=right]")?.focus();
}

/** Says how wide each pane is, and what its button does. */
function showPanes(): void {
  for (const edge of document.querySelectorAll<HTMLElement>(".split")) {
    const pane = edge.dataset.pane ?? "";
    edge.setAttribute("aria-valuenow", String(Math.round(widthOf(pane))));
    edge.setAttribute("aria-valuemin", String(panes[pane]?.least ?? 0));
    edge.setAttribute("aria-valuemax", String(Math.round(Math.max(widthOf(pane), widest(pane)))));
    edge.setAttribute("aria-valuetext", isFolded(pane) ? t("folded") : t("{n} pixels", { n: Math.round(widthOf(pane)) }));
  }
  for (const side of ["left", "right"]) showButton(side);
}

/** The button of a side, which folds it or, on what is left of it, unfolds it. */
function showButton(side: string): void {
  const button = byId(side)?.querySelector<HTMLElement>(":scope > .shut");
  if (!button) return;
  const ofPane = t(isFolded(side) ? "Unfold this pane ({key})" : "Fold this pane ({key})", { key: side === "left" ? "b" : "B" });
  const label = isSheet(side) ? t("Close") : ofPane;
  button.textContent = isSheet(side) ? "×" : isFolded(side) === (side === "left") ? "»" : "«";
  [button.title, button.ariaLabel] = [label, label];
}

let dragging: { pane: string; from: number; width: number } | null = null;

function onDown(event: PointerEvent): void {
  const edge = event.target instanceof HTMLElement && event.target.matches(".split") ? event.target : null;
  const pane = edge?.dataset.pane;
  if (!edge || pane === undefined || event.button !== 0) return;
  dragging = { pane, from: event.clientX, width: isFolded(pane) ? 0 : widthOf(pane) };
  edge.setPointerCapture(event.pointerId);
}

function onMove({ clientX }: PointerEvent): void {
  if (!dragging) return;
  const { pane, from, width } = dragging;
  const wanted = width + (clientX - from) * (panes[pane]?.wider ?? 1);
  const folds = pane !== "peek" && wanted < foldBelow;
  if (folds !== isFolded(pane) && (folds || clientX !== from)) foldSide(pane);
  if (!folds) setWidth(pane, wanted);
}

function onUp(): void {
  if (dragging) storePanes();
  dragging = null;
}

function onEdgeKey(event: KeyboardEvent): void {
  const edge = event.target instanceof HTMLElement && event.target.matches(".split") ? event.target : null;
  const pane = edge?.dataset.pane;
  if (pane === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowRight: edgeStep, ArrowLeft: -edgeStep }[event.key];
  if (step !== undefined && !isFolded(pane)) setWidth(pane, widthOf(pane) + step * (panes[pane]?.wider ?? 1));
  else if (event.key === "Home") setWidth(pane, panes[pane]?.least ?? 0);
  else if (event.key === "End") setWidth(pane, widest(pane));
  else if (event.key === "Enter" && pane !== "peek") foldSide(pane);
  else return;
  storePanes();
  event.preventDefault();
  event.stopImmediatePropagation();
}

/** Starts, and returns the function that brings the edges up to date after a change of the page. */
export function watchPanes(): () => void {
  document.addEventListener("pointerdown", onDown);
  document.addEventListener("pointermove", onMove, { passive: true });
  for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, onUp);
  addEventListener("keydown", onEdgeKey, true);
  document.addEventListener("dblclick", ({ target }) => {
    const pane = target instanceof HTMLElement && target.matches(".split") ? target.dataset.pane : undefined;
    if (pane === undefined) return;
    if (isFolded(pane)) foldSide(pane);
    setWidth(pane, null);
    storePanes();
  });
  addEventListener("resize", showPanes, { passive: true });
  return showPanes;
}
