/** Problems appear at the control that they are about, in the words of the API. */

import { ApiError, wordsOf } from "../api.js";

/** Controls of the API's fields, where those have other names. */
const PLACES = {
  task_type: "operation",
  input_image: "photo",
  image: "photo",
  mask: "mask",
  conditional_images: "mask",
  "conditional_images[0]": "mask",
  reference: "reference",
  reference_image: "reference",
  reference_mask: "reference",
  reference_mask_R: "reference",
  height: "width",
};
const PLACES_OF_CODES = {
  mask_missing: "mask",
  mask_empty: "mask",
  mask_mismatch: "mask",
  image_missing: "submit",
  reference_missing: "reference",
  engine_unsupported: "operation",
};

/**
 * Show a problem at its place.
 * @param {string} place
 * @param {string} text
 */
export function showAt(place, text) {
  const note = document.getElementById(`problem-${place}`) ?? document.getElementById("problem-submit");
  note.textContent = note.hidden || !note.textContent ? text : `${note.textContent} ${text}`;
  note.hidden = false;
  const control = document.querySelector(`[aria-describedby="${note.id}"]`);
  control?.setAttribute("aria-invalid", "true");
  control?.closest("details")?.setAttribute("open", "");
  (control ?? note).scrollIntoView({ block: "nearest" });
}

/** Take all problems away. */
export function clearProblems() {
  for (const note of document.querySelectorAll("#view-edit .problem")) {
    /** @type {HTMLElement} */ (note).hidden = true;
    note.textContent = "";
  }
  for (const control of document.querySelectorAll("#view-edit [aria-invalid]")) control.removeAttribute("aria-invalid");
}

/**
 * Show what the API refused: each field's problem at its control.
 * @param {unknown} error
 */
export function showProblem(error) {
  if (!(error instanceof ApiError)) return showAt("submit", wordsOf(error));
  if (error.errors.length === 0) return showAt(PLACES_OF_CODES[error.code] ?? "submit", error.detail);
  for (const { field, detail, code } of error.errors) {
    showAt(PLACES_OF_CODES[code] ?? PLACES[field] ?? (field || "submit"), detail);
  }
  return undefined;
}
