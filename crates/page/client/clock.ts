// Fills in moments: the hub names them, the page's own clock says how long ago they were.

let offset = 0;

/** Takes the hub's clock as the true one. */
export function setClock(hub: number): void {
  offset = hub - Date.now();
}

export function now(): number {
  return Date.now() + offset;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

function ago(ms: number): string {
  if (ms < minute) return "now";
  if (ms < hour) return `${Math.floor(ms / minute)} min`;
  return ms < day ? `${Math.floor(ms / hour)} h` : `${Math.floor(ms / day)} d`;
}

function seconds(ms: number): string {
  return ms < 2 * minute ? `${Math.max(0, Math.round(ms / 1000))} s` : ago(ms);
}

/** A moment as people write it. */
export function clock(at: number): string {
  const date = new Date(at);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  const today = new Date(now()).toDateString() === date.toDateString();
  return today ? time : `${date.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

function words(at: number, form: string | undefined): string {
  switch (form) {
    case "ago":
      return ago(now() - at);
    case "for":
      return now() - at < minute ? "" : ` for ${ago(now() - at)}`;
    case "seconds":
      return seconds(now() - at);
    case "left":
      return seconds(at - now());
    default:
      return clock(at);
  }
}

/** Writes every moment that reads differently now. */
export function tick(): void {
  for (const time of document.querySelectorAll<HTMLElement>("time[data-at]")) {
    const text = words(Number(time.dataset.at), time.dataset.form);
    if (time.textContent !== text) time.textContent = text;
  }
}
