/** Where a picture lies in its canvas: zoom, pan, and positions on the screen as positions in the picture. */

const MARGIN = 16;
const MOST = 12;

/** @typedef {{x: number, y: number}} Point */

/** Lengths are CSS pixels of the canvas; a picture's own pixels are those of its working copy. */
export class View {
  constructor() {
    this.size = { width: 1, height: 1 };
    this.picture = { width: 1, height: 1 };
    /** Screen pixels for each pixel of the picture. */
    this.zoom = 1;
    this.x = 0;
    this.y = 0;
    this.isFitted = true;
  }

  /** Show another picture, all of it. */
  show(picture) {
    this.picture = picture;
    this.fit();
  }

  /** The canvas has another size. */
  resize(size) {
    this.size = size;
    if (this.isFitted) this.fit();
    else this.#keepInSight();
  }

  fit() {
    this.zoom = this.#fitting();
    this.x = (this.size.width - this.picture.width * this.zoom) / 2;
    this.y = (this.size.height - this.picture.height * this.zoom) / 2;
    this.isFitted = true;
  }

  /** Zoom by a factor; what lies at a point of the canvas stays there. */
  zoomBy(factor, at = { x: this.size.width / 2, y: this.size.height / 2 }) {
    const fixed = this.toPicture(at);
    const least = this.#fitting();
    this.zoom = Math.min(Math.max(this.zoom * factor, least), Math.max(MOST, least));
    if (this.zoom === least) {
      this.fit();
      return;
    }
    this.isFitted = false;
    this.x = at.x - fixed.x * this.zoom;
    this.y = at.y - fixed.y * this.zoom;
    this.#keepInSight();
  }

  pan(dx, dy) {
    if (this.isFitted) return;
    this.x += dx;
    this.y += dy;
    this.#keepInSight();
  }

  /** @param {Point} point @returns {Point} */
  toPicture({ x, y }) {
    return { x: (x - this.x) / this.zoom, y: (y - this.y) / this.zoom };
  }

  /** @param {Point} point @returns {Point} */
  toScreen({ x, y }) {
    return { x: x * this.zoom + this.x, y: y * this.zoom + this.y };
  }

  /** @param {Point} point of the picture @returns {Point} the nearest one inside */
  inside({ x, y }) {
    return { x: Math.min(this.picture.width, Math.max(0, x)), y: Math.min(this.picture.height, Math.max(0, y)) };
  }

  #fitting() {
    const { width, height } = this.size;
    const room = Math.min((width - 2 * MARGIN) / this.picture.width, (height - 2 * MARGIN) / this.picture.height);
    return Math.max(0.01, Math.min(room, 3));
  }

  #keepInSight() {
    this.x = within(this.x, this.size.width, this.picture.width * this.zoom);
    this.y = within(this.y, this.size.height, this.picture.height * this.zoom);
  }
}

function within(start, room, length) {
  if (length <= room) return (room - length) / 2;
  return Math.min(MARGIN, Math.max(room - length - MARGIN, start));
}
