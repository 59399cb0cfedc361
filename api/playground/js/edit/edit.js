/** The room where photos are edited: what is asked for, what runs, and what came out. */

import { ApiError, wordsOf } from "../api.js";
import { byId } from "../dom.js";
import { HistoryError } from "../history.js";
import { Form } from "./form.js";
import { showJob, showRunning } from "./job-view.js";
import { Jobs } from "./jobs.js";
import { OPERATIONS } from "./operations.js";
import { fetchPicture } from "./picture.js";
import { clearProblems, showAt, showProblem } from "./problems.js";
import { describeOutcome, fetchOutcome, historyEntry, ResultView } from "./result.js";
import { watchService } from "./service.js";
import { Stage } from "./stage.js";
import { describeEdit, submit } from "./submit.js";

/**
 * Bring the room to life.
 * @param {object} house
 * @param {import("../api.js").Api} house.api
 * @param {(text: string) => void} house.announce
 * @param {{name: string, file: string, url: string, alt: string}[]} house.samples
 * @param {{add: (entry: object) => Promise<void>}} house.history
 * @param {{show: (edit: object) => void}} house.code
 * @returns {{openEntry: (entry: object) => Promise<void>, opened: () => Promise<{photo: Blob, mask: Blob | null, name: string} | null>}}
 *   `opened` gives the photo that is being edited
 */
export function mountEdit(house) {
  const room = new Room(house);
  return { openEntry: (entry) => room.openEntry(entry), opened: () => room.opened() };
}

class Room {
  /** @type {string | null} the job on show */
  #jobId = null;
  /** @type {import("./result.js").Outcome | null} */
  #outcome = null;
  #sending = new AbortController();

  constructor(house) {
    this.api = house.api;
    this.announce = house.announce;
    this.history = house.history;
    this.code = house.code;
    this.form = new Form({ onOperation: () => this.stage.chooseOperation(), onSubmit: () => this.#submit() });
    this.stage = new Stage(house, this.form);
    this.result = new ResultView(this.api);
    this.jobs = new Jobs(this.api, {
      onStatus: (job, status) => this.#onStatus(job, status),
      onLost: (job, error) => this.#onLost(job, error),
      onWait: (job, error) => job.id === this.#jobId && this.#wait(error),
      onList: () => this.#list(),
    });
    this.#mountButtons();
    watchService(this.api, (engines) => {
      this.form.engines = engines;
    });
    const job = this.jobs.begin();
    if (job) this.#watch(job);
  }

  /** Show a result of the history. */
  async openEntry(entry) {
    try {
      this.#showOutcome(await fetchOutcome(this.api, entry.job));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The server does not keep it any more; here is what the browser has.
      this.#showOutcome({ ...entry, imageId: "", notes: [error.detail] });
    }
  }

  /** Return the photo on the stage and its mask, if one is drawn; null without a photo. */
  async opened() {
    const { photo } = this.stage.pictures;
    if (!photo) return null;
    const mask = photo.mask.isEmpty ? null : await photo.mask.file(photo.width, photo.height);
    return { photo: photo.blob, mask, name: photo.name };
  }

  get #wanted() {
    const { operation, facts } = this.form;
    const { photo, reference } = this.stage.pictures;
    return {
      operation,
      photo: facts.needsPhoto ? photo : null,
      reference: operation === "insertion" ? reference : null,
      needsMask: facts.needsMask,
      fields: this.form.fields(),
    };
  }

  #mountButtons() {
    const actions = {
      "show-code": () => this.#showCode(),
      "result-code": () => this.#outcome && this.code.show(describeOutcome(this.api, this.#outcome)),
      "result-back": () => this.stage.rest(),
      "result-further": () => this.#goFurther(),
      "job-cancel": () => this.#cancel(),
      "job-leave": () => this.#rest(),
    };
    for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
    for (const button of document.querySelectorAll("[data-download]")) {
      button.addEventListener("click", () => this.#download(/** @type {HTMLElement} */ (button).dataset.download));
    }
  }

  #showCode() {
    clearProblems();
    const wanted = this.#wanted;
    if (this.form.facts.needsPhoto && !wanted.photo) showAt("submit", "Choose a photo first.");
    else this.code.show(describeEdit(wanted));
  }

