// Loads chunks on demand. Their URLs are attributes of the document.

import { root } from "./dom";

interface Chunks {
  basket: typeof import("./basket");
  bulk: typeof import("./bulk");
  desk: typeof import("./panes") & typeof import("./permalink") & typeof import("./turn");
  tree: typeof import("./tree");
  changes: typeof import("./changes");
  marks: typeof import("./marks");
  remarks: typeof import("./remarks") & typeof import("./unsent");
  inspect: typeof import("./inspect");
  frames: typeof import("./frames") & typeof import("./charts");
  travel: typeof import("./detail") & typeof import("./travel");
  staging: typeof import("./staging");
  verify: typeof import("./copying") & typeof import("./verify") & typeof import("./debug") & typeof import("./output");
  complete: typeof import("./complete");
  picker: typeof import("./picker");
  queue: typeof import("./queue") & typeof import("./held") & typeof import("./rewrite");
  folders: typeof import("./folders");
  forms: typeof import("./forms");
  beside: typeof import("./beside") & typeof import("./compose") & typeof import("./away");
  notify: typeof import("./notify") & typeof import("./pager") & typeof import("./phone") & typeof import("./push");
  parallel: typeof import("./parallel");
  powers: typeof import("./roles");
  palette: typeof import("./palette") & typeof import("./find");
  session: typeof import("./session") & typeof import("./undo");
  settings: typeof import("./settings") & typeof import("./devices") & typeof import("./launch");
  passkeys: typeof import("./passkeys");
  sort: typeof import("./sort");
  worktrees: typeof import("./worktrees");
}

/** The style sheet of menus, dialogs and all else that the first paint lacks, once it is loaded. Without it things are plain, not broken. */
let laterSheet: Promise<unknown> | undefined;

function loadSheet(): Promise<unknown> {
  return new Promise((done) => {
    const main = document.querySelector<HTMLLinkElement>("link[data-later]");
    if (!main) return done(null);
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.onload = done;
    link.onerror = () => {
      // The next chunk tries again: the hub may be away for a moment.
      laterSheet = undefined;
      link.remove();
      done(null);
    };
    link.href = main.dataset.later ?? "";
    main.before(link);
  });
}

/** Loads a chunk, once, and the style sheet that it needs. */
export async function later<Name extends keyof Chunks>(name: Name): Promise<Chunks[Name]> {
  laterSheet ??= loadSheet();
  const chunk = import(root.getAttribute(`data-chunk-${name}`) ?? "") as Promise<Chunks[Name]>;
  await laterSheet;
  return chunk;
}
