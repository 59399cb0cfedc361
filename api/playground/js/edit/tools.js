/** What a press, a drag and a release mean to each tool. Points are pixels of the working copy. */

/** A drag shorter than this, in pixels on the screen, is a click; so is a straight line, which encloses nothing. */
const CLICK = 6;
const LINE = 1;

/**
 * @typedef {import("./view.js").Point} Point
 * @typedef {object} Bench what tools work on
 * @property {import("./picture.js").Picture} picture
 * @property {import("./view.js").View} view
 * @property {number} brushSize width in pixels on the screen
 * @property {(place: Point) => void} click asks smart select for a point
 * @property {(a: Point, b: Point) => void} frame asks smart select for a box
 *
 * @typedef {object} Tool
 * @property {(bench: Bench, point: Point) => void} press
 * @property {(bench: Bench, point: Point) => void} drag
 * @property {(bench: Bench, point: Point) => void} release
 * @property {(bench: Bench) => void} drop
 * @property {[Point, Point] | null} box what is being drawn
 */

/** @returns {Record<"smart" | "brush" | "eraser" | "box", Tool>} */
export function makeTools() {
  return { smart: new Smart(), brush: new Brush(false), eraser: new Brush(true), box: new Box() };
}

class Brush {
  box = null;
  #last = null;
  #erases;

  constructor(erases) {
    this.#erases = erases;
  }

  press(bench, point) {
    this.#last = point;
    this.drag(bench, point);
  }

  drag({ picture, view, brushSize }, point) {
    picture.mask.stroke(this.#last, point, brushSize / view.zoom, this.#erases);
    this.#last = point;
  }

  release({ picture }) {
    picture.mask.commit(this.#erases ? "eraser" : "brush");
  }

  drop({ picture }) {
    picture.mask.revert();
  }
}

/** Base of what is drawn from corner to corner. */
class Corners {
  /** @type {[Point, Point] | null} */
  box = null;

  press({ view }, point) {
    const corner = view.inside(point);
    this.box = [corner, corner];
  }

  drag({ view }, point) {
    if (this.box) this.box = [this.box[0], view.inside(point)];
  }

  drop() {
    this.box = null;
  }

  take({ view }) {
    const [a, b] = this.box ?? [{ x: 0, y: 0 }, { x: 0, y: 0 }];
    this.box = null;
    const [width, height] = [Math.abs(a.x - b.x) * view.zoom, Math.abs(a.y - b.y) * view.zoom];
    return { a, b, isClick: Math.hypot(width, height) < CLICK || Math.min(width, height) < LINE };
  }
}

class Smart extends Corners {
  release(bench, point) {
    this.drag(bench, point);
    const { a, b, isClick } = this.take(bench);
    if (isClick) bench.click(a);
    else bench.frame(a, b);
  }
}

class Box extends Corners {
  release(bench, point) {
    this.drag(bench, point);
    const { a, b, isClick } = this.take(bench);
    if (!isClick) bench.picture.mask.fillBox(a, b);
  }
}
