// Attachments: pasted, dropped, chosen, or taken by a camera. They last as long as the draft.

import { complain } from "./api";
import { byId, root, say } from "./dom";
import { later } from "./later";
import { t, tn } from "./words";

export interface Attached {
  name: string;
  mime: string;
  bytes: number;
  /** A `data:` address with its content. */
  url: string;
  /** The file, where it is a picture to show. */
  picture?: Blob;
}

/** Files of a prompt, as the hub takes them. */
const mostFiles = 10;
/** Bytes of one of them, and of all. */
const mostFileBytes = 8 << 20;
const mostAllBytes = 10 << 20;
/** Pixels of a thumbnail's side. */
const thumbSide = 40;

/** Types offered by the file dialog. */
const accepted = "image/png,image/jpeg,image/gif,image/webp,application/pdf,text/*,.md,.json,.toml,.yaml,.yml,.rs,.ts,.py,.go,.log";

const attached = new Map<string, Attached[]>();

/** Key of the session in front. */
export const placeHere = (): string => `${root.dataset.instance ?? ""}/${root.dataset.session ?? ""}`;
export const attachedHere = (): Attached[] => attached.get(placeHere()) ?? [];
export const promptForm = (): HTMLFormElement | null => byId<HTMLFormElement>("prompt");

function setAttached(files: Attached[]): void {
  const place = placeHere();
  basketsSeen.add(place);
  if (files.length === 0) attached.delete(place);
  else attached.set(place, files);
  const name = storedPrefix + place;
  if (files.length === 0 && localStorage.getItem(name) === null) return;
  // At once: a reload that overtakes the database brings back nothing that was removed.
  try {
    if (files.length === 0) localStorage.removeItem(name);
    else localStorage.setItem(name, files.map((file) => file.name).join("\n"));
  } catch {
    // localStorage is full: the attachments last as long as the page.
  }
  void later("basket").then((own) => own.keepBasket(place, files));
}

/** Prefix of the storage keys that say of which draft attachments are stored, with their names. */
const storedPrefix = "attached:";
/** Drafts whose attachments of an earlier page were looked for, or that were changed here. */
const basketsSeen = new Set<string>();

/** Shows what was attached to the draft in front before the page was loaded, or says what has to be attached again. */
async function attachStored(): Promise<void> {
  const [place, form] = [placeHere(), promptForm()];
  const names = localStorage.getItem(storedPrefix + place);
  if (names === null || basketsSeen.has(place)) return;
  basketsSeen.add(place);
  const { files, missing } = await later("basket").then((own) => own.basketOf(place, names.split("\n")));
  if (attached.has(place) || placeHere() !== place) return;
  if (missing && form) complain(form, t("Attach {names} again: this browser did not keep it.", { names: missing }));
  if (files.length === 0) return;
  attached.set(place, files);
  drawAttached();
}

export const forgetAttached = (): void => setAttached([]);

const magic: [string, number[]][] = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/gif", [0x47, 0x49, 0x46, 0x38]],
  ["application/pdf", [0x25, 0x50, 0x44, 0x46, 0x2d]],
];

/** Media type by content; `null` if unsupported. */
function typeOf(bytes: Uint8Array): string | null {
  const known = magic.find(([, start]) => start.every((byte, at) => bytes[at] === byte));
  if (known) return known[0];
  const word = (from: number): string => String.fromCharCode(...bytes.slice(from, from + 4));
  if (word(0) === "RIFF" && word(8) === "WEBP") return "image/webp";
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).includes("\0") ? null : "text/plain";
  } catch {
    return null;
  }
}

function dataUrl(blob: Blob): Promise<string> {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result));
    reader.onerror = () => failed(reader.error ?? new Error("unreadable"));
    reader.readAsDataURL(blob);
  });
}

/** Reads a file; returns a sentence if it cannot be attached. */
async function read(file: File): Promise<Attached | string> {
  if (file.size > mostFileBytes) return t("{name} is larger than 8 MB. Attach a smaller file.", { name: file.name });
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const mime = typeOf(bytes);
    if (mime === null) return t("{name} is neither a picture, a PDF nor a text. Attach one of those.", { name: file.name });
    const blob = new Blob([bytes], { type: mime });
    const one: Attached = { name: file.name || "pasted", mime, bytes: bytes.length, url: await dataUrl(blob) };
    return mime.startsWith("image/") ? { ...one, picture: blob } : one;
  } catch {
    return t("{name} cannot be read. Folders cannot be attached; name one with @ instead.", { name: file.name });
  }
}

