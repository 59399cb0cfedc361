/** "Show as code": the edit that is on the page as curl, Python and TypeScript. */

import { h, icon } from "./dom.js";
import { curl, python, typescript } from "./code/languages.js";

/**
 * @typedef {object} Edit what is on the page, with the API's own names of fields
 * @property {string} [operation] of an edit: removal, insertion, white-balance or text-to-image
 * @property {string} [utility] of an image utility: its name below /api/image-utils
 * @property {Record<string, {name: string, read?: () => Promise<Blob>}>} files to be read where the page has made them
 * @property {Record<string, string | number | boolean | number[]>} fields
 * @property {string} [output] name of the file to write
 *
 * @typedef {object} Snippet
 * @property {"curl" | "python" | "typescript"} language
 * @property {string} label
 * @property {string} code
 */

/* Of the other fields those that look like numbers are some: a form has only texts. */
const TEXTS = new Set(["prompt", "negative_prompt", "angle", "background_preset"]);
/* How long a browser may take to begin with a download. */
const SAVING_MILLISECONDS = 60_000;
const KEY_NOTE = "This gateway asks for an API key. The code takes it from DARKROOM_API_KEY.";
const PLACE_NOTE = "Run it in the folder with your pictures.";

/**
 * Write an edit in every language.
 * @param {Edit} edit
 * @param {string} origin where the gateway is
 * @param {{keyed?: boolean}} [options] whether it asks for an API key
 * @returns {Snippet[]}
 */
export function snippets(edit, origin, { keyed = false } = {}) {
  const fields = Object.entries(edit.fields).map(([name, value]) => [name, typed(name, value)]);
  const whole = { output: "edited.png", ...edit, fields: Object.fromEntries(fields) };
  return [
    { language: "curl", label: "curl", code: curl(whole, origin, keyed) },
    { language: "python", label: "Python", code: python(whole, origin) },
    { language: "typescript", label: "TypeScript", code: typescript(whole, origin, keyed) },
  ];
}

/**
 * Fill a dialog that shows code.
 * @param {HTMLDialogElement} dialog
 * @param {{isKeyed?: () => boolean}} [options] tells whether the gateway asks for a key
 * @returns {{show: (edit: Edit) => void}}
 */
export function mountCode(dialog, { isKeyed = () => false } = {}) {
  const tabs = h("div", { class: "code-tabs", role: "tablist", "aria-label": "Language" });
  const code = h("code");
  const panel = h("pre", { id: "code-panel", class: "code-panel", role: "tabpanel", tabIndex: 0 }, code);
  const said = h("p", { class: "code-said", role: "status" });
  const files = h("p", { class: "code-files" });
  const note = h("p", { class: "code-note" });
  const copy = h("button", { type: "button", class: "button primary", onclick: () => copyCode(code, said) }, "Copy");
  dialog.classList.add("code-dialog");
  dialog.append(
    h(
      "div",
      { class: "code-head" },
      h("h2", {}, "This edit as code"),
      h(
        "button",
        { type: "button", class: "button quiet square", "aria-label": "Close the code", onclick: () => dialog.close() },
        icon("close"),
      ),
    ),
    tabs,
    panel,
    files,
    note,
    h("div", { class: "code-foot" }, said, copy),
  );

  function choose(tab, shown) {
    for (const each of tabs.children) {
      each.setAttribute("aria-selected", String(each === tab));
      each.tabIndex = each === tab ? 0 : -1;
    }
    panel.setAttribute("aria-labelledby", tab.id);
    code.textContent = shown.code;
    panel.scrollTo(0, 0);
    said.textContent = "";
  }

  tabs.addEventListener("keydown", (event) => {
    const next = neighbour([...tabs.children], event);
    if (!next) return;
    event.preventDefault();
    next.click();
    next.focus();
  });

  return {
    show(edit) {
      const made = snippets(edit, location.origin, { keyed: isKeyed() });
      tabs.replaceChildren(...made.map((each) => tabOf(each, choose)));
      files.replaceChildren(...filesOf(edit));
      note.textContent = isKeyed() ? `${PLACE_NOTE} ${KEY_NOTE}` : PLACE_NOTE;
      choose(tabs.firstElementChild, made[0]);
      dialog.showModal();
    },
  };
}

function typed(name, value) {
  const isNumber = typeof value === "string" && !TEXTS.has(name) && /^-?\d+(\.\d+)?$/.test(value);
  return isNumber ? Number(value) : value;
}

function tabOf(snippet, choose) {
  const tab = h(
    "button",
    { type: "button", role: "tab", id: `code-tab-${snippet.language}`, "aria-controls": "code-panel" },
    snippet.label,
  );
  tab.addEventListener("click", () => choose(tab, snippet));
  return tab;
}

function neighbour(tabs, event) {
  const at = tabs.indexOf(event.target);
  const places = { ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1 };
  return event.key in places ? tabs[places[event.key] % tabs.length] : null;
}

/* What was drawn on the page lies in no folder yet. */
function filesOf(edit) {
  const made = Object.values(edit.files).filter((file) => file.read);
  if (made.length === 0) return [];
  return ["The code reads what you drew here: ", ...made.map(saveButton)];
}

function saveButton(file) {
  const save = async () => {
    const address = URL.createObjectURL(await file.read());
    h("a", { href: address, download: file.name }).click();
    setTimeout(() => URL.revokeObjectURL(address), SAVING_MILLISECONDS);
  };
  return h("button", { type: "button", class: "button quiet", onclick: save }, icon("download"), `Save ${file.name}`);
}

async function copyCode(code, said) {
  said.textContent = (await copied(code)) ? "Copied." : "This browser copies nothing by itself: press Ctrl C.";
}

/* Only pages that came over TLS or from this machine may write to the clipboard. Elsewhere the code is selected. */
async function copied(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    getSelection()?.selectAllChildren(code);
    return false;
  }
}
