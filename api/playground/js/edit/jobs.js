/** Jobs that run: remembered across reloads, and shared by all tabs of this browser. */

import { ApiError } from "../api.js";
import { pause } from "../dom.js";
import { follow, isFinal } from "./follow.js";

const PLACE = "darkroom.jobs";
/** Milliseconds between two looks at a job that is not on show: a browser has six connections for all its tabs. */
const GLANCE = 3000;

/**
 * @typedef {object} Job an edit that was accepted
 * @property {string} id
 * @property {import("./operations.js").OperationName} operation
 * @property {string | null} photoId the photo's id in the gateway's store
 * @property {string} name of the photo's file
 * @property {number} at milliseconds since 1970
 * @property {{operation: string, files: Record<string, {name: string}>, fields: Record<string, string>}} edit what was asked for
 */

/** The jobs of this browser that have not ended. */
export class Jobs {
  /** @type {Map<string, {job: Job, status: import("./follow.js").JobStatus | null, stop: AbortController}>} */
  #running = new Map();
  #shown = null;

  /**
   * @param {import("../api.js").Api} api
   * @param {object} hooks
   * @param {(job: Job, status: import("./follow.js").JobStatus) => void} hooks.onStatus
   * @param {(job: Job, error: unknown) => void} hooks.onLost a job cannot be followed any more
   * @param {(job: Job, error: ApiError) => void} hooks.onWait the gateway is away
   * @param {() => void} hooks.onList other jobs run than before
   */
  constructor(api, hooks) {
    this.api = api;
    this.hooks = hooks;
    window.addEventListener("storage", (event) => {
      if (event.key === PLACE) this.#take();
    });
  }

  /** Pick up what runs. @returns {Job | undefined} the latest */
  begin() {
    this.#take();
    return this.list().at(-1)?.job;
  }

  /** @returns {{job: Job, status: import("./follow.js").JobStatus | null}[]} in the order of their beginning */
  list() {
    return [...this.#running.values()].sort((a, b) => a.job.at - b.job.at);
  }

  /** Follow a job that was just accepted. @param {Job} job */
  add(job) {
    write([...read(), job]);
    this.#watch(job);
  }

  /** Follow this one closely, as it is on show; none with null. */
  show(id) {
    const before = this.#shown;
    this.#shown = id;
    for (const each of [before, id]) {
      const running = this.#running.get(each);
      if (running && before !== id) this.#watch(running.job, running.status);
    }
    this.hooks.onList();
  }

  /** Ask the gateway to cancel a job; its last status then tells how it ended. */
  async cancel(id) {
    await this.api.request(`/api/generate/${id}`, { method: "DELETE" });
  }

  #take() {
    for (const job of read()) {
      if (!this.#running.has(job.id)) this.#watch(job);
    }
  }

  #watch(job, status = null) {
    this.#running.get(job.id)?.stop.abort();
    const stop = new AbortController();
    this.#running.set(job.id, { job, status, stop });
    this.hooks.onList();
    this.#run(job, stop.signal);
  }

  async #run(job, signal) {
    const onStatus = (status) => this.#tell(job, status);
    const onWait = (error) => this.hooks.onWait(job, error);
    try {
      if (job.id === this.#shown) await follow(this.api, job.id, { signal, onStatus, onWait });
      else await glance(this.api, job.id, { signal, onStatus, onWait });
    } catch (error) {
      if (signal.aborted) return;
      this.#drop(job.id);
      this.hooks.onLost(job, error);
    }
  }

  #tell(job, status) {
    const running = this.#running.get(job.id);
    if (running) running.status = status;
    if (isFinal(status)) this.#drop(job.id);
    this.hooks.onStatus(job, status);
    this.hooks.onList();
  }

  #drop(id) {
    this.#running.delete(id);
    write(read().filter((job) => job.id !== id));
    this.hooks.onList();
  }
}

async function glance(api, id, { signal, onStatus, onWait }) {
  for (;;) {
    try {
      const response = await api.request(`/api/generate/status/${id}`, { signal });
      const status = await response.json();
      onStatus(status);
      if (isFinal(status)) return;
    } catch (error) {
      if (!(error instanceof ApiError) || !error.isPassing) throw error;
      onWait(error);
    }
    await pause(GLANCE, signal);
  }
}

/** @returns {Job[]} */
function read() {
  try {
    return JSON.parse(localStorage.getItem(PLACE) ?? "[]");
  } catch {
    return [];
  }
}

function write(jobs) {
  localStorage.setItem(PLACE, JSON.stringify(jobs));
}