/** Attaches as many files as fit, and reports the others. */
export async function attachFiles(files: File[]): Promise<void> {
  const form = promptForm();
  const place = placeHere();
  const problems: string[] = [];
  for (const file of files) {
    const one = await read(file);
    if (placeHere() !== place) return;
    const here = attachedHere();
    const all = here.reduce((sum, { bytes }) => sum + bytes, 0);
    if (typeof one === "string") problems.push(one);
    else if (here.length >= mostFiles) problems.push(t("{name} was not attached: a prompt carries at most {most} files.", { name: one.name, most: mostFiles }));
    else if (all + one.bytes > mostAllBytes) problems.push(t("{name} was not attached: all files of a prompt have at most 10 MB.", { name: one.name }));
    else setAttached([...here, one]);
  }
  drawAttached();
  if (form) complain(form, problems.join(" "));
  if (problems.length < files.length) say(tn(files.length - problems.length, "{n} attached", "{n} attached"));
}

/** Opens the file chooser, or the camera. */
export function attachFrom(control: HTMLElement): void {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.accept = accepted;
  if (control.dataset.camera !== undefined) {
    input.accept = "image/*";
    input.setAttribute("capture", "environment");
  }
  input.id = "files";
  input.hidden = true;
  input.addEventListener("change", () => {
    void attachFiles([...(input.files ?? [])]);
    input.remove();
  });
  byId("files")?.remove();
  promptForm()?.append(input);
  input.click();
}

async function drawThumb(canvas: HTMLCanvasElement, picture: Blob): Promise<void> {
  const side = thumbSide * devicePixelRatio;
  canvas.width = canvas.height = side;
  try {
    const image = await createImageBitmap(picture);
    const scale = Math.max(side / image.width, side / image.height);
    const [width, height] = [image.width * scale, image.height * scale];
    canvas.getContext("2d")?.drawImage(image, (side - width) / 2, (side - height) / 2, width, height);
    image.close();
  } catch {
    canvas.remove();
  }
}

const sizeInWords = (bytes: number): string =>
  bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;

export function chip(name: string, detail: string, buttons: [string, string, () => void][]): HTMLLIElement {
  const item = document.createElement("li");
  const label = document.createElement("span");
  label.className = "what";
  label.textContent = name;
  const more = document.createElement("span");
  more.className = "quiet";
  more.textContent = detail;
  item.append(label, more);
  for (const [sign, title, act] of buttons) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sign;
    if (sign.length === 1) button.className = "icon";
    button.ariaLabel = title;
    button.addEventListener("click", act);
    item.append(button);
  }
  return item;
}

function fileChip(file: Attached): HTMLLIElement {
  const remove = (): void => {
    setAttached(attachedHere().filter((one) => one !== file));
    drawAttached();
    byId("text")?.focus();
  };
  const item = chip(file.name, sizeInWords(file.bytes), [["×", t("Remove {name}", { name: file.name }), remove]]);
  if (file.picture) {
    const canvas = document.createElement("canvas");
    canvas.ariaHidden = "true";
    item.prepend(canvas);
    void drawThumb(canvas, file.picture);
  }
  return item;
}

let moreChips: () => HTMLLIElement[] = () => [];

/** Sets the source of further chips. */
export function showBeside(chips: () => HTMLLIElement[]): void {
  moreChips = chips;
}

/** Draws the attachments of the prompt in front. */
export function drawAttached(): void {
  const list = byId("attached");
  if (!list) return;
  void attachStored();
  list.replaceChildren(...attachedHere().map(fileChip), ...moreChips());
  list.hidden = !list.hasChildNodes();
}

/** Restores the attachments of a prompt for editing. */
export function attachAgain(parts: unknown): void {
  if (!Array.isArray(parts)) return;
  const files = (parts as { filename?: string; mime?: string; url?: string }[]).map(({ filename, mime = "", url = "" }) => {
    const bytes = Math.floor(((url.length - url.indexOf(",")) * 3) / 4);
    return { name: filename ?? "file", mime, bytes, url };
  });
  setAttached([...attachedHere(), ...files].slice(0, mostFiles));
  drawAttached();
}
