// The page that is shown while the hub is away: it tries again by itself, and says what waits in this browser to be sent.

/** How often the hub is asked for, in milliseconds. */
const every = 3_000;

/** Loads the page that was asked for, once the hub is there. */
async function attempt(): Promise<void> {
  const answer = await fetch("/api/health/live", { cache: "no-store", signal: AbortSignal.timeout(every) }).catch(() => null);
  if (answer?.ok === true) location.reload();
}

const waiting = document.getElementById("waiting");
if (waiting) waiting.hidden = !Object.keys(localStorage).some((name) => name.startsWith("outbox:"));
setInterval(() => void attempt(), every);
for (const kind of ["online", "pageshow"]) addEventListener(kind, () => void attempt());
document.addEventListener("visibilitychange", () => void attempt());
