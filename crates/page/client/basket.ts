// Attachments of drafts in this browser's own database, so that they outlast a reload as the text of a draft does. A browser that
// stores nothing has them as long as the page.

import type { Attached } from "./attach";

/** Drafts whose attachments are stored. Beyond it those of the draft go that was changed longest ago. */
const mostBaskets = 8;
const baskets = "baskets";

interface Basket {
  at: number;
  files: Attached[];
}

/** Does something with the stored baskets; `undefined` if the browser stores none. */
function inBaskets<Found>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<Found> | undefined): Promise<Found | undefined> {
  return new Promise((done) => {
    try {
      const opening = indexedDB.open("drovers-attachments", 1);
      opening.onupgradeneeded = () => void opening.result.createObjectStore(baskets);
      opening.onerror = opening.onblocked = () => done(undefined);
      opening.onsuccess = () => {
        const change = opening.result.transaction(baskets, mode);
        const request = act(change.objectStore(baskets));
        change.oncomplete = change.onabort = () => {
          opening.result.close();
          done(change.error === null ? request?.result : undefined);
        };
      };
    } catch {
      done(undefined);
    }
  });
}

/** Deletes the oldest baskets until as many are left as may be. */
function makeRoomIn(store: IDBObjectStore): void {
  const known: [number, IDBValidKey][] = [];
  store.openCursor().onsuccess = ({ target }) => {
    const cursor = (target as IDBRequest<IDBCursorWithValue | null>).result;
    if (cursor) {
      known.push([(cursor.value as Basket).at, cursor.primaryKey]);
      return cursor.continue();
    }
    known.sort(([one], [other]) => one - other);
    for (const [, key] of known.slice(0, Math.max(0, known.length - mostBaskets))) store.delete(key);
  };
}

/** Stores the attachments of a draft; without any nothing is stored of it. */
export async function keepBasket(place: string, files: Attached[]): Promise<void> {
  await inBaskets("readwrite", (store): undefined => {
    if (files.length === 0) return void store.delete(place);
    store.put({ at: Date.now(), files } satisfies Basket, place);
    makeRoomIn(store);
  });
}

/** The stored attachments of a draft with these names, and the names of those that are not stored. */
export async function basketOf(place: string, names: string[]): Promise<{ files: Attached[]; missing: string }> {
  const found = await inBaskets<Basket | undefined>("readonly", (store) => store.get(place) as IDBRequest<Basket | undefined>);
  const files = found?.files.filter((file) => names.includes(file.name)) ?? [];
  const missing = names.filter((name) => !files.some((file) => file.name === name));
  return { files, missing: missing.join(", ") };
}
