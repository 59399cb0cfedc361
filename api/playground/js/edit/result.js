/** What came out of a job: fetched, shown beside what it came from, downloaded, remembered. */

import { byId, h } from "../dom.js";
import { Compare } from "./compare.js";
import { OPERATIONS } from "./operations.js";

const SUFFIXES = { "image/png": "png", "image/webp": "webp", "image/jpeg": "jpg" };
/** Longest side, in pixels, of the photo that the history keeps beside a result. */
const BEFORE_SIDE = 640;

/**
 * @typedef {object} Outcome
 * @property {import("./jobs.js").Job} job
 * @property {Blob} after
 * @property {Blob | null} before null where there was no photo, or it is not kept any more
 * @property {string} imageId
 * @property {string} model
 * @property {number} seconds on the worker
 * @property {Record<string, unknown>} parameters
 * @property {string[]} notes
 */

/**
 * Fetch a job's result and the photo that it came from.
 * @param {import("../api.js").Api} api
 * @param {import("./jobs.js").Job} job
 * @returns {Promise<Outcome>}
 */
export async function fetchOutcome(api, job) {
  const [result, before] = await Promise.all([
    api.request(`/api/generate/result/${job.id}`).then((response) => response.json()),
    job.photoId ? fetchBlob(api, `/api/images/${job.photoId}`).catch(() => null) : null,
  ]);
  const bytes = Uint8Array.from(atob(result.image), (character) => character.charCodeAt(0));
  return {
    job,
    before,
    after: new Blob([bytes], { type: `image/${result.format}` }),
    imageId: result.image_id,
    model: result.model_used,
    seconds: result.generation_time,
    parameters: result.parameters_used,
    notes: result.notes,
  };
}

/**
 * Make what the history keeps of a result.
 * @param {Outcome} outcome
 */
export async function historyEntry({ job, before, after, model, seconds, parameters }) {
  return {
    id: job.id,
    operation: job.operation,
    createdAt: job.at,
    model,
    seconds,
    before: before ? await thumbnail(before) : null,
    after,
    parameters,
    job,
  };
}

/**
 * Describe the edit that gives exactly this result: with its seed, and with the masks that the gateway has.
 * @param {import("../api.js").Api} api
 * @param {Outcome} outcome
 * @returns {import("../code.js").Edit}
 */
export function describeOutcome(api, { job: { edit }, parameters }) {
  const files = { ...edit.files };
  for (const field of ["mask", "reference_mask"]) {
    if (files[field]) files[field] = { ...files[field], read: () => fetchBlob(api, `/api/images/${parameters[field]}`) };
  }
  return { ...edit, files, fields: { ...edit.fields, seed: parameters.seed } };
}

/** The view of a result. */
export class ResultView {
  #compare = new Compare();
  #urls = [];

  /** @param {import("../api.js").Api} api */
  constructor(api) {
    this.api = api;
  }

  /** @param {Outcome} outcome */
  async show({ job, before, after, model, seconds, parameters, notes }) {
    for (const url of this.#urls) URL.revokeObjectURL(url);
    this.#urls = [after, before].filter((blob) => blob !== null).map((blob) => URL.createObjectURL(blob));
    const [afterUrl, beforeUrl = null] = this.#urls;
    const { done } = OPERATIONS[job.operation];
    byId("result-title").textContent = done;
    const facts = [`${model} engine`, `${seconds.toFixed(1)} s`, parameters.seed !== undefined ? `seed ${parameters.seed}` : ""];
    byId("result-facts").textContent = facts.filter(Boolean).join(" · ");
    byId("result-notes").replaceChildren(...notes.map((note) => h("li", {}, note)));
    await this.#compare.show(beforeUrl, afterUrl, `${done}: ${job.name}`);
  }

  /**
   * Save a result as a file.
   * @param {Outcome} outcome
   * @param {"image/png" | "image/webp" | "image/jpeg"} type
   */
  async download({ job }, type) {
    const response = await this.api.request(`/api/generate/result-image/${job.id}`, { headers: { Accept: type } });
    const url = URL.createObjectURL(await response.blob());
    const stem = job.name.replace(/\.[^.]*$/, "") || "picture";
    h("a", { href: url, download: `${stem}-${job.operation}.${SUFFIXES[type]}` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
}

async function fetchBlob(api, path) {
  return (await api.request(path)).blob();
}

async function thumbnail(blob) {
  const image = await createImageBitmap(blob);
  const share = Math.min(1, BEFORE_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * share));
  canvas.height = Math.max(1, Math.round(image.height * share));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  return new Promise((resolve) => {
    canvas.toBlob(resolve, "image/webp", 0.85);
  });
}
