// Settings dialog. The hub draws it; each change is stored and applied to every open page.

import { complain, exchange, inWords, isGood } from "./api";
import { openDevices } from "./devices";
import { parse, root, say } from "./dom";
import { later } from "./later";
import { adoptSettings, reopenKey, settings, type Settings } from "./settled";
import { t } from "./words";

type Form = HTMLFormElement;

function control(form: Form, name: string): HTMLInputElement | HTMLSelectElement | null {
  return form.querySelector(`[name=${name}]`);
}

const checked = (form: Form, name: string): boolean => (control(form, name) as HTMLInputElement | null)?.checked === true;
const valueOf = (form: Form, name: string): string => control(form, name)?.value ?? "";

/** Applies new settings to the page. */
export function applySettings(fresh: Settings): void {
  // The hub draws the document anew in another language. The draft is stored as it is written; open settings are opened again.
  if (fresh.language !== settings().language) {
    if (document.querySelector("#settings[open]")) sessionStorage.setItem(reopenKey, "");
    location.reload();
  }
  adoptSettings(fresh);
  const { revision, theme, density, size, busy_enter, key_bar } = fresh;
  Object.assign(root.dataset, { settings: String(revision), theme, density, size, enter: busy_enter });
  root.toggleAttribute("data-bar", key_bar);
  const scheme = document.querySelector<HTMLMetaElement>("meta[name=color-scheme]");
  if (scheme) scheme.content = theme === "auto" ? "dark light" : theme;
}

/** Minute of the day of a time field. */
function minutes(time: string): number {
  const [hours = 0, rest = 0] = time.split(":").map(Number);
  return hours * 60 + rest;
}

/** Number of a field in smaller units, 0 if the field is empty. */
const amount = (form: Form, name: string, units: number): number => Math.max(0, Math.round(Number(valueOf(form, name)) * units));

function chosenSettings(form: Form): Omit<Settings, "revision"> {
  const instances = [...form.querySelectorAll<HTMLInputElement>("[name=told]")];
  return {
    language: valueOf(form, "language") as Settings["language"],
    theme: valueOf(form, "theme") as Settings["theme"],
    density: valueOf(form, "density") as Settings["density"],
    size: valueOf(form, "size") as Settings["size"],
    busy_enter: valueOf(form, "busy_enter") as Settings["busy_enter"],
    key_bar: checked(form, "key_bar"),
    notify: {
      needs: checked(form, "needs"),
      failed: checked(form, "failed"),
      finished: checked(form, "finished"),
      muted: instances.filter((one) => !one.checked).map((one) => one.value),
      quiet: checked(form, "quiet") ? { from: minutes(valueOf(form, "from")), until: minutes(valueOf(form, "until")) } : null,
    },
    budget: {
      session_cost: amount(form, "session_cost", 100),
      day_cost: amount(form, "day_cost", 100),
      turn_minutes: amount(form, "turn_minutes", 1),
      day_minutes: amount(form, "day_minutes", 1),
      stop: checked(form, "stop"),
      stop_circles: checked(form, "stop_circles"),
    },
  };
}

/** Why a limit cannot be as it is written; empty if it can. */
function whyNoLimit(form: Form): string {
  const field = [...form.querySelectorAll<HTMLInputElement>("input[type=number]")].find((one) => one.validity.rangeOverflow || one.validity.badInput);
  if (!field) return "";
  const most = Number(field.max);
  const money = new Intl.NumberFormat(root.lang, { style: "currency", currency: "USD", maximumFractionDigits: 0 }).format(most);
  return field.name.endsWith("_cost") ? t("A limit of cost is at most {most}. Nothing was changed.", { most: money }) : t("A limit of time is at most {most} minutes, a year. Nothing was changed.", { most });
}

async function store(form: Form): Promise<void> {
  const why = whyNoLimit(form);
  if (why !== "") return complain(form, why);
  const reply = await exchange("PUT", "/api/settings", chosenSettings(form));
  if (!isGood(reply)) {
    const silent = "Drovers did not answer, so nothing was changed. Try again.";
    return complain(form, reply.status === 0 ? silent : inWords(reply.json, reply.status));
  }
  complain(form, "");
  applySettings(reply.json as unknown as Settings);
  say("Saved");
}

/** Ends the access of this browser. */
async function logOut(form: Form): Promise<void> {
  const reply = await exchange("POST", "/api/logout");
  if (!isGood(reply)) return complain(form, reply.status === 0 ? "Drovers did not answer. Try again." : inWords(reply.json, reply.status));
  localStorage.removeItem("proof");
  location.reload();
}

const states: Record<string, string> = {
  granted: "This browser notifies you while this page is open, but not in front.",
  denied: "This browser does not allow notifications from this page. Its site settings can change that.",
  default: "This browser has not been asked yet.",
  missing: "This browser cannot notify from this page.",
};

function showLeave(form: Form, leave: string): void {
  const line = form.querySelector<HTMLElement>("[data-leave]");
  if (line) line.textContent = t(states[leave] ?? "");
  const ask = form.querySelector<HTMLElement>("[data-ask-leave]");
  if (ask) ask.hidden = leave !== "default";
}

function bindSettings(dialog: HTMLDialogElement): void {
  const form = dialog.querySelector("form");
  if (!form) return;
  form.addEventListener("change", () => void store(form));
  form.querySelector("[data-ask-leave]")?.addEventListener("click", () => {
    void later("notify").then(async (own) => showLeave(form, await own.askLeave()));
  });
  form.querySelector("[data-do=devices]")?.addEventListener("click", () => {
    dialog.close();
    void openDevices();
  });
  form.querySelector("[data-do=passkeys]")?.addEventListener("click", () => {
    dialog.close();
    void later("passkeys").then((own) => own.openPasskeys());
  });
  form.querySelector("[data-do=log-out]")?.addEventListener("click", () => void logOut(form));
  showLeave(form, "Notification" in window ? Notification.permission : "missing");
  void later("notify").then((own) => own.bindPush(form));
}

/** Fetches and opens the dialog. */
export async function openSettings(): Promise<void> {
  if (document.querySelector("dialog[open]")) return;
  const answer = await fetch("/fragment/settings").catch(() => null);
  const dialog = answer?.ok ? parse(await answer.text()) : null;
  if (!(dialog instanceof HTMLDialogElement)) return say("The settings could not be read. Try again.");
  document.getElementById("settings")?.remove();
  document.body.append(dialog);
  bindSettings(dialog);
  dialog.showModal();
  // A person who chose another language is where the choice was made.
  if (sessionStorage.getItem(reopenKey) !== null) dialog.querySelector<HTMLElement>("[name=language]")?.focus();
  sessionStorage.removeItem(reopenKey);
}