  /** Say what is still missing, at its place. */
  #isComplete({ photo, needsMask, operation, reference }) {
    if (this.form.facts.needsPhoto && !photo) showAt("submit", "Choose a photo first.");
    else if (needsMask && photo.mask.isEmpty) showAt("mask", "Mark the place on the photo first.");
    else if (operation === "insertion" && !reference) showAt("reference", "Choose a photo that shows the object.");
    else return true;
    return false;
  }

  async #submit() {
    clearProblems();
    const wanted = this.#wanted;
    if (!this.#isComplete(wanted)) return;
    const sending = new AbortController();
    this.#sending = sending;
    this.#showWaiting(wanted.operation, wanted.photo);
    try {
      const job = await submit(this.api, wanted, { signal: sending.signal, onWait: (error) => this.#wait(error) });
      if (sending.signal.aborted) {
        await this.jobs.cancel(job.id);
        return;
      }
      this.jobs.add(job);
      if (this.stage.view === "job" && this.#jobId === null) this.#showJob(job.id);
    } catch (error) {
      if (sending.signal.aborted) return;
      this.#rest();
      showProblem(error);
    }
  }

  #showWaiting(operation, picture) {
    this.#showJob(null);
    this.stage.show("job");
    showJob({ operation }, null);
    this.announce(`${OPERATIONS[operation].progress}.`);
    this.#showPicture(picture);
    byId("job-cancel").focus({ preventScroll: true });
  }

  #showPicture(picture) {
    const image = byId("job-picture");
    image.hidden = !picture;
    if (picture) image.src = picture.canvas.toDataURL("image/jpeg", 0.8);
  }

  #showJob(id) {
    this.#jobId = id;
    this.jobs.show(id);
  }

  #rest() {
    this.#showJob(null);
    this.stage.rest();
  }

  #wait(error) {
    byId("job-detail").textContent = error.detail;
  }

  /** Show a job that runs already, such as one from before a reload. */
  async #watch(job) {
    const { stage, form } = this;
    form.operation = job.operation;
    this.#showWaiting(job.operation, null);
    this.#showJob(job.id);
    if (!job.photoId) return;
    const options = { signal: new AbortController().signal, onWait: () => {} };
    const picture = await fetchPicture(this.api, job.photoId, job.name, options).catch(() => null);
    stage.pictures.photo ??= picture;
    if (this.#jobId === job.id) this.#showPicture(picture);
    else if (stage.view === "welcome") stage.rest();
  }

  #list() {
    const others = this.jobs.list().filter(({ job }) => job.id !== this.#jobId);
    showRunning(others, {
      onShow: (job) => this.#watch(job),
      onCancel: (job) => this.jobs.cancel(job.id).catch((error) => showAt("submit", wordsOf(error))),
    });
  }

  #onStatus(job, status) {
    const isShown = job.id === this.#jobId;
    if (isShown) this.#showStatus(job, status);
    if (status.status === "done") this.#finish(job);
    else if (isShown && status.status === "cancelled") this.#end("Cancelled. Your photo and its mask are as they were.");
    else if (isShown && status.status === "error") this.#fail(status);
  }

  async #showStatus(job, status) {
    showJob(job, status);
    if (!status.preview_url) return;
    const blob = await this.api.request(status.preview_url).then((response) => response.blob(), () => null);
    if (!blob || job.id !== this.#jobId) return;
    const image = byId("job-picture");
    const before = image.src;
    image.src = URL.createObjectURL(blob);
    image.hidden = false;
    if (before.startsWith("blob:")) URL.revokeObjectURL(before);
  }

  #end(text) {
    this.#rest();
    this.stage.hint(text);
    byId("submit").focus({ preventScroll: true });
  }

  #fail({ error, error_code: code }) {
    this.#rest();
    showProblem(new ApiError({ status: 500, code: code ?? "", detail: error ?? "" }));
  }

  #onLost(job, error) {
    if (job.id !== this.#jobId) return;
    this.#rest();
    showProblem(error);
  }

  async #finish(job) {
    try {
      const outcome = await fetchOutcome(this.api, job);
      if (this.#jobId === job.id) await this.#showOutcome(outcome);
      else this.announce(`${OPERATIONS[job.operation].done}: ${job.name} is in the history.`);
      await this.#keep(outcome);
    } catch (error) {
      this.#onLost(job, error);
    }
  }

  async #keep(outcome) {
    try {
      await this.history.add(await historyEntry(outcome));
    } catch (error) {
      if (!(error instanceof HistoryError)) throw error;
      this.announce(error.message);
    }
  }

  async #showOutcome(outcome) {
    this.#outcome = outcome;
    this.#showJob(null);
    this.stage.show("result");
    clearProblems();
    const isKept = outcome.imageId !== "";
    byId("result-further").hidden = !isKept;
    for (const button of document.querySelectorAll("[data-download]")) button.toggleAttribute("disabled", !isKept);
    await this.result.show(outcome);
    this.announce(`${OPERATIONS[outcome.job.operation].done}. Compare with the slider, download, or edit it further.`);
    byId("result-title").focus({ preventScroll: true });
  }

  async #cancel() {
    if (this.#jobId === null) {
      this.#sending.abort();
      this.#end("Cancelled. Your photo and its mask are as they were.");
      return;
    }
    try {
      await this.jobs.cancel(this.#jobId);
    } catch (error) {
      showAt("submit", wordsOf(error));
    }
  }

  async #goFurther() {
    const { imageId, job } = this.#outcome;
    try {
      const options = { signal: new AbortController().signal, onWait: (error) => this.announce(error.detail) };
      const picture = await fetchPicture(this.api, imageId, job.name, options);
      if (!this.form.facts.needsPhoto) this.form.operation = "removal";
      this.stage.active = "photo";
      this.stage.open(picture);
    } catch (error) {
      showAt("submit", wordsOf(error));
    }
  }

  async #download(type) {
    clearProblems();
    try {
      await this.result.download(this.#outcome, type);
    } catch (error) {
      showAt("download", wordsOf(error));
    }
  }
}
