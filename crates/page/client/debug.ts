// What a page reports of itself: errors to the hub's log, and, where its address says `debug=events`, every event to the console.

import { exchange } from "./api";
import { taps } from "./live";

/** Errors that one page reports. Further ones are in the browser's console alone. */
const mostReports = 20;
/** Characters of each field of a report. */
const reportChars = 2_000;

let reports = 0;

/** Reports an error of this page to the hub. */
export function reportError(event: ErrorEvent | PromiseRejectionEvent): void {
  reports += 1;
  if (reports > mostReports) return;
  const reason: unknown = "reason" in event ? event.reason : event.error;
  const message = "message" in event && event.message !== "" ? event.message : String(reason);
  const place = "filename" in event ? `${event.filename}:${event.lineno}:${event.colno}` : "";
  const stack = reason instanceof Error ? (reason.stack ?? "") : "";
  const cut = (text: string): string => text.slice(0, reportChars);
  void exchange("POST", "/api/page-errors", { message: cut(message), place: cut(place), stack: cut(stack), path: cut(location.pathname) });
}

/** Logs every event of servers, and every frame of this page's socket, to the browser's console. */
export function logEvents(): void {
  const log = new EventSource("/api/log?after=now");
  log.onmessage = (event: MessageEvent<string>) => console.log("[drovers] server → hub", event.lastEventId, JSON.parse(event.data));
  for (const name of ["gap", "redacted"]) {
    log.addEventListener(name, (event: MessageEvent<string>) => console.log(`[drovers] ${name}`, event.lastEventId, JSON.parse(event.data)));
  }
  taps.add((frame) => console.log("[drovers] hub → page", JSON.parse(frame)));
}
