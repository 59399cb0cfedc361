/** A job's events: server-sent, but over fetch, which can send a key and come back where it left. */

import { ApiError, offline } from "../api.js";
import { pause } from "../dom.js";

const FINAL = new Set(["done", "error", "cancelled"]);

/**
 * @typedef {object} JobStatus as GET /api/generate/status tells it
 * @property {string} task_id
 * @property {"queued" | "preprocessing" | "loading" | "processing" | "done" | "error" | "cancelled"} status
 * @property {number} progress 0 to 1
 * @property {number} current_step
 * @property {number} total_steps
 * @property {number | null} queue_position
 * @property {number | null} eta_seconds
 * @property {string | null} loading_message
 * @property {string | null} message
 * @property {string | null} preview_url
 * @property {string | null} error
 * @property {string | null} error_code
 */

/**
 * Whether a job can change no more.
 * @param {JobStatus} status
 */
export function isFinal(status) {
  return FINAL.has(status.status);
}

/**
 * Follow a job until it has ended, through restarts of the gateway.
 * @param {import("../api.js").Api} api
 * @param {string} id
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {(status: JobStatus) => void} options.onStatus is told each change, the final one too
 * @param {(error: ApiError) => void} options.onWait is told that the gateway is away
 */
export async function follow(api, id, { signal, onStatus, onWait }) {
  const place = { last: "", retry: 1000 };
  for (;;) {
    try {
      const headers = { Accept: "text/event-stream", ...(place.last && { "Last-Event-ID": place.last }) };
      const response = await api.request(`/api/generate/stream/${id}`, { headers, signal });
      for await (const status of statuses(response, place)) {
        onStatus(status);
        if (isFinal(status)) return;
      }
      if (response.status === 204) return;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ApiError) || !error.isPassing) throw error;
      onWait(error);
    }
    await pause(place.retry, signal);
  }
}

async function* statuses(response, place) {
  for await (const line of lines(response)) {
    const [, field, value] = /^(data|id|retry): ?(.*)$/.exec(line) ?? [];
    if (field === "retry") place.retry = Number(value);
    else if (field === "id") place.last = value;
    else if (field === "data") yield JSON.parse(value);
  }
}

async function* lines(response) {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw offline();
      });
      if (done) return;
      const parts = (rest + value).split(/\r?\n/);
      rest = parts.pop() ?? "";
      yield* parts;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
