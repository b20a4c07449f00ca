// The service worker: it stores the files of the shell, so that a page that is opened while the hub is away says so, and shows
// what the hub pushes. It stores no document with a session's text, no fragment and no answer of the API.

import { shellFiles, shellVersion } from "./shelf";

/** What a service worker has beside what a page has, as far as it is used here. */
interface Lasting extends Event {
  waitUntil: (done: Promise<unknown>) => void;
}
interface Fetching extends Lasting {
  request: Request;
  preloadResponse: Promise<Response | undefined>;
  respondWith: (answer: Promise<Response>) => void;
}
interface Pushing extends Lasting {
  data: { json: () => unknown } | null;
}
interface Pressing extends Lasting {
  action: string;
  notification: Notification;
}
interface Pane {
  url: string;
  visibilityState: DocumentVisibilityState;
  focus: () => Promise<Pane>;
  postMessage: (message: unknown) => void;
}
interface Scope {
  registration: ServiceWorkerRegistration;
  clients: {
    claim: () => Promise<void>;
    matchAll: (which: { type: "window"; includeUncontrolled: boolean }) => Promise<Pane[]>;
    openWindow: (url: string) => Promise<unknown>;
  };
  skipWaiting: () => Promise<void>;
  addEventListener: <E extends Event>(kind: string, act: (event: E) => void) => void;
}
const worker = self as unknown as Scope;

/** An answer to a request that a notification shows whole. */
interface Answering {
  url: string;
  fingerprint: string;
  allow: string;
  reject: string;
  failed: string;
}

/** What the hub pushes. */
type Message =
  | { t: "show"; tag: string; title: string; body: string; path: string; needs: number; key?: string; answer?: Answering }
  | { t: "close"; tag: string; needs: number };

/** What a notification is about. */
interface About {
  path: string;
  key?: string;
  answer?: Answering;
  /** When it was shown. */
  at: number;
}

const shelf = `shell-${shellVersion}`;
/** The document that is shown while the hub is away. */
const offlinePath = "/offline";
/** Icon of notifications. */
const icon = shellFiles.find((path) => path.includes("/icon-192")) ?? "";
/** How long a document may take before the page says that the hub is away; it goes on trying. */
const patience = 10_000;
/** How long a notification has to stand before its buttons count, as a card has to. */
const settles = 400;

async function fill(): Promise<void> {
  const cache = await caches.open(shelf);
  await cache.addAll(shellFiles.map((path) => new Request(path, { cache: path === offlinePath ? "reload" : "default" })));
  await worker.skipWaiting();
}

async function takeOver(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith("shell-") && name !== shelf);
  await Promise.all(old.map((name) => caches.delete(name)));
  await worker.registration.navigationPreload?.enable();
  await worker.clients.claim();
}

/** The document from the hub; where it is away, the one that says so. A proxy before the hub says it by its status. */
async function openDocument({ preloadResponse, request }: Fetching): Promise<Response> {
  const away = async (): Promise<Response> => (await caches.match(offlinePath)) ?? Response.error();
  const late = new Promise<null>((done) => setTimeout(() => done(null), patience));
  try {
    const answer = await Promise.race([preloadResponse.then((early) => early ?? fetch(request)), late]);
    return answer === null || [502, 503, 504].includes(answer.status) ? await away() : answer;
  } catch {
    return away();
  }
}

async function shellFile(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}

function answerFetch(event: Fetching): void {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(openDocument(event));
  else if (url.pathname.startsWith("/assets/") && shellFiles.includes(url.pathname)) event.respondWith(shellFile(request));
}

const panes = (): Promise<Pane[]> => worker.clients.matchAll({ type: "window", includeUncontrolled: true });

/** The icon's count of what waits. */
function badge(needs: number): void {
  void (needs > 0 ? navigator.setAppBadge?.(needs) : navigator.clearAppBadge?.())?.catch(() => undefined);
}

async function close(tag: string): Promise<void> {
  for (const standing of await worker.registration.getNotifications({ tag })) standing.close();
}

/** Safari takes the leave back from whom shows nothing for a push. */
const mustShow = !/Chrome|Firefox/.test(navigator.userAgent);

async function pushed(message: Message): Promise<void> {
  badge(message.needs);
  if (message.t === "close") return close(message.tag);
  const { tag, title, body, path, key, answer } = message;
  // Who sees the page needs no notification.
  const seen = (await panes()).some((pane) => pane.visibilityState === "visible");
  if (seen && !mustShow) return;
  const about: About = { path, key, answer, at: Date.now() };
  const actions = answer ? [{ action: "allow", title: answer.allow }, { action: "reject", title: answer.reject }] : [];
  const options = { body, tag, icon, data: about, actions, timestamp: about.at };
  await worker.registration.showNotification(title, options);
  if (seen) await close(tag);
}

/** The proof of the page, where it allowed buttons on this device. */
function proof(): Promise<string | undefined> {
  return new Promise((done) => {
    const opening = indexedDB.open("drovers", 1);
    opening.onupgradeneeded = () => void opening.result.createObjectStore("keys");
    opening.onerror = () => done(undefined);
    opening.onsuccess = () => {
      const read = opening.result.transaction("keys").objectStore("keys").get("proof");
      read.onsuccess = () => done(read.result as string | undefined);
      read.onerror = () => done(undefined);
    };
  });
}

/** Sends the answer of a button. False if the card has to be opened instead. */
async function reply({ url, fingerprint }: Answering, action: string): Promise<boolean> {
  const shown = await proof();
  if (shown === undefined) return false;
  const headers: Record<string, string> = { "content-type": "application/json", "idempotency-key": crypto.randomUUID() };
  if (shown !== "") headers["x-drovers-proof"] = shown;
  const body = action === "allow" ? { reply: "once", fingerprint } : { reply: "reject" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
  return answer?.ok === true;
}

/** Shows a page: one that is open is brought to the front and goes there. */
async function open({ path, key }: About): Promise<void> {
  const all = await panes();
  const pane = all.find((one) => new URL(one.url).pathname === path) ?? all.find((one) => one.visibilityState === "visible") ?? all[0];
  if (!pane) return void (await worker.clients.openWindow(path));
  pane.postMessage({ t: "go", path, key });
  await pane.focus();
}

async function pressed({ action, notification }: Pressing): Promise<void> {
  const about = notification.data as About;
  const { answer, at } = about;
  if (action === "" || answer === undefined || Date.now() - at < settles) return open(about);
  if (await reply(answer, action)) return;
  // Windows may be opened for a moment after a press only: it takes another one to get to the card.
  const { title, body, tag } = notification;
  await worker.registration.showNotification(title, { body: `${answer.failed}\n${body}`, tag, icon, data: { ...about, answer: undefined } });
}

worker.addEventListener<Lasting>("install", (event) => event.waitUntil(fill()));
worker.addEventListener<Lasting>("activate", (event) => event.waitUntil(takeOver()));
worker.addEventListener<Fetching>("fetch", answerFetch);
/** The messages so far. They are taken one after the other: a withdrawal that comes right after its notification must not overtake it. */
let taken: Promise<unknown> = Promise.resolve();

worker.addEventListener<Pushing>("push", (event) => {
  if (!event.data) return;
  const message = event.data.json() as Message;
  const done = taken.then(() => pushed(message));
  taken = done.catch(() => undefined);
  event.waitUntil(done);
});
worker.addEventListener<Pressing>("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(pressed(event).catch(() => undefined));
});
