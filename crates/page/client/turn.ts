// All tools and thoughts of a turn at once.

import { byId } from "./dom";
import { keepReading, placeOfReader } from "./reading";

/** The messages of the turn with the focus, or of the last one that begins above the middle of what is in sight: a prompt and its answers. */
function turnInSight(): HTMLElement[] {
  const log = byId("log");
  const messages = [...document.querySelectorAll<HTMLElement>("#log article")];
  const { top = 0, height = 0 } = log?.getBoundingClientRect() ?? {};
  const focused = messages.findIndex((message) => message.contains(document.activeElement));
  const sighted = messages.findLastIndex((message) => message.getBoundingClientRect().top < top + height / 2);
  const at = focused >= 0 ? focused : Math.max(0, sighted);
  const begins = ({ dataset }: HTMLElement): boolean => dataset.role === "user";
  const from = messages.slice(0, at + 1).findLastIndex(begins);
  const to = messages.findIndex((message, nth) => nth > at && begins(message));
  return messages.slice(Math.max(0, from), to < 0 ? undefined : to);
}

/** Opens or closes every tool and thought of the turn that is read; what is in sight stays where it is. */
export function foldTurn(open: boolean): void {
  const place = placeOfReader();
  const parts = turnInSight().flatMap((message) => [...message.querySelectorAll<HTMLDetailsElement>("details:is(.tool, .aside)")]);
  for (const part of parts) part.open = open;
  if (place) keepReading(place);
}
