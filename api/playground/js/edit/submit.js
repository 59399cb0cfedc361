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
 * Describe an edit, with what was drawn for it.
 * @param {Wanted} wanted
 * @returns {import("../code.js").Edit}
 */
export function describeEdit({ operation, photo, reference, needsMask, fields }) {
  const all = { ...fields };
  const files = {};
  if (photo) files.input_image = { name: photo.name };
  if (photo && needsMask) {
    files.mask = drawn("mask.png", photo);
    if (photo.mask.tool === "box") all.mask_tool_type = "box";
  }
  if (reference) files.reference_image = { name: reference.name };
  if (reference && !reference.mask.isEmpty) files.reference_mask = drawn("reference-mask.png", reference);
  return { operation, files, fields: all };
}

/**
 * Have an edit accepted. A request that is on its way is not broken off: the gateway may have accepted it by then.
 * @param {import("../api.js").Api} api
 * @param {Wanted} wanted
 * @param {{signal: AbortSignal, onWait: (error: ApiError) => void}} options
 * @returns {Promise<import("./jobs.js").Job>}
 */
export async function submit(api, wanted, options) {
  const edit = describeEdit(wanted);
  const body = await bodyOf(wanted, edit);
  const headers = { "Idempotency-Key": newName() };
  const send = () => api.request("/api/generate/async", { method: "POST", headers, body });
  const response = await patiently(() => withImages(api, wanted, send), options);
  const { task_id: id } = await response.json();
  const { operation, photo } = wanted;
  // Only what can be kept: the gateway has the masks.
  const kept = JSON.parse(JSON.stringify(edit));
  return { id, operation, photoId: photo?.id ?? null, name: photo?.name ?? "picture", at: Date.now(), edit: kept };
}

async function bodyOf({ photo, reference }, { operation, files, fields }) {
  const body = new FormData();
  body.set("task_type", operation);
  if (photo) body.set("input_image", photo.id);
  if (reference) body.set("reference_image", reference.id);
  for (const [field, { name, read }] of Object.entries(files)) {
    if (read) body.set(field, await read(), name);
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

function drawn(name, picture) {
  return { name, read: () => picture.mask.file(picture.width, picture.height) };
}

function newName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
