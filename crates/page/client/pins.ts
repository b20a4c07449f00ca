// Folders that a person pinned in this browser, for the dialog that adds an instance.

const pinsKey = "pinned-folders";
/** Maximum number of pins. Beyond it the oldest goes. */
const mostPins = 30;

/** Paths of the pinned folders, the newest first. */
export function pins(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(pinsKey) ?? "[]");
    return Array.isArray(stored) ? stored.filter((path): path is string => typeof path === "string").slice(0, mostPins) : [];
  } catch {
    return [];
  }
}

/** Pins a folder, or takes its pin away. */
export function togglePin(path: string): void {
  const others = pins().filter((one) => one !== path);
  const now = others.length < pins().length ? others : [path, ...others].slice(0, mostPins);
  try {
    localStorage.setItem(pinsKey, JSON.stringify(now));
  } catch {
    // There is no room: it is not pinned, and the button shows that.
  }
}
