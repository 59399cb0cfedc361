/** The editor without a mouse: a cursor that arrow keys move, and a key for each tool. */

const STEP = 8;
const LEAP = 48;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const TOOLS = { s: "smart", b: "brush", e: "eraser", r: "box" };

/** Listens while the canvas has the focus. */
export class Keyboard {
  #isDrawing = false;

  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    /** @type {import("./view.js").Point | null} CSS pixels of the canvas; null while nobody uses it */
    this.cursor = null;
    editor.canvas.addEventListener("keydown", (event) => this.#key(event));
    editor.canvas.addEventListener("blur", () => this.forget());
  }

  /** Take the cursor away. */
  forget() {
    if (this.#isDrawing) this.editor.drop();
    this.#isDrawing = false;
    this.cursor = null;
    this.editor.redraw();
  }

  #key(event) {
    const handled = event.ctrlKey || event.metaKey ? this.#command(event) : this.#plain(event);
    if (handled) event.preventDefault();
  }

  #command({ key, shiftKey }) {
    const { editor } = this;
    if (key.toLowerCase() === "z") {
      if (shiftKey) editor.redo();
      else editor.undo();
    } else if (key.toLowerCase() === "y") editor.redo();
    else return false;
    return true;
  }

  #plain({ key, shiftKey }) {
    const { editor } = this;
    if (key in ARROWS) this.#move(ARROWS[key], shiftKey ? LEAP : STEP);
    else if (key === "Enter" || key === " ") this.#mark();
    else if (key === "Escape" && this.#isDrawing) this.forget();
    else if (key.toLowerCase() in TOOLS) editor.choose(TOOLS[key.toLowerCase()]);
    else if (key.toLowerCase() === "x") editor.setIncludes(!editor.includes);
    else if (key === "[" || key === "]") editor.setBrushSize(editor.brushSize * (key === "]" ? 1.25 : 0.8));
    else if (key === "+" || key === "=") editor.zoomBy(1);
    else if (key === "-") editor.zoomBy(-1);
    else if (key === "0") editor.fit();
    else return false;
    return true;
  }

  #move([dx, dy], by) {
    const { view } = this.editor;
    const from = this.cursor ?? middle(view);
    const inPicture = view.inside(view.toPicture({ x: from.x + dx * by, y: from.y + dy * by }));
    this.cursor = view.toScreen(inPicture);
    this.#follow();
    if (this.#isDrawing) this.editor.drag(this.cursor);
    this.editor.redraw();
  }

  /** Pan where the cursor has left what is seen. */
  #follow() {
    const { view } = this.editor;
    const { x, y } = this.cursor;
    const dx = Math.min(0, view.size.width - x) + Math.max(0, -x);
    const dy = Math.min(0, view.size.height - y) + Math.max(0, -y);
    if (!dx && !dy) return;
    view.pan(dx, dy);
    this.cursor = { x: x + dx, y: y + dy };
  }

  /** Click, or begin and then end what is drawn between two presses of the key. */
  #mark() {
    const { editor } = this;
    this.cursor ??= middle(editor.view);
    if (editor.tool === "smart") {
      editor.press(this.cursor);
      editor.release(this.cursor);
    } else if (this.#isDrawing) {
      this.#isDrawing = false;
      editor.release(this.cursor);
    } else {
      this.#isDrawing = true;
      editor.press(this.cursor);
    }
  }
}

function middle(view) {
  return { x: view.size.width / 2, y: view.size.height / 2 };
}
