/** The mask of a utility: a box on the photo, a file, or none. */

import { h } from "../dom.js";
import { fileButton } from "./photo.js";

/**
 * Make the choice of a mask.
 * @param {{box: {value: () => number[]}, onChange: () => void}} options
 * @returns {{element: HTMLElement, take: (blob: Blob, name: string) => void, offer: (need: "none" | "optional" | "needed") => void,
 *   takesBox: () => boolean, isExact: () => boolean, file: (width: number, height: number) => Promise<{blob: Blob, name: string} | null>,
 *   complain: (text: string) => void, forgive: () => void}}
 */
export function makeMask({ box, onChange }) {
  /** @type {{blob: Blob, name: string} | null} */
  let chosen = null;
  /** @type {"none" | "optional" | "needed"} */
  let need = "none";
  /* What was picked by hand, also for the next utility. */
  let picked = "";
  const select = h("select", { id: "utility-mask", "aria-describedby": "utility-mask-problem", onchange: pick });
  const fileName = h("span", { class: "file-name" });
  const file = h("div", { class: "utility-mask-file" }, ...fileButton("Choose the mask", { class: "button", label: "Mask", onFile }), fileName);
  const problem = h("p", { class: "problem", id: "utility-mask-problem", role: "alert", hidden: true });
  const isStroke = h("input", { type: "checkbox", id: "utility-stroke", checked: true, onchange: onChange });
  const stroke = h("div", { class: "check" }, h("label", {}, isStroke, h("span", {}, "Widen it, as a brush stroke")));
  const note = h("p", { class: "note" }, "White marks the area, in the shape of the photo.");
  const element = h("div", { class: "field" }, h("label", { htmlFor: "utility-mask" }, "Mask"), select, file, note, stroke, problem);

  function onFile(blob) {
    take(blob, blob.name);
  }

  function take(blob, name) {
    chosen = { blob, name };
    fileName.textContent = name;
    select.value = "file";
    pick();
  }

  function pick() {
    picked = select.value;
    changed();
  }

  function changed() {
    file.hidden = note.hidden = select.value !== "file";
    stroke.hidden = file.hidden || need !== "needed";
    onChange();
  }

  return {
    element,
    take,
    offer(asked) {
      need = asked;
      const choices = [["box", "A box on the photo"], ["file", "From a file"]];
      if (need === "optional") choices.unshift(["", "None: the main object"]);
      select.replaceChildren(...choices.map(([value, text]) => h("option", { value }, text)));
      select.value = choices.some(([value]) => value === picked) ? picked : choices[0][0];
      element.hidden = need === "none";
      changed();
    },
    isExact: () => need === "needed" && (select.value === "box" || !isStroke.checked),
    takesBox: () => !element.hidden && select.value === "box",
    async file(width, height) {
      if (element.hidden) return null;
      if (select.value === "box") return { blob: await boxMask(box.value(), width, height), name: "mask.png" };
      return select.value === "file" ? chosen : null;
    },
    complain(text) {
      problem.textContent = text;
      problem.hidden = false;
    },
    forgive: () => (problem.hidden = true),
  };
}

function boxMask([x0, y0, x1, y1], width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillRect(0, 0, width, height);
  context.fillStyle = "white";
  context.fillRect(x0, y0, x1 - x0, y1 - y0);
  return canvas.convertToBlob({ type: "image/png" });
}
