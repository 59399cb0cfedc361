/** The mask editor: one canvas that shows a picture and lets people mark what they mean, by hand or by keyboard. */

import { wordsOf } from "../api.js";
import { byId } from "../dom.js";
import { listen } from "./gestures.js";
import { Keyboard } from "./keyboard.js";
import { paint } from "./painter.js";
import { SmartSelect } from "./smart.js";
import { makeTools } from "./tools.js";
import { View } from "./view.js";

const ZOOM_STEP = 1.4;
const LARGEST_BRUSH = 200;

/**
 * @typedef {import("./view.js").Point} Point
 * @typedef {"smart" | "brush" | "eraser" | "box"} ToolName
 */

/** Shows one picture at a time; each picture keeps its own mask. */
export class Editor {
  #tools = makeTools();
  #hover = null;
  #isBusy = false;
  #frame = 0;

  /**
   * @param {import("../api.js").Api} api
   * @param {{onChange: () => void, onHint: (text: string) => void}} hooks `onChange`: the mask, a tool or the picture is another one
   */
  constructor(api, hooks) {
    this.canvas = byId("canvas");
    this.view = new View();
    this.hooks = hooks;
    /** @type {import("./picture.js").Picture | null} */
    this.picture = null;
    /** @type {ToolName} */
    this.tool = "smart";
    this.includes = true;
    this.brushSize = 40;
    /** How far smart select moves the edge of a first selection outwards, as a share of the longer side. */
    this.borderShare = 0;
    this.isMarkable = true;
    this.smart = new SmartSelect(api, {
      onBusy: (isBusy) => {
        this.#isBusy = isBusy;
        this.canvas.setAttribute("aria-busy", String(isBusy));
        this.redraw();
      },
      onNews: (text) => hooks.onHint(text),
    });
    this.keyboard = new Keyboard(this);
    listen(this.canvas, this.#hand());
    new ResizeObserver(() => this.#resize()).observe(this.canvas);
  }

  /** Show a picture, or nothing. */
  show(picture) {
    this.smart.cancel();
    this.picture = picture;
    this.keyboard.forget();
    if (!picture) return;
    picture.mask.onChange = () => this.#changed();
    this.view.show(picture.canvas);
    this.#changed();
  }

  /** @param {ToolName} tool */
  choose(tool) {
    this.drop();
    this.tool = tool;
    this.#changed();
  }

  setIncludes(includes) {
    this.includes = includes;
    this.#changed();
  }

  setBrushSize(size) {
    this.brushSize = Math.min(LARGEST_BRUSH, Math.max(4, Math.round(size)));
    this.#changed();
  }

  zoomBy(steps) {
    this.view.zoomBy(ZOOM_STEP ** steps);
    this.redraw();
  }

  fit() {
    this.view.fit();
    this.redraw();
  }

  undo() {
    this.smart.cancel();
    this.picture?.mask.undo();
  }

  redo() {
    this.smart.cancel();
    this.picture?.mask.redo();
  }

  /** Begin, go on with or end a mark at a place on the canvas. */
  press(point) {
    if (this.picture && this.isMarkable) this.#tools[this.tool].press(this, this.view.toPicture(point));
    this.redraw();
  }

  drag(point) {
    if (this.picture && this.isMarkable) this.#tools[this.tool].drag(this, this.view.toPicture(point));
    this.redraw();
  }

  release(point) {
    if (this.picture && this.isMarkable) this.#tools[this.tool].release(this, this.view.toPicture(point));
    this.redraw();
  }

  drop() {
    if (this.picture) this.#tools[this.tool].drop(this);
    this.redraw();
  }

  /** Ask smart select what is at a place of the picture. */
  click(place) {
    const { includes, view } = this;
    this.#ask(this.smart.click(this.picture, place, { includes, border: this.#border(), zoom: view.zoom }));
  }

  /** Ask smart select for what a box holds. */
  frame(a, b) {
    this.#ask(this.smart.box(this.picture, a, b, this.#border()));
  }

  nextCandidate() {
    if (this.picture) this.#ask(this.smart.next(this.picture));
  }

  /** Grow what is selected by so many steps; shrink it by negative ones. */
  grow(steps) {
    if (this.picture) this.#ask(this.smart.move(this.picture, steps * this.borderStep));
  }

  /** Pixels of the photo that one step of its edge is. */
  get borderStep() {
    const { width, height } = this.picture ?? { width: 0, height: 0 };
    return Math.max(1, Math.round(Math.max(width, height) / 400));
  }

  redraw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #border() {
    const { width, height } = this.picture ?? { width: 0, height: 0 };
    return Math.round(this.borderShare * Math.max(width, height));
  }

  async #ask(answer) {
    try {
      await answer;
    } catch (error) {
      this.hooks.onHint(wordsOf(error));
    }
  }

  #changed() {
    this.hooks.onChange();
    this.redraw();
  }

  #hand() {
    return {
      press: (point) => {
        this.keyboard.forget();
        this.press(point);
      },
      drag: (point) => this.drag(point),
      release: (point) => this.release(point),
      drop: () => this.drop(),
      hover: (point) => {
        this.#hover = point;
        this.redraw();
      },
      zoom: (factor, at) => {
        this.view.zoomBy(factor, at);
        this.redraw();
      },
      pan: (dx, dy) => {
        this.view.pan(dx, dy);
        this.redraw();
      },
    };
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const density = Math.min(window.devicePixelRatio || 1, 2);
    this.canvas.width = Math.round(width * density);
    this.canvas.height = Math.round(height * density);
    this.view.resize({ width, height });
    this.#draw();
  }

  #draw() {
    const { picture, view } = this;
    if (!picture) return;
    const box = this.#tools[this.tool].box?.map((corner) => view.toScreen(corner)) ?? null;
    const cursor = this.keyboard.cursor;
    const at = cursor ?? this.#hover;
    const paints = this.isMarkable && (this.tool === "brush" || this.tool === "eraser");
    const brush = paints && at ? { ...at, radius: this.brushSize / 2 } : null;
    paint(this.canvas, { picture, view, box, brush, cursor, isBusy: this.#isBusy, isMarkable: this.isMarkable });
  }
}
