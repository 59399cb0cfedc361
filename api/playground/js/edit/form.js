/** The panel's form: which operation, and its parameters as the API names them. */

import { byId } from "../dom.js";
import { isClassical, OPERATIONS } from "./operations.js";
import { clearProblems } from "./problems.js";

/** @typedef {import("./operations.js").OperationName} OperationName */

/** Steps between two previews. */
const PREVIEW_EVERY = 4;

/** What the person wants, as far as it is no picture. */
export class Form {
  /** @type {string[] | null} null until somebody has told */
  #engines = null;

  /** @param {{onOperation: () => void, onSubmit: () => void}} hooks */
  constructor(hooks) {
    this.form = byId("form");
    this.form.addEventListener("change", (event) => {
      if (event.target.name !== "operation") return;
      clearProblems();
      this.show();
      hooks.onOperation();
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      hooks.onSubmit();
    });
    this.show();
  }

  /** @returns {OperationName} */
  get operation() {
    return this.form.elements.operation.value;
  }

  set operation(name) {
    this.form.elements.operation.value = name;
    this.show();
  }

  get facts() {
    return OPERATIONS[this.operation];
  }

  /** What computes edits here; empty while nobody does. */
  set engines(engines) {
    if (engines.join() === this.#engines?.join()) return;
    this.#engines = engines;
    this.show();
  }

  /** Why the operation cannot be done here; empty if it can. */
  get refusal() {
    if (!this.facts.needsModel || !this.#engines || !isClassical(this.#engines)) return "";
    return `This server runs the ${this.#engines.join(", ")} engine. Making a picture from words needs a generative model, such as the qwen engine.`;
  }

  /** Show what belongs to the operation. */
  show() {
    const { operation, facts } = this;
    const hasModel = this.#engines !== null && !isClassical(this.#engines);
    const hasPrompt = hasModel && facts.promptLabel !== "";
    byId("operation-text").textContent = this.refusal || facts.text;
    byId("field-reference").hidden = operation !== "insertion";
    byId("field-prompt").hidden = !hasPrompt;
    byId("prompt-label").textContent = facts.promptLabel;
    byId("field-size").hidden = operation !== "text-to-image" || !hasModel;
    byId("field-preset").hidden = !hasModel;
    byId("model-parameters").hidden = !hasModel;
    byId("field-input_quality").hidden = !facts.needsPhoto;
    byId("advanced").hidden = this.refusal !== "";
    byId("submit").textContent = facts.verb;
    byId("submit").disabled = this.refusal !== "";
    byId("show-code").disabled = this.refusal !== "";
  }

  /** @returns {Record<string, string>} the parameters, by the API's names; what is not set is left out */
  fields() {
    const fields = {};
    const prompt = byId("prompt").value.trim();
    if (!byId("field-prompt").hidden && prompt) fields.prompt = prompt;
    if (!byId("field-size").hidden) [fields.width, fields.height] = byId("size").value.split("x");
    if (!byId("field-preset").hidden) {
      fields.preset = this.form.elements.preset.value;
      fields.preview_every = String(fields.preset === "fast" ? 1 : PREVIEW_EVERY);
    }
    for (const control of this.form.querySelectorAll("[data-parameter]")) {
      if (control.value.trim() && !control.closest("[hidden]")) fields[control.id] = control.value.trim();
    }
    return fields;
  }
}
