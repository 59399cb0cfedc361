/** Sends an edit, once: a request that got no answer is sent again under the same name. */

import { ApiError, patiently } from "../api.js";

/**
 * @typedef {object} Wanted
 * @property {import("./operations.js").OperationName} operation
 * @property {import("./picture.js").Picture | null} photo
 * @property {import("./picture.js").Picture | null} reference
 * @property {boolean} needsMask
 * @property {Record<string, string>} fields by the API's names
 */

/**
 * Describe an edit as the code dialog and the job's record have it.
 * @param {Wanted} wanted
 */
export function describeEdit({ operation, photo, reference, needsMask, fields }) {
  const all = { ...fields };
  const files = {};
  if (photo) files.input_image = { name: photo.name };
  if (photo && needsMask) {
    files.mask = { name: "mask.png" };
    if (photo.mask.tool === "box") all.mask_tool_type = "box";
  }
  if (reference) files.reference_image = { name: reference.name };
  if (reference && !reference.mask.isEmpty) files.reference_mask = { name: "reference-mask.png" };
  return { operation, files, fields: all };
}

/**
 * Describe an edit with the masks that are drawn for it.
 * @param {Wanted} wanted
 * @returns {import("../code.js").Edit}
 */
export function describeDrawn(wanted) {
  const edit = describeEdit(wanted);
  const drawn = { mask: wanted.photo, reference_mask: wanted.reference };
  for (const [field, picture] of Object.entries(drawn)) {
    if (edit.files[field]) edit.files[field].read = () => picture.mask.file(picture.width, picture.height);
  }
  return edit;
}

/**
 * Have an edit accepted.
 * @param {import("../api.js").Api} api
 * @param {Wanted} wanted
 * @param {{signal: AbortSignal, onWait: (error: ApiError) => void}} options
 * @returns {Promise<import("./jobs.js").Job>}
 */
export async function submit(api, wanted, options) {
  const edit = describeEdit(wanted);
  const body = await bodyOf(wanted, edit);
  const headers = { "Idempotency-Key": newName() };
  const send = () => api.request("/api/generate/async", { method: "POST", headers, body, signal: options.signal });
  const response = await patiently(() => withImages(api, wanted, send), options);
  const { task_id: id } = await response.json();
  const { operation, photo } = wanted;
  return { id, operation, photoId: photo?.id ?? null, name: photo?.name ?? "picture", at: Date.now(), edit };
}

async function bodyOf({ photo, reference }, { operation, files, fields }) {
  const body = new FormData();
  body.set("task_type", operation);
  if (photo) body.set("input_image", photo.id);
  if (files.mask) body.set("mask", await photo.mask.file(photo.width, photo.height), files.mask.name);
  if (reference) body.set("reference_image", reference.id);
  if (files.reference_mask) {
    const mask = await reference.mask.file(reference.width, reference.height);
    body.set("reference_mask", mask, files.reference_mask.name);
  }
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  return body;
}

/** Send; where the gateway has forgotten the pictures meanwhile, bring them again. */
async function withImages(api, { photo, reference }, send) {
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "image_unknown") throw error;
    for (const picture of [photo, reference]) {
      if (picture) await upload(api, picture.blob);
    }
    return send();
  }
}

function upload(api, blob) {
  const headers = { "Content-Type": "application/octet-stream" };
  return api.request("/api/images", { method: "POST", headers, body: blob });
}

function newName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
