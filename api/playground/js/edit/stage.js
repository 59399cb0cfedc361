/** The stage: the picture that is worked on, or the place where one is chosen. */

import { wordsOf } from "../api.js";
import { byId } from "../dom.js";
import { Editor } from "./editor.js";
import { mountIntake } from "./intake.js";
import { takePicture } from "./picture.js";
import { clearProblems, showAt } from "./problems.js";
import { mountToolbar } from "./toolbar.js";

/** A removal that leaves the rim of an object leaves a ghost of it: a first selection is so much larger, as a share of the photo's longer side. */
const REMOVAL_BORDER = 0.006;

/**
 * @typedef {"welcome" | "editor" | "blank" | "job" | "result"} ViewName
 * @typedef {import("./picture.js").Picture} Picture
 */

/** Holds the photo and the photo of the object to insert, each with its mask. */
export class Stage {
  /** @type {{photo: Picture | null, reference: Picture | null}} */
  pictures = { photo: null, reference: null };
  /** @type {"photo" | "reference"} which of them is on show */
  active = "photo";
  /** @type {ViewName} */
  view = "welcome";
  #taking = new AbortController();

  /**
   * @param {object} house
   * @param {import("../api.js").Api} house.api
   * @param {(text: string) => void} house.announce
   * @param {{name: string, file: string, url: string, alt: string}[]} house.samples
   * @param {import("./form.js").Form} form
   */
  constructor({ api, announce, samples }, form) {
    this.api = api;
    this.announce = announce;
    this.form = form;
    this.editor = new Editor(api, { onChange: () => this.#refresh(), onHint: (text) => this.hint(text) });
    this.showTools = mountToolbar(this.editor);
    mountIntake({ onFile: (blob, name) => this.#take(blob, name), isOpen: () => this.#takesFiles }, samples);
    byId("replace-photo").addEventListener("click", () => this.#offer());
    byId("keep-photo").addEventListener("click", () => this.rest());
    byId("reference-button").addEventListener("click", () => this.choosePicture("reference"));
    for (const button of document.querySelectorAll("[data-picture]")) {
      button.addEventListener("click", () => this.choosePicture(/** @type {HTMLElement} */ (button).dataset.picture));
    }
    this.#refresh();
  }

  /** Show what the operation works on. */
  chooseOperation() {
    const { operation } = this.form;
    this.active = "photo";
    this.editor.choose(operation === "insertion" ? "box" : "smart");
    this.rest();
  }

  /** @param {"photo" | "reference"} which */
  choosePicture(which) {
    this.active = which;
    if (which === "reference") this.editor.choose("smart");
    clearProblems();
    this.rest();
  }

  /** Show what there is to do while nothing runs. */
  rest() {
    if (!this.form.facts.needsPhoto) this.show("blank");
    else this.show(this.pictures[this.active] ? "editor" : "welcome");
    this.hint(this.#firstHint());
  }

  /** @param {ViewName} view */
  show(view) {
    this.view = view;
    byId("view-edit").dataset.view = view;
    // On a phone the stage may have been scrolled away.
    window.scrollTo({ top: 0 });
    if (view === "editor") this.editor.show(this.pictures[this.active]);
    this.#refresh();
  }

  /** Go on with another photo, such as a result. @param {Picture} picture */
  open(picture) {
    this.pictures[this.active] = picture;
    this.rest();
    this.announce(`${picture.name}, ${picture.width} by ${picture.height} pixels. ${this.#firstHint()}`);
    this.editor.canvas.focus({ preventScroll: true });
  }

  /** @param {string} text is shown over the picture and said aloud */
  hint(text) {
    byId("hint").textContent = text;
  }

  /** Let people choose another photo. */
  #offer() {
    if (!this.form.facts.needsPhoto) this.form.operation = "removal";
    this.show("welcome");
    byId("choose-photo").focus();
  }

  get #takesFiles() {
    return !byId("view-edit").hidden && this.view !== "job" && this.form.facts.needsPhoto;
  }

  async #take(blob, name) {
    this.#taking.abort();
    const taking = new AbortController();
    this.#taking = taking;
    clearProblems();
    byId("stage").setAttribute("aria-busy", "true");
    this.announce(`Opening ${name}.`);
    try {
      const onWait = (error) => this.announce(error.detail);
      this.open(await takePicture(this.api, blob, name, { signal: taking.signal, onWait }));
    } catch (error) {
      if (taking.signal.aborted) return;
      this.show("welcome");
      showAt("photo", wordsOf(error));
    } finally {
      if (this.#taking === taking) byId("stage").removeAttribute("aria-busy");
    }
  }

  #firstHint() {
    if (!this.form.facts.needsMask) return "";
    if (this.active === "reference") return "Click the object. Without a mark it is found by itself.";
    if (this.form.operation === "removal") return "Click what should go, or drag a box around it.";
    return "Drag a box where the object should be, or paint the place.";
  }

  #refresh() {
    const { form, editor, active, view } = this;
    const picture = this.pictures[active];
    const isInsertion = form.operation === "insertion";
    const isReference = active === "reference";
    editor.isMarkable = form.facts.needsMask;
    editor.borderShare = form.operation === "removal" ? REMOVAL_BORDER : 0;
    byId("tools").hidden = !form.facts.needsMask;
    const marks = view === "editor" || view === "welcome";
    byId("stage-bar").hidden = view === "blank" || (view === "welcome" && !isInsertion);
    byId("picture-choice").hidden = !isInsertion || !marks;
    for (const button of document.querySelectorAll("[data-picture]")) {
      button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.picture === active));
    }
    byId("replace-photo").hidden = view === "welcome" || view === "job";
    byId("keep-photo").hidden = !picture;
    byId("file-name").textContent = picture && view !== "welcome" ? picture.name : "";
    byId("form").inert = view === "job";
    byId("welcome-title").textContent = isReference ? "The object to insert" : "Edit a photo";
    byId("welcome-text").textContent = isReference
      ? "Choose a photo that shows it. Then mark the object."
      : "Drop it here, paste it, or choose one. It goes to this Darkroom server, and nowhere else.";
    this.showTools(editor);
    this.#showReference();
  }

  #showReference() {
    const { reference } = this.pictures;
    const thumbnail = byId("reference-thumbnail");
    thumbnail.hidden = !reference;
    byId("reference-icon").toggleAttribute("hidden", Boolean(reference));
    byId("reference-text").textContent = reference ? reference.name : "Choose a photo that shows it";
    if (!reference) return;
    const { canvas } = reference;
    const side = Math.min(canvas.width, canvas.height);
    const [x, y] = [(canvas.width - side) / 2, (canvas.height - side) / 2];
    thumbnail.getContext("2d").drawImage(canvas, x, y, side, side, 0, 0, thumbnail.width, thumbnail.height);
  }
}
