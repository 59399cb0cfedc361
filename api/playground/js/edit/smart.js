/** Smart select: a click or a box becomes a mask, made by the gateway. */

import { ApiError, patiently } from "../api.js";

/** A click so near the last one, in pixels on the screen, means the same place: the next candidate. */
const SAME_PLACE = 12;

/** Asks for masks, one at a time: a later question takes the place of one that waits. */
export class SmartSelect {
  #api;
  #hooks;
  #asking = null;
  #pending = null;

  /**
   * @param {import("../api.js").Api} api
   * @param {{onBusy: (isBusy: boolean) => void, onNews: (text: string) => void}} hooks
   */
  constructor(api, hooks) {
    this.#api = api;
    this.#hooks = hooks;
  }

  /**
   * Include or exclude what is at a point; a click at the place of the last one takes the next candidate.
   * @param {import("./picture.js").Picture} picture
   * @param {{x: number, y: number}} place pixels of the working copy
   * @param {{includes: boolean, border: number, zoom: number}} how `border` for a first click; `zoom`: screen pixels for each one of the copy
   */
  async click(picture, place, { includes, border, zoom }) {
    const point = inPhoto(picture, place);
    const before = this.#prompt(picture);
    if (before && isRepeated(before, point, includes, SAME_PLACE * picture.scale / zoom)) return this.next(picture);
    if (!before && !includes) {
      this.#hooks.onNews("First click what you want, then exclude parts of it.");
      return undefined;
    }
    const base = before ?? { points: [], labels: [], box: null, border };
    return this.#ask(picture, {
      ...base,
      points: [...base.points, point],
      labels: [...base.labels, includes ? 1 : 0],
      candidate: 0,
    });
  }

  /** Select what a box holds; corners are pixels of the working copy. */
  box(picture, a, b, border) {
    const [from, to] = [inPhoto(picture, a), inPhoto(picture, b)];
    const box = [Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.max(from[0], to[0]), Math.max(from[1], to[1])];
    return this.#ask(picture, { points: [], labels: [], box, border, candidate: 0 });
  }

  /** Take the next of the masks that the clicks can mean. */
  next(picture) {
    const selection = picture.mask.selection;
    if (!selection || selection.candidates < 2) {
      this.#hooks.onNews("There is one match here. Drag a box around the object, or paint it.");
      return undefined;
    }
    return this.#ask(picture, { ...selection, candidate: (selection.candidate + 1) % selection.candidates });
  }

  /** Move the edge of what is selected outwards by so many pixels of the photo. */
  move(picture, pixels) {
    const before = this.#prompt(picture);
    return before ? this.#ask(picture, { ...before, border: before.border + pixels }) : undefined;
  }

  /** Forget the question that waits. */
  cancel() {
    this.#asking?.abort();
    this.#asking = null;
    this.#pending = null;
    this.#hooks.onBusy(false);
  }

  #prompt(picture) {
    return this.#pending ?? picture.mask.selection;
  }

  async #ask(picture, prompt) {
    this.cancel();
    const asking = new AbortController();
    this.#asking = asking;
    this.#pending = prompt;
    this.#hooks.onBusy(true);
    try {
      const answer = await this.#answer(picture, prompt, asking.signal);
      const bits = picture.mask.bitsOf(await pictureOf(answer.mask_base64));
      asking.signal.throwIfAborted();
      picture.mask.select({ ...prompt, bits, candidates: answer.candidates.length, candidate: answer.candidate });
      this.#hooks.onNews(describe(answer, picture));
    } catch (error) {
      if (asking.signal.aborted) return;
      throw error;
    } finally {
      if (this.#asking === asking) this.cancel();
    }
  }

  async #answer(picture, { points, labels, box, border, candidate }, signal) {
    const body = JSON.stringify({
      image_id: picture.id,
      ...(points.length && { points, labels }),
      ...(box && { bbox: box }),
      border_adjustment: border,
      candidate,
    });
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    const ask = () => this.#api.request("/api/smart-mask", { method: "POST", headers, body, signal });
    const onWait = (/** @type {ApiError} */ error) => this.#hooks.onNews(error.detail);
    return (await patiently(ask, { signal, onWait })).json();
  }
}

function inPhoto(picture, { x, y }) {
  const round = (value, most) => Math.round(Math.min(most, Math.max(0, value * picture.scale)) * 10) / 10;
  return [round(x, picture.width), round(y, picture.height)];
}

function isRepeated({ points, labels }, [x, y], includes, reach) {
  const last = points.at(-1);
  return Boolean(last && includes && labels.at(-1) === 1 && Math.hypot(last[0] - x, last[1] - y) <= reach);
}

function describe(answer, picture) {
  const share = Math.max(1, Math.round((100 * answer.area) / (picture.width * picture.height)));
  const many = answer.candidates.length > 1 ? ` Click there again for another match (${answer.candidate + 1} of ${answer.candidates.length}).` : "";
  return `Selected ${share} % of the photo.${many}`;
}

async function pictureOf(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: "image/png" }));
}
