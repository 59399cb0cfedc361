/** Pictures that are edited: a copy to work on, its mask, and its id in the gateway's store. */

import { ApiError, patiently } from "../api.js";
import { Mask } from "./mask.js";

/** Longest side of a working copy, in pixels: what a phone's canvas and memory bear. */
const WORKING_SIDE = 1600;

/** A picture that the gateway has taken. */
export class Picture {
  /**
   * @param {object} facts
   * @param {string} facts.id in the gateway's store
   * @param {string} facts.name of the file
   * @param {Blob} facts.blob
   * @param {number} facts.width pixels of the upright photo
   * @param {number} facts.height
   * @param {HTMLCanvasElement} facts.canvas the working copy
   */
  constructor({ id, name, blob, width, height, canvas }) {
    this.id = id;
    this.name = name;
    this.blob = blob;
    this.width = width;
    this.height = height;
    this.canvas = canvas;
    this.mask = new Mask(canvas.width, canvas.height, () => {});
  }

  /** Pixels of the photo for each pixel of the working copy. */
  get scale() {
    return this.width / this.canvas.width;
  }
}

/**
 * Take a file: the gateway checks and keeps it, the browser makes a copy to work on.
 * @param {import("../api.js").Api} api
 * @param {Blob} blob
 * @param {string} name
 * @param {{signal: AbortSignal, onWait: (error: ApiError) => void}} options
 * @returns {Promise<Picture>}
 */
export async function takePicture(api, blob, name, { signal, onWait }) {
  const upload = () =>
    api.request("/api/images?prefetch=masks", {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream" },
      body: blob,
      signal,
    });
  const response = await patiently(upload, { signal, onWait });
  const { image_id: id, width, height } = await response.json();
  const canvas = await workingCopy(api, blob, width, height);
  return new Picture({ id, name, blob, width, height, canvas });
}

/**
 * Take a picture that is in the gateway's store.
 * @param {import("../api.js").Api} api
 * @param {string} id
 * @param {string} name
 * @param {{signal: AbortSignal, onWait: (error: ApiError) => void}} options
 * @returns {Promise<Picture>}
 */
export async function fetchPicture(api, id, name, { signal, onWait }) {
  const response = await patiently(() => api.request(`/api/images/${id}`, { signal }), { signal, onWait });
  const blob = await response.blob();
  const image = await decoded(blob);
  if (!image) throw unreadable();
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  return new Picture({ id, name, blob, width, height, canvas: scaled(image, width, height) });
}

async function workingCopy(api, blob, width, height) {
  const image = (await decoded(blob)) ?? (await decoded(await converted(api, blob)));
  if (!image) throw unreadable();
  return scaled(image, width, height);
}

/** Have the gateway show what this browser cannot read, such as TIFF. */
async function converted(api, blob) {
  const response = await api.request(`/api/image-utils/resize?width=${WORKING_SIDE}&height=${WORKING_SIDE}&format=webp`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream", Accept: "image/*" },
    body: blob,
  });
  return response.blob();
}

async function decoded(blob) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
    return image;
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

function scaled(image, width, height) {
  const share = Math.min(1, WORKING_SIDE / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * share));
  canvas.height = Math.max(1, Math.round(height * share));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function unreadable() {
  return new ApiError({ status: 422, code: "image_invalid", detail: "This browser cannot show that picture." });
}
