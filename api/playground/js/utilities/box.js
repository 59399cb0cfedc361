/** A box on a photo: drawn with a finger or a mouse, or typed. */

import { h } from "../dom.js";

const SIDES = [
  ["x0", "Left"],
  ["y0", "Top"],
  ["x1", "Right"],
  ["y1", "Bottom"],
];

/**
 * Make a box that belongs to a photo on the page.
 * @param {HTMLElement} frame is as large as the photo that it shows
 * @param {() => void} onChange
 * @returns {{element: HTMLElement, fit: (width: number, height: number) => void, show: (isShown: boolean) => void, value: () => number[]}}
 *   `value` is x0, y0, x1, y1 in pixels of the photo; x1 and y1 are exclusive
 */
export function makeBox(frame, onChange) {
  const mark = h("div", { class: "utility-box", "aria-hidden": "true", hidden: true });
  const inputs = SIDES.map(([name]) =>
    h("input", { type: "number", inputMode: "numeric", id: `utility-${name}`, min: 0, step: 1, required: true, oninput: typed }),
  );
  const labels = inputs.map((input, place) => h("label", {}, h("span", {}, SIDES[place][1]), input));
  const element = h(
    "fieldset",
    { class: "field box", hidden: true },
    h("legend", {}, "Box, in pixels"),
    h("p", { class: "note" }, "Draw it on the photo, or type it."),
    h("div", { class: "pair" }, ...labels),
  );
  let size = [1, 1];
  /** @type {number[] | null} */
  let start = null;
  frame.append(mark);

  const value = () => inputs.map((input) => Number(input.value));

  function set(box) {
    inputs.forEach((input, place) => (input.value = String(box[place])));
    draw();
  }

  function draw() {
    const [x0, y0, x1, y1] = value();
    const [width, height] = size;
    mark.style.left = `${(x0 / width) * 100}%`;
    mark.style.top = `${(y0 / height) * 100}%`;
    mark.style.width = `${(Math.max(0, x1 - x0) / width) * 100}%`;
    mark.style.height = `${(Math.max(0, y1 - y0) / height) * 100}%`;
  }

  function typed() {
    draw();
    onChange();
  }

  function pixelAt(event) {
    const area = frame.getBoundingClientRect();
    const shares = [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
    return shares.map((share, axis) => Math.round(Math.min(1, Math.max(0, share)) * size[axis]));
  }

  frame.addEventListener("pointerdown", (event) => {
    if (mark.hidden || event.button !== 0) return;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    start = pixelAt(event);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!start) return;
    const end = pixelAt(event);
    const low = start.map((place, axis) => Math.min(place, end[axis]));
    const high = start.map((place, axis) => Math.max(place, end[axis]));
    if (low.every((place, axis) => place < high[axis])) set([...low, ...high]);
  });
  for (const over of ["pointerup", "pointercancel"]) {
    frame.addEventListener(over, () => {
      if (start) onChange();
      start = null;
    });
  }

  return {
    element,
    value,
    fit(width, height) {
      size = [width, height];
      inputs.forEach((input, place) => (input.max = String(size[place % 2])));
      const inset = size.map((side) => Math.round(side / 5));
      set([...inset, width - inset[0], height - inset[1]]);
    },
    show(isShown) {
      element.hidden = mark.hidden = !isShown;
      frame.classList.toggle("drawable", isShown);
      for (const input of inputs) input.disabled = !isShown;
    },
  };
}
