/** The tab "Image utilities": one photo, one utility, its result at once. */

import { ApiError, wordsOf } from "./api.js";
import { h, icon } from "./dom.js";
import { makeBox } from "./utilities/box.js";
import { makeControls } from "./utilities/fields.js";
import { makeMask } from "./utilities/mask.js";
import { factsOf, fileButton, forget, readPhoto, sampleList, takeFiles } from "./utilities/photo.js";
import { makeResult } from "./utilities/result.js";
import { UTILITIES } from "./utilities/table.js";

/**
 * @typedef {object} Needs
 * @property {import("./api.js").Api} api
 * @property {(text: string) => void} announce
 * @property {{name: string, alt: string, url: string, file: string}[]} samples
 * @property {{show: (edit: import("./code.js").Edit) => void}} code
 * @property {() => Promise<{photo: Blob, mask: Blob | null, name: string} | null>} [fromEditor] what the editor has open
 */

/**
 * Build the view.
 * @param {HTMLElement} root
 * @param {Needs} needs
 */
export function mountUtilities(root, { api, announce, samples, code, fromEditor }) {
  let utility = UTILITIES[0];
  let controls = makeControls(utility.fields, changed);
  /** @type {import("./utilities/photo.js").Photo | null} */
  let photo = null;
  /** @type {import("./utilities/photo.js").Photo | null} */
  let made = null;
  let running = new AbortController();

  const image = h("img", { alt: "The photo", draggable: false });
  const frame = h("div", { class: "utility-frame" }, image);
  const name = h("strong", { class: "file-name" });
  const facts = h("p", { class: "utility-facts" });
  const another = fileButton("Another photo", { class: "button quiet", label: "Another photo", onFile: (file) => take(file, file.name) });
  const figure = h(
    "figure",
    { class: "utility-figure", hidden: true },
    frame,
    h("figcaption", {}, name, facts, h("div", { class: "utility-actions" }, ...another)),
  );
  const welcome = makeWelcome();
  const result = makeResult({ onUse: take, onCode: showCode });
  const stage = h("div", { class: "utility-stage" }, welcome, figure, result.element);

  const text = h("p", { class: "operation-text" });
  const parameters = h("div", { class: "utility-parameters" });
  const box = makeBox(frame, changed);
  const mask = makeMask({ box, onChange: changed });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const apply = h("button", { type: "submit", class: "button primary", disabled: true }, "Apply");
  const form = h(
    "form",
    { class: "utility-form", "aria-label": "Image utility", onsubmit: submit },
    h("div", { class: "utility-fields" }, choice(), text, parameters, mask.element, box.element),
    h("div", { class: "utility-action" }, problem, h("div", { class: "action-row" }, codeButton(), apply)),
  );
  root.append(stage, h("aside", { class: "utility-panel", "aria-label": "The utility" }, form));

  function makeWelcome() {
    const choose = fileButton("Choose a photo", { class: "button primary", label: "Photo", onFile: (file) => take(file, file.name) });
    const title = h("h1", {}, "Image utilities");
    const words = h("p", {}, "Drop a photo here, paste it, or choose one.");
    const drop = h("div", { class: "drop" }, title, words, ...choose, editorButton());
    return h("div", { class: "utility-welcome" }, drop, sampleList(samples, take));
  }

  function editorButton() {
    if (!fromEditor) return null;
    return h("button", { type: "button", class: "button quiet", onclick: takeFromEditor }, "Take photo and mask of the editor");
  }

  function codeButton() {
    const label = "Show as code";
    return h("button", { type: "button", class: "button quiet square", "aria-label": label, title: label, onclick: showCode }, icon("code"));
  }

  function choice() {
    const radios = UTILITIES.map((each) => {
      const radio = h("input", { type: "radio", name: "utility", value: each.name, checked: each === utility });
      radio.addEventListener("change", () => select(each));
      return h("label", {}, radio, h("span", {}, each.title));
    });
    return h("fieldset", { class: "utility-choice" }, h("legend", {}, "Utility"), ...radios);
  }

  function select(chosen) {
    utility = chosen;
    controls = makeControls(utility.fields, changed);
    parameters.replaceChildren(...controls.elements);
    text.textContent = utility.text;
    mask.offer(utility.mask);
    dropResult();
  }

  function changed() {
    forgive();
    box.show(Boolean(photo?.width) && (takesBox() || mask.takesBox()));
  }

  function takesBox() {
    return utility.takesBox === true && !controls.values().aspect;
  }

  async function take(blob, fileName) {
    const read = await readPhoto(blob, fileName);
    forget(photo);
    photo = read;
    image.src = photo.address;
    image.hidden = !photo.width;
    name.textContent = photo.name;
    facts.textContent = factsOf(photo) + (photo.width ? "" : ". This browser cannot show it; the utilities take it all the same.");
    welcome.hidden = true;
    figure.hidden = apply.disabled = false;
    if (photo.width) box.fit(photo.width, photo.height);
    dropResult();
    changed();
    announce(`${photo.name} is open.`);
  }

  async function takeFromEditor() {
    const open = await fromEditor?.();
    if (!open) return announce("Nothing is open in the editor.");
    await take(open.photo, open.name);
    if (open.mask) mask.take(open.mask, "mask.png");
  }

  function dropResult() {
    running.abort();
    forget(made);
    made = null;
    result.clear();
  }

  async function asked() {
    const drawn = await mask.file(photo?.width || 1, photo?.height || 1);
    const fields = controls.toSend();
    if (takesBox()) fields.box = box.value();
    if (mask.isExact()) fields.mask_tool_type = "box";
    if (fields.aspect) fields.aspect = fields.aspect.split(",").map(Number);
    return {
      utility: utility.name,
      files: { image: { name: photo?.name ?? "photo.jpg" }, ...(drawn && { mask: { name: drawn.name, read: async () => drawn.blob } }) },
      fields,
      output: `${utility.name}.${ending(fields)}`,
    };
  }

  function ending({ format }) {
    const own = utility.fields.some((field) => field.name === "format") ? /\.(jpe?g|png|webp|avif)$/i.exec(photo?.name ?? "") : null;
    return format ?? own?.[1].toLowerCase() ?? "png";
  }

  async function showCode() {
    code.show(await asked());
  }

  async function submit(event) {
    event.preventDefault();
    forgive();
    dropResult();
    running = new AbortController();
    const { signal } = running;
    setBusy(true);
    try {
      const blob = await run(await asked(), signal);
      const read = await readPhoto(blob, nameOfResult(blob));
      if (signal.aborted) return forget(read);
      made = read;
      result.show(made, photo.blob);
      announce(`Done: ${factsOf(made)}`);
    } catch (error) {
      if (!signal.aborted) complain(error);
    } finally {
      if (running.signal === signal) setBusy(false);
    }
  }

  async function run(edit, signal) {
    const body = new FormData();
    body.append("image", photo.blob, photo.name);
    if (edit.files.mask) body.append("mask", await edit.files.mask.read(), edit.files.mask.name);
    for (const [field, value] of Object.entries(edit.fields)) body.append(field, String(value));
    const path = `/api/image-utils/${edit.utility}`;
    const response = await api.request(path, { method: "POST", headers: { Accept: "image/*" }, body, signal });
    return response.blob();
  }

  function nameOfResult(blob) {
    const stem = photo.name.replace(/\.[^.]*$/, "");
    return `${stem}-${utility.name}.${blob.type.replace("image/", "").replace("jpeg", "jpg")}`;
  }

  function setBusy(isBusy) {
    apply.textContent = isBusy ? "Working…" : "Apply";
    stage.setAttribute("aria-busy", String(isBusy));
  }

  function complain(error) {
    const unplaced = (error instanceof ApiError ? error.errors : []).filter(({ field, detail }) => {
      if (field !== "mask") return !controls.complain(field, detail);
      mask.complain(detail);
      return false;
    });
    const isPlaced = error instanceof ApiError && error.errors.length > 0 && unplaced.length === 0;
    if (isPlaced) return;
    if (error instanceof ApiError && error.code.startsWith("mask_")) return mask.complain(error.detail);
    problem.textContent = wordsOf(error);
    problem.hidden = false;
  }

  function forgive() {
    problem.hidden = true;
    controls.forgive();
    mask.forgive();
  }

  takeFiles(stage, (file) => take(file, file.name));
  select(utility);
}
