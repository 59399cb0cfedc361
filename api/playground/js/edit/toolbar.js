/** The buttons around the canvas. */

import { byId } from "../dom.js";

const OPTIONS = { smart: "smart-options", brush: "brush-options", eraser: "brush-options", box: "box-options" };

/**
 * Connect the buttons with the editor.
 * @param {import("./editor.js").Editor} editor
 * @returns {(editor: import("./editor.js").Editor) => void} shows the editor's state on them
 */
export function mountToolbar(editor) {
  const size = byId("brush-size");
  const actions = {
    undo: () => editor.undo(),
    redo: () => editor.redo(),
    invert: () => editor.picture?.mask.invert(),
    clear: () => editor.picture?.mask.clear(),
    grow: () => editor.grow(1),
    shrink: () => editor.grow(-1),
    "next-candidate": () => editor.nextCandidate(),
    "zoom-in": () => editor.zoomBy(1),
    "zoom-out": () => editor.zoomBy(-1),
    "zoom-fit": () => editor.fit(),
  };
  for (const [id, action] of Object.entries(actions)) {
    byId(id).addEventListener("click", (event) => {
      if (event.currentTarget.getAttribute("aria-disabled") !== "true") action();
    });
  }
  for (const button of all("[data-tool]")) button.addEventListener("click", () => editor.choose(button.dataset.tool));
  for (const button of all("[data-include]")) {
    button.addEventListener("click", () => editor.setIncludes(button.dataset.include === "true"));
  }
  size.addEventListener("input", () => editor.setBrushSize(Number(size.value)));
  return show;
}

function show(editor) {
  const mask = editor.picture?.mask;
  const selection = mask?.selection;
  for (const button of all("[data-tool]")) press(button, button.dataset.tool === editor.tool);
  for (const button of all("[data-include]")) press(button, (button.dataset.include === "true") === editor.includes);
  for (const id of new Set(Object.values(OPTIONS))) byId(id).hidden = OPTIONS[editor.tool] !== id;
  byId("brush-size").value = String(editor.brushSize);
  byId("brush-size-text").textContent = String(editor.brushSize);
  byId("border").textContent = `Edge ${signed(selection?.border ?? 0)}`;
  byId("next-candidate").hidden = !selection || selection.candidates < 2;
  byId("candidate-text").textContent = selection ? `Match ${selection.candidate + 1} of ${selection.candidates}` : "";
  // They keep the focus while they can do nothing, so they are not disabled altogether.
  disable("undo", !mask?.canUndo);
  disable("redo", !mask?.canRedo);
  disable("clear", !mask || mask.isEmpty);
  disable("grow", !selection);
  disable("shrink", !selection);
}

function all(selector) {
  return [...document.querySelectorAll(`#editor ${selector}`)];
}

function press(button, isPressed) {
  button.setAttribute("aria-pressed", String(isPressed));
}

function disable(id, isDisabled) {
  byId(id).setAttribute("aria-disabled", String(isDisabled));
}

function signed(number) {
  return number > 0 ? `+${number}` : String(number).replace("-", "−");
}
