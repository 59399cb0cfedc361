/** Draws what the editor shows: the picture, its mask, and the marks of the tools. */

const MASK_OPACITY = 0.5;
/** Width of the line around what is masked, in pixels on the screen: on a red cup the red film alone is not seen. */
const RIM = 1.5;

/** The rim as it was drawn last, and what for. */
const rim = { canvas: document.createElement("canvas"), key: "" };

/**
 * @typedef {object} Scene
 * @property {import("./picture.js").Picture} picture
 * @property {import("./view.js").View} view
 * @property {{x: number, y: number, radius: number} | null} brush where the brush is; CSS pixels of the canvas
 * @property {[import("./view.js").Point, import("./view.js").Point] | null} box two corners; CSS pixels of the canvas
 * @property {import("./view.js").Point | null} cursor the keyboard's; CSS pixels of the canvas
 * @property {boolean} isBusy
 * @property {boolean} isMarkable whether the mask matters
 */

/**
 * Draw all of it.
 * @param {HTMLCanvasElement} canvas
 * @param {Scene} scene
 */
export function paint(canvas, scene) {
  const { picture, view } = scene;
  const context = canvas.getContext("2d");
  const density = canvas.width / view.size.width;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(density * view.zoom, 0, 0, density * view.zoom, density * view.x, density * view.y);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture.canvas, 0, 0);
  if (scene.isMarkable) drawMask(canvas, context, scene, density);
  context.setTransform(density, 0, 0, density, 0, 0);
  if (scene.box) drawBox(context, scene.box, [6, 4]);
  if (scene.brush) outlined(context, () => context.arc(scene.brush.x, scene.brush.y, scene.brush.radius, 0, 2 * Math.PI));
  if (scene.cursor) drawCross(context, scene.cursor);
}

function drawMask(canvas, context, scene, density) {
  context.globalAlpha = scene.isBusy ? MASK_OPACITY / 2 : MASK_OPACITY;
  context.drawImage(scene.picture.mask.canvas, 0, 0);
  context.globalAlpha = 1;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.drawImage(rimOf(canvas, scene, density), 0, 0);
  context.setTransform(density, 0, 0, density, 0, 0);
  drawPrompts(context, scene);
}

function rimOf({ width, height }, { picture: { id, mask }, view }, density) {
  const key = [id, mask.version, width, height, view.zoom, view.x, view.y].join();
  if (rim.key === key) return rim.canvas;
  rim.key = key;
  Object.assign(rim.canvas, { width, height });
  const context = rim.canvas.getContext("2d");
  const drawAt = (dx, dy) => {
    context.setTransform(density * view.zoom, 0, 0, density * view.zoom, density * (view.x + dx), density * (view.y + dy));
    context.drawImage(mask.canvas, 0, 0);
  };
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1], [0.7, 0.7], [-0.7, 0.7], [0.7, -0.7], [-0.7, -0.7]]) {
    drawAt(dx * RIM, dy * RIM);
  }
  context.globalCompositeOperation = "destination-out";
  drawAt(0, 0);
  context.globalCompositeOperation = "source-in";
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, width, height);
  return rim.canvas;
}

function drawPrompts(context, { picture, view }) {
  const selection = picture.mask.selection;
  if (!selection) return;
  const onScreen = ([x, y]) => view.toScreen({ x: x / picture.scale, y: y / picture.scale });
  if (selection.box) {
    const [x0, y0, x1, y1] = selection.box;
    drawBox(context, [onScreen([x0, y0]), onScreen([x1, y1])], []);
  }
  for (const [index, point] of selection.points.entries()) drawPoint(context, onScreen(point), selection.labels[index] === 1);
}

function drawPoint(context, { x, y }, includes) {
  context.beginPath();
  context.arc(x, y, 7, 0, 2 * Math.PI);
  context.fillStyle = includes ? "#ffffff" : "#26201c";
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = includes ? "#8f1d12" : "#ffffff";
  context.stroke();
  context.beginPath();
  context.moveTo(x - 3, y);
  context.lineTo(x + 3, y);
  if (includes) {
    context.moveTo(x, y - 3);
    context.lineTo(x, y + 3);
  }
  context.stroke();
}

function drawBox(context, [a, b], dashes) {
  context.setLineDash(dashes);
  outlined(context, () => context.rect(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y)));
  context.setLineDash([]);
}

function drawCross(context, { x, y }) {
  outlined(context, () => {
    context.moveTo(x - 14, y);
    context.lineTo(x - 4, y);
    context.moveTo(x + 4, y);
    context.lineTo(x + 14, y);
    context.moveTo(x, y - 14);
    context.lineTo(x, y - 4);
    context.moveTo(x, y + 4);
    context.lineTo(x, y + 14);
  });
}

/** Stroke a path so that it is seen on any photo. */
function outlined(context, path) {
  for (const [width, colour] of [[4, "rgb(20 16 14 / 65%)"], [1.75, "#ffffff"]]) {
    context.beginPath();
    path();
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}
