// Cards on a narrow screen, of which one is in sight at a time: their list is as high as that one, so that a low card leaves the
// overview above it in sight.

import { t, tn } from "./words";

const narrow = matchMedia("(max-width: 820px)");
/** How long the list stands still before its height follows, in milliseconds. */
const swipeRest = 120;

const cardList = (): HTMLElement | null => document.querySelector<HTMLElement>("[data-k=needs-list]");

/** The card at which the list is scrolled. */
function cardInSight(list: HTMLElement): HTMLElement | undefined {
  const { left, width } = list.getBoundingClientRect();
  const middle = left + width / 2;
  return [...list.children].find((card): card is HTMLElement => {
    const place = card.getBoundingClientRect();
    return place.left <= middle && middle <= place.right && card instanceof HTMLElement;
  });
}

/** Gives the list the height of the card in sight. */
export function fitCards(): void {
  const list = cardList();
  if (!list) return;
  const height = narrow.matches ? (cardInSight(list)?.offsetHeight ?? 0) : 0;
  const wanted = height === 0 ? "" : `${height}px`;
  if (list.style.height !== wanted) list.style.height = wanted;
  showPosition(list);
}

/** Says which of the cards is in sight, and how many more urgent ones are before it: what comes in there moves nothing. */
function showPosition(list: HTMLElement): void {
  const button = document.querySelector<HTMLElement>(".needs [data-do=first-need]");
  const cards = [...list.querySelectorAll(":scope > li.card")];
  const at = cards.indexOf(cardInSight(list) ?? list);
  if (!button) return;
  const hidden = !narrow.matches || cards.length < 2 || at < 0;
  const where = t("{at} of {all}", { at: at + 1, all: cards.length });
  const words = at > 0 ? `← ${tn(at, "{n} more urgent", "{n} more urgent")} · ${where}` : where;
  if (button.hidden !== hidden) button.hidden = hidden;
  if (!hidden && button.textContent !== words) button.textContent = words;
}

/** Begins. */
export function watchPager(): void {
  let resting: number | undefined;
  const options = { capture: true, passive: true };
  document.addEventListener("scroll", ({ target }) => {
    if (target !== cardList()) return;
    clearTimeout(resting);
    resting = setTimeout(fitCards, swipeRest);
  }, options);
  addEventListener("resize", fitCards, options);
  document.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element) || !target.closest("[data-do=first-need]")) return;
    cardList()?.querySelector(":scope > li.card")?.scrollIntoView({ block: "nearest", inline: "center" });
  });
}
