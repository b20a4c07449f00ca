// Settings of the hub, shared by all devices. The document carries them as attributes, so that the first paint is right.

import { root } from "./dom";

/** Settings as in `/api/settings`. */
export interface Settings {
  /** Number of changes. */
  revision: number;
  language: "auto" | "en" | "de" | "zh";
  theme: "auto" | "light" | "dark";
  density: "comfortable" | "compact";
  size: "small" | "usual" | "large" | "largest";
  busy_enter: "steer" | "queue";
  key_bar: boolean;
  notify: {
    needs: boolean;
    failed: boolean;
    finished: boolean;
    /** Instances without notifications. */
    muted: string[];
    /** Quiet hours as minutes of the day, by the clock of the device. */
    quiet: { from: number; until: number } | null;
  };
  /** Limits of cost in US cents and of time in minutes; 0 is none. */
  budget: { session_cost: number; day_cost: number; turn_minutes: number; day_minutes: number; stop: boolean; stop_circles: boolean };
}

let known: Settings | null = null;

/** Current settings. */
export function settings(): Settings {
  known ??= JSON.parse(root.dataset.settingsJson ?? "") as Settings;
  return known;
}

/** Stores the settings that hold from now on. */
export function adoptSettings(fresh: Settings): void {
  known = fresh;
}

/** True if notifications are permitted and at least one kind is on. */
export const notifies = ({ notify }: Settings): boolean =>
  "Notification" in window && Notification.permission === "granted" && (notify.needs || notify.failed || notify.finished);

/** Storage key of a page that opens the settings again once it is loaded. */
export const reopenKey = "settings-again";

/** Storage key that records that notifications were offered in this browser. */
export const offeredKey = "notify-offered";
