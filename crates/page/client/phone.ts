// What an installed page has beside a tab: the service worker, what its notifications lead to, and the time of the last state while
// the hub is away.

import { clock, now } from "./clock";
import { byId, root } from "./dom";
import { taps } from "./live";
import { later } from "./later";
import { land } from "./notify";
import { fitCards, watchPager } from "./pager";
import { renewPush } from "./push";
import { watchWheel } from "./wheel";
import { t } from "./words";

/** When the last frame of the hub arrived, by the hub's clock. */
let lastFrame = now();

/** Says of which time the state is that is shown while the hub is away. Another reason than the usual one stays. */
function showAge(): void {
  const line = byId("offline");
  if (!line || !root.hasAttribute("data-offline") || line.textContent !== t("Page offline. Reconnecting; prompts are queued")) return;
  line.textContent = t("Page offline. This is the state of {at}. Reconnecting; prompts are queued", { at: clock(lastFrame) });
}

/** Closes notifications of the service worker: whoever sees the page needs none. */
async function closeNotices(): Promise<void> {
  if (document.hidden) return;
  const registration = await navigator.serviceWorker.getRegistration();
  for (const standing of (await registration?.getNotifications()) ?? []) standing.close();
}

/** The address of a shortcut leads to what waits. */
function followShortcut(): void {
  if (location.hash !== "#needs") return;
  history.replaceState(null, "", location.pathname);
  document.querySelector<HTMLElement>(".needs .card, [data-k='g:Needs you']")?.scrollIntoView({ block: "nearest" });
}

/** Starts, once the page has done everything else. */
export function beginPhone(): void {
  taps.add(() => (lastFrame = now()));
  new MutationObserver(showAge).observe(root, { attributeFilter: ["data-offline"] });
  showAge();
  followShortcut();
  watchWheel();
  watchPager();
  void later("beside").then((own) => own.alongside(fitCards));
  // Only a page of this machine or with TLS may have a worker.
  if (!("serviceWorker" in navigator)) return;
  navigator.serviceWorker.addEventListener("message", ({ data }: MessageEvent<{ t: string; path: string; key?: string }>) => {
    if (data.t === "go") void land({ path: data.path, key: data.key ?? "" });
  });
  document.addEventListener("visibilitychange", () => void closeNotices());
  // Where the hub is away just now the next page tries again.
  navigator.serviceWorker.register("/sw.js", { updateViaCache: "none" }).then(renewPush).catch(() => undefined);
}
