/** Results in IndexedDB: the newest ones, in this browser only, the same in all its tabs. */

const DATABASE = "darkroom";
const STORE = "results";
const BY_TIME = "createdAt";
const KEPT = 50;

/**
 * @typedef {object} Entry a result
 * @property {string} id of its job
 * @property {string} operation
 * @property {number} createdAt milliseconds since 1970
 * @property {string} model
 * @property {number} seconds
 * @property {Blob | null} before a small copy of the photo, if there was one
 * @property {Blob} after what came out, as small: the gateway has the whole picture
 * @property {Record<string, unknown>} parameters
 *
 * @typedef {object} History
 * @property {(entry: Entry) => Promise<void>} add keeps a result, and lets go of the oldest ones; may throw HistoryError
 * @property {() => Promise<Entry[]>} list the newest first; may throw HistoryError
 * @property {(id: string) => Promise<void>} remove
 * @property {() => Promise<void>} clear
 * @property {(listener: () => void) => void} onchange calls whenever any tab has changed something
 */

/** The browser keeps nothing, or has no room. Its message is for people. */
export class HistoryError extends Error {
  /** @param {string} message @param {unknown} cause */
  constructor(message, cause) {
    super(message, { cause });
    this.name = "HistoryError";
  }
}

/** @returns {History} */
export function openHistory() {
  const database = open();
  // Whoever uses it first gets to hear of it.
  database.catch(() => {});
  const channel = new BroadcastChannel("darkroom.history");
  const listeners = new Set();
  const tell = () => listeners.forEach((listener) => listener());
  channel.addEventListener("message", tell);

  async function change(work) {
    await inWords(database.then((opened) => transact(opened, "readwrite", work)));
    channel.postMessage("changed");
    tell();
  }

  return {
    add: (entry) =>
      change((results) => {
        results.put(entry);
        dropOldest(results);
      }),
    async list() {
      const read = (results) => results.index(BY_TIME).getAll();
      const found = await inWords(database.then((opened) => transact(opened, "readonly", read)));
      return found.reverse();
    },
    remove: (id) => change((results) => results.delete(id)),
    clear: () => change((results) => results.clear()),
    onchange: (listener) => listeners.add(listener),
  };
}

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore(STORE, { keyPath: "id" }).createIndex(BY_TIME, BY_TIME);
    request.onsuccess = () => {
      // A newer page in another tab may want another form of it.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
}

/* Resolves when everything is written, with what the work's request has read. */
function transact(database, mode, work) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, mode);
    const request = work(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

function dropOldest(results) {
  const keys = results.index(BY_TIME).getAllKeys();
  keys.onsuccess = () => keys.result.slice(0, -KEPT).forEach((id) => results.delete(id));
}

async function inWords(work) {
  try {
    return await work;
  } catch (error) {
    const words =
      error?.name === "QuotaExceededError"
        ? "This browser has no room for more results. Delete some of the history; this one can still be downloaded."
        : "This browser keeps no history, as in some private windows. Results can still be downloaded.";
    throw new HistoryError(words, error);
  }
}
