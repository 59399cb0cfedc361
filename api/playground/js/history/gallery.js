/** The history as a gallery: open, delete one, delete all. */

import { h, icon } from "../dom.js";
import { HistoryError } from "./store.js";

const OPERATIONS = {
  removal: "Removal",
  insertion: "Insertion",
  "white-balance": "White balance",
  "text-to-image": "New picture",
};
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/**
 * Draw the history, now and whenever it changes.
 * @param {HTMLElement} root
 * @param {import("./store.js").History} history
 * @param {{onOpen: (entry: import("./store.js").Entry) => void, announce: (text: string) => void}} hooks
 */
export function mountHistory(root, history, { onOpen, announce }) {
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const empty = h("p", { class: "history-empty", tabIndex: -1 }, "Your results will be here: they stay in this browser.");
  const list = h("ul", { class: "history-list", "aria-label": "Results, the newest first" });
  const foot = h("div", { class: "history-foot" });
  /** @type {string[]} */
  let addresses = [];
  let last = Promise.resolve();
  root.append(problem, empty, list, foot);

  function picture(blob) {
    const address = URL.createObjectURL(blob);
    addresses.push(address);
    return h("img", { src: address, alt: "", loading: "lazy", decoding: "async" });
  }

  function card(entry) {
    const name = OPERATIONS[entry.operation] ?? entry.operation;
    const when = timeOf(entry.createdAt);
    return h(
      "li",
      { class: "history-card" },
      h(
        "button",
        { type: "button", class: "history-open", onclick: () => onOpen(entry) },
        picture(entry.after),
        h("span", { class: "history-name" }, name),
        h("span", { class: "history-facts" }, `${when} · ${entry.model} · ${entry.seconds.toFixed(1)} s`),
      ),
      h(
        "button",
        {
          type: "button",
          class: "button quiet square history-delete",
          "aria-label": `Delete ${name} of ${when}`,
          onclick: (event) => removeOne(entry, event.currentTarget.closest("li")),
        },
        icon("clear"),
      ),
    );
  }

  async function draw() {
    const entries = await history.list();
    const shown = addresses;
    addresses = [];
    list.replaceChildren(...entries.map(card));
    shown.forEach((address) => URL.revokeObjectURL(address));
    empty.hidden = entries.length > 0;
    list.hidden = foot.hidden = entries.length === 0;
    offerClear(entries.length);
    problem.hidden = true;
  }

  /* One after the other: of two at once, the older might be done last. */
  function drawNext() {
    last = last.then(draw).catch(show);
    return last;
  }

  function show(error) {
    if (!(error instanceof HistoryError)) throw error;
    problem.textContent = error.message;
    problem.hidden = false;
  }

  async function act(work, said) {
    try {
      await work();
      await last;
      announce(said);
    } catch (error) {
      show(error);
    }
  }

  async function removeOne(entry, item) {
    const place = [...list.children].indexOf(item);
    await act(() => history.remove(entry.id), "Deleted.");
    const next = list.children[Math.min(place, list.children.length - 1)];
    (next?.querySelector(".history-delete") ?? empty).focus();
  }

  function offerClear(count) {
    const ask = h("button", { type: "button", class: "button quiet", onclick: () => confirmClear(count) }, "Delete all");
    foot.replaceChildren(ask);
    return ask;
  }

  function confirmClear(count) {
    const question = count === 1 ? "Delete the one result?" : `Delete all ${count} results?`;
    const keep = h("button", { type: "button", class: "button", onclick: () => offerClear(count).focus() }, "Keep them");
    const sure = h("button", { type: "button", class: "button danger", onclick: clearAll }, "Delete");
    foot.replaceChildren(h("p", {}, question), keep, sure);
    announce(question);
    keep.focus();
  }

  async function clearAll() {
    await act(() => history.clear(), "All results are deleted.");
    empty.focus();
  }

  history.onchange(drawNext);
  drawNext();
}

function timeOf(milliseconds) {
  const moment = new Date(milliseconds);
  const isToday = moment.toDateString() === new Date().toDateString();
  return isToday ? CLOCK.format(moment) : `${DAY.format(moment)}, ${CLOCK.format(moment)}`;
}
