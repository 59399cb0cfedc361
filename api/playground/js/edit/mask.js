/** The mask of one picture: what is painted, what is selected, and every step back. */

import { encodeMask } from "./png.js";

/** The colour that lies over what is masked: rubylith, the film that darkrooms mask with. */
const COLOUR = [235, 45, 40];
const STEPS_KEPT = 60;

/**
 * @typedef {object} Selection what smart select has found, and what it was asked; in pixels of the photo
 * @property {[number, number][]} points
 * @property {number[]} labels 1 belongs to the object, 0 does not
 * @property {[number, number, number, number] | null} box
 * @property {number} border pixels by which its edge is moved outwards
 * @property {number} candidate which of the candidates this is
 * @property {number} candidates how many there are
 * @property {Uint8Array} bits one for each pixel of the working copy
 */

/** A mask at the size of the working copy. */
export class Mask {
  #context;
  #state;
  #past = [];
  #future = [];

  /**
   * @param {number} width pixels of the working copy
   * @param {number} height
   * @param {() => void} onChange is told each change that can be undone
   */
  constructor(width, height, onChange) {
    /** What it looks like: opaque where masked. */
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = height;
    this.#context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.#state = { bits: new Uint8Array(Math.ceil((width * height) / 8)), selection: null, shapes: [] };
    this.onChange = onChange;
    /** Counts changes. */
    this.version = 0;
  }

  /** @returns {Selection | null} what smart select has found, while nothing was painted since */
  get selection() {
    return this.#state.selection;
  }

  get isEmpty() {
    return !this.#state.selection && this.#state.bits.every((byte) => byte === 0);
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** @returns {"brush" | "box"} how it was drawn, as the API asks: a box only where all of it is boxes */
  get tool() {
    const { shapes, selection } = this.#state;
    return shapes.length > 0 && !selection && shapes.every((shape) => shape === "box") ? "box" : "brush";
  }

  /** Paint or rub out a line; nothing of it counts before `commit`. Positions and width are pixels of the working copy. */
  stroke(from, to, width, erases) {
    const context = this.#context;
    context.globalCompositeOperation = erases ? "destination-out" : "source-over";
    context.lineCap = "round";
    context.lineWidth = width;
    context.strokeStyle = `rgb(${COLOUR.join(" ")})`;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x + 0.01, to.y);
    context.stroke();
    context.globalCompositeOperation = "source-over";
  }

  /** Mask all between two corners. */
  fillBox(a, b) {
    this.#context.fillStyle = `rgb(${COLOUR.join(" ")})`;
    this.#context.fillRect(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y));
    this.commit("box");
  }

  /** Mask what was not, and the other way round. */
  invert() {
    const { width, height } = this.canvas;
    this.#context.globalCompositeOperation = "xor";
    this.#context.fillStyle = `rgb(${COLOUR.join(" ")})`;
    this.#context.fillRect(0, 0, width, height);
    this.#context.globalCompositeOperation = "source-over";
    this.commit("brush");
  }

  clear() {
    this.#step({ bits: new Uint8Array(this.#state.bits.length), selection: null, shapes: [] });
  }

  /** Take what was drawn since as one step. */
  commit(shape) {
    const { width, height } = this.canvas;
    const bits = packed(this.#context.getImageData(0, 0, width, height).data, 3);
    this.#step({ bits, selection: null, shapes: [...this.#state.shapes, shape] });
  }

  /** Drop what was drawn since the last step. */
  revert() {
    this.#draw();
  }

  /** Take what smart select has found, in place of what it had found before. */
  select(selection) {
    this.#step({ ...this.#state, selection });
  }

  undo() {
    this.#travel(this.#past, this.#future);
  }

  redo() {
    this.#travel(this.#future, this.#past);
  }

  /**
   * Read a mask of any size, white on black, as bits of this one.
   * @param {ImageBitmap} image
   * @returns {Uint8Array}
   */
  bitsOf(image) {
    const { width, height } = this.canvas;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0, width, height);
    return packed(context.getImageData(0, 0, width, height).data, 0);
  }

  /**
   * Make the file that the API takes: white is what may change.
   * @param {number} width pixels of the photo
   * @param {number} height
   * @returns {Promise<Blob>} a grey PNG
   */
  async file(width, height) {
    const pixels = unpacked(this.#all(), this.canvas.width * this.canvas.height);
    return encodeMask(pixels, this.canvas.width, this.canvas.height, width, height);
  }

  #all() {
    const { bits, selection } = this.#state;
    return selection ? bits.map((byte, index) => byte | selection.bits[index]) : bits;
  }

  #step(next) {
    this.#past = [...this.#past, this.#state].slice(-STEPS_KEPT);
    this.#future = [];
    this.#arrive(next);
  }

  #travel(from, to) {
    const state = from.pop();
    if (!state) return;
    to.push(this.#state);
    this.#arrive(state);
  }

  #arrive(state) {
    this.#state = state;
    this.version += 1;
    this.#draw();
    this.onChange();
  }

  #draw() {
    const { width, height } = this.canvas;
    const image = this.#context.createImageData(width, height);
    const words = new Uint32Array(image.data.buffer);
    const [colour] = new Uint32Array(new Uint8Array([...COLOUR, 255]).buffer);
    const bits = this.#all();
    for (let at = 0; at < words.length; at += 1) {
      if (bits[at >> 3] & (1 << (at & 7))) words[at] = colour;
    }
    this.#context.putImageData(image, 0, 0);
  }
}

function packed(rgba, channel) {
  const count = rgba.length / 4;
  const bits = new Uint8Array(Math.ceil(count / 8));
  for (let at = 0; at < count; at += 1) {
    if (rgba[at * 4 + channel] > 127) bits[at >> 3] |= 1 << (at & 7);
  }
  return bits;
}

function unpacked(bits, count) {
  const pixels = new Uint8Array(count);
  for (let at = 0; at < count; at += 1) {
    if (bits[at >> 3] & (1 << (at & 7))) pixels[at] = 255;
  }
  return pixels;
}
