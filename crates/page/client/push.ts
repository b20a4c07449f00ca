// Notifications on this device while no page is open: the browser's subscription, and what the hub knows of it.

import { exchange, inWords, isGood } from "./api";
import { base64Url } from "./base64";
import { root } from "./dom";
import { t } from "./words";

/** Storage keys: whether this device is subscribed ("on", or "buttons" with answers in notifications), and its id at the hub. */
const pushChoiceKey = "push";
const pushIdKey = "push-id";

export const isPushOn = (): boolean => localStorage.getItem(pushChoiceKey) !== null;
const hasButtons = (): boolean => localStorage.getItem(pushChoiceKey) === "buttons";
const canPush = (): boolean => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

/** Gives the worker the proof of this page, without which it cannot answer; or takes it away. */
function shareProof(proof: string | null): Promise<void> {
  return new Promise((done) => {
    const opening = indexedDB.open("drovers", 1);
    opening.onupgradeneeded = () => void opening.result.createObjectStore("keys");
    opening.onerror = () => done();
    opening.onsuccess = () => {
      const change = opening.result.transaction("keys", "readwrite");
      if (proof === null) change.objectStore("keys").delete("proof");
      else change.objectStore("keys").put(proof, "proof");
      change.oncomplete = change.onabort = () => {
        opening.result.close();
        done();
      };
    };
  });
}

/** The browser's subscription for this hub's key; one for another key is replaced. */
async function subscription(key: string): Promise<PushSubscription> {
  const { pushManager } = await navigator.serviceWorker.ready;
  const standing = await pushManager.getSubscription();
  const its = standing?.options.applicationServerKey;
  if (standing && its && base64Url(its) === key) return standing;
  await standing?.unsubscribe();
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

/** Subscribes this device. A sentence if that failed. */
async function subscribe(buttons: boolean): Promise<string> {
  const known = await exchange("GET", "/api/push");
  if (!isGood(known)) return "Drovers did not answer, so nothing was changed. Try again.";
  const { endpoint, keys } = (await subscription(String(known.json.key))).toJSON();
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const device = { endpoint, p256dh: keys?.p256dh, auth: keys?.auth, language: root.lang, zone, buttons };
  const reply = await exchange("POST", "/api/push/devices", device);
  if (!isGood(reply)) return reply.status === 0 ? "Drovers did not answer, so nothing was changed. Try again." : inWords(reply.json, reply.status);
  localStorage.setItem(pushChoiceKey, buttons ? "buttons" : "on");
  localStorage.setItem(pushIdKey, String(reply.json.id));
  await shareProof(buttons ? (localStorage.getItem("proof") ?? "") : null);
  return "";
}

async function unsubscribe(): Promise<string> {
  const id = localStorage.getItem(pushIdKey);
  localStorage.removeItem(pushChoiceKey);
  localStorage.removeItem(pushIdKey);
  await shareProof(null);
  const registration = await navigator.serviceWorker.getRegistration();
  await (await registration?.pushManager.getSubscription())?.unsubscribe();
  // The push service refuses what the hub sends from now on: it forgets the device then, if not at once.
  if (id !== null) await exchange("DELETE", `/api/push/devices/${encodeURIComponent(id)}`);
  return "";
}

/** Tells the hub again what it may have lost, and the browser's address if that is another one. */
export async function renewPush(): Promise<void> {
  if (isPushOn() && canPush() && Notification.permission === "granted") await subscribe(hasButtons());
}

/** Binds the switches of the settings. They are of this device: the hub does not keep them with the others. */
export function bindPush(form: HTMLFormElement): void {
  const on = form.querySelector<HTMLInputElement>("[name=push]");
  const buttons = form.querySelector<HTMLInputElement>("[name=push_buttons]");
  const line = form.querySelector<HTMLElement>("[data-push]");
  if (!on || !buttons || !line) return;
  const show = (text: string): void => {
    on.checked = isPushOn();
    on.disabled = !canPush();
    buttons.checked = hasButtons();
    buttons.disabled = !on.checked;
    line.textContent = t(text);
    line.hidden = text === "";
  };
  const change = async (): Promise<void> => {
    if (!on.checked) return show(await unsubscribe());
    if ((await Notification.requestPermission()) !== "granted") return show("This browser does not allow notifications from this page. Its site settings can change that.");
    const failed = "The browser could not subscribe: its push service did not answer. Try again later.";
    show(await subscribe(buttons.checked).catch(() => failed));
  };
  for (const box of [on, buttons]) {
    box.addEventListener("change", (event) => {
      event.stopPropagation();
      void change();
    });
  }
  show(canPush() ? "" : "This browser has no notifications for a closed page here. On an iPhone, add Drovers to the home screen first.");
}
