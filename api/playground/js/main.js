/** Puts the page together: tabs, the key dialog, what is said aloud, and the rooms. */

import { createApi } from "./api.js";
import { mountCode } from "./code.js";
import { byId } from "./dom.js";
import { mountEdit } from "./edit/edit.js";
import { mountHistory, openHistory } from "./history.js";
import { mountUtilities } from "./utilities.js";

const TABS = ["edit", "utilities"];

/** @param {string} text is said by screen readers */
function announce(text) {
  byId("announcer").textContent = text;
}

/** @param {boolean} isOnline */
function showConnection(isOnline) {
  const note = byId("offline");
  note.hidden = isOnline;
  note.textContent = isOnline ? "" : "The gateway does not answer. It may be restarting; this page tries again by itself.";
}

/** @param {import("./api.js").ApiError} error */
function askForKey(error) {
  const dialog = byId("key-dialog");
  const key = byId("key");
  byId("key-text").textContent = error.detail;
  key.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "use" ? key.value.trim() : null), { once: true });
  });
}

function choose(chosen) {
  for (const name of TABS) {
    const tab = byId(`tab-${name}`);
    tab.setAttribute("aria-selected", String(name === chosen));
    tab.tabIndex = name === chosen ? 0 : -1;
    byId(`view-${name}`).hidden = name !== chosen;
  }
}

function mountTabs() {
  const move = { ArrowRight: 1, ArrowLeft: -1 };
  for (const [index, name] of TABS.entries()) {
    const tab = byId(`tab-${name}`);
    tab.addEventListener("click", () => choose(name));
    tab.addEventListener("keydown", (event) => {
      if (!(event.key in move)) return;
      const next = TABS[(index + move[event.key] + TABS.length) % TABS.length];
      choose(next);
      byId(`tab-${next}`).focus();
    });
  }
}

async function readSamples() {
  const response = await fetch("/playground/samples/samples.json");
  const samples = response.ok ? await response.json() : [];
  return samples.map((sample) => ({ ...sample, url: `/playground/samples/${sample.file}` }));
}

async function boot() {
  mountTabs();
  byId("key-cancel").addEventListener("click", () => byId("key-dialog").close());
  const api = createApi({ askForKey, onConnection: showConnection });
  const samples = await readSamples();
  const history = openHistory();
  const code = mountCode(byId("code-dialog"), { isKeyed: api.isKeyed });
  const edit = mountEdit({ api, announce, samples, history, code });
  mountUtilities(byId("view-utilities"), { api, announce, samples, code, fromEditor: edit.opened });
  const drawer = byId("history-drawer");
  byId("open-history").addEventListener("click", () => drawer.showModal());
  mountHistory(byId("history"), history, {
    announce,
    onOpen(entry) {
      drawer.close();
      choose("edit");
      edit.openEntry(entry);
    },
  });
}

boot();
