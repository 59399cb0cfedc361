/** Fingers, pens, mice and wheels over the canvas, as what they mean. */

const PINCH_FINGERS = 2;

/**
 * @typedef {import("./view.js").Point} Point
 * @typedef {object} Hand what is done with the canvas; points are CSS pixels of it
 * @property {(point: Point, event: PointerEvent) => void} press
 * @property {(point: Point) => void} drag
 * @property {(point: Point) => void} release
 * @property {() => void} drop what was pressed is no mark after all
 * @property {(point: Point | null) => void} hover
 * @property {(factor: number, at: Point) => void} zoom
 * @property {(dx: number, dy: number) => void} pan
 */

/**
 * Listen to a canvas. One pointer marks; two fingers zoom and pan, as does a wheel; the middle button pans.
 * @param {HTMLElement} element
 * @param {Hand} hand
 */
export function listen(element, hand) {
  /** @type {Map<number, Point>} */
  const fingers = new Map();
  let isMarking = false;
  let isPanning = false;

  const place = (event) => {
    const frame = element.getBoundingClientRect();
    return { x: event.clientX - frame.left, y: event.clientY - frame.top };
  };

  element.addEventListener("pointerdown", (event) => {
    const point = place(event);
    element.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, point);
    if (fingers.size === PINCH_FINGERS && isMarking) {
      isMarking = false;
      hand.drop();
    } else if (fingers.size === 1 && event.button === 0) {
      isMarking = true;
      hand.press(point, event);
    } else if (event.button === 1) {
      event.preventDefault();
      isPanning = true;
    }
  });

  element.addEventListener("pointermove", (event) => {
    const point = place(event);
    const before = fingers.get(event.pointerId);
    if (before && fingers.size >= PINCH_FINGERS) pinch(fingers, event.pointerId, point, hand);
    else if (before && isPanning) hand.pan(point.x - before.x, point.y - before.y);
    else if (isMarking) hand.drag(point);
    if (before) fingers.set(event.pointerId, point);
    hand.hover(event.pointerType === "touch" ? null : point);
  });

  const lift = (event, isDone) => {
    fingers.delete(event.pointerId);
    isPanning = false;
    if (!isMarking) return;
    isMarking = false;
    if (isDone) hand.release(place(event));
    else hand.drop();
  };
  element.addEventListener("pointerup", (event) => lift(event, true));
  element.addEventListener("pointercancel", (event) => lift(event, false));
  element.addEventListener("pointerleave", () => hand.hover(null));

  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) hand.zoom(Math.exp(-event.deltaY / 200), place(event));
      else hand.pan(-event.deltaX, -event.deltaY);
    },
    { passive: false },
  );
}

function pinch(fingers, id, point, hand) {
  const [still] = [...fingers].filter(([other]) => other !== id).map(([, at]) => at);
  const before = fingers.get(id);
  if (!before) return;
  const middle = { x: (still.x + point.x) / 2, y: (still.y + point.y) / 2 };
  const apart = (at) => Math.max(1, Math.hypot(at.x - still.x, at.y - still.y));
  hand.zoom(apart(point) / apart(before), middle);
  hand.pan((point.x - before.x) / 2, (point.y - before.y) / 2);
}
