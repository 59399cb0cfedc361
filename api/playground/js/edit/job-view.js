/** What a running job shows: its place, its progress, and what can be seen of it already. */

import { byId, h } from "../dom.js";
import { OPERATIONS } from "./operations.js";

/**
 * Say where a job is, in a few words.
 * @param {import("./jobs.js").Job} job
 * @param {import("./follow.js").JobStatus | null} status
 * @returns {{title: string, detail: string, eta: string, progress: number | null}} `progress` 0 to 1; null while there is none
 */
export function describe(job, status) {
  if (!status) return { title: "Sending", detail: "", eta: "", progress: null };
  const eta = status.eta_seconds === null ? "" : inWords(status.eta_seconds);
  if (status.loading_message) return { title: "Waking up", detail: status.loading_message, eta, progress: null };
  if (status.status === "queued") {
    const ahead = (status.queue_position ?? 1) - 1;
    const detail = ahead > 0 ? `${ahead} ${ahead === 1 ? "edit is" : "edits are"} ahead of yours.` : "It is next.";
    return { title: "Waiting", detail, eta, progress: null };
  }
  if (status.status === "preprocessing") return { title: "Preparing", detail: status.message ?? "", eta, progress: null };
  const step = status.total_steps ? `Step ${status.current_step} of ${status.total_steps}` : "";
  const detail = [step, status.message].filter(Boolean).join(" · ");
  return { title: OPERATIONS[job.operation].progress, detail, eta, progress: status.progress };
}

/**
 * Show a job in the place of the button that began it.
 * @param {import("./jobs.js").Job} job
 * @param {import("./follow.js").JobStatus | null} status
 */
export function showJob(job, status) {
  const { title, detail, eta, progress } = describe(job, status);
  const bar = byId("job-progress");
  byId("job-title").textContent = title;
  byId("job-eta").textContent = eta;
  byId("job-detail").textContent = detail;
  if (progress === null) bar.removeAttribute("value");
  else bar.value = progress;
}

/**
 * List jobs that run beside what is on show.
 * @param {{job: import("./jobs.js").Job, status: import("./follow.js").JobStatus | null}[]} running
 * @param {{onShow: (job: import("./jobs.js").Job) => void, onCancel: (job: import("./jobs.js").Job) => void}} hooks
 */
export function showRunning(running, hooks) {
  byId("running").hidden = running.length === 0;
  const list = byId("running-list");
  // Rows stay, so that a button that has the focus keeps it.
  const before = new Map([...list.children].map((row) => [row.dataset.job, row]));
  for (const { job, status } of running) {
    const row = before.get(job.id) ?? rowOf(job, hooks);
    before.delete(job.id);
    if (!row.isConnected) list.append(row);
    const { title, eta } = describe(job, status);
    const text = row.querySelector("small");
    const news = [title, eta].filter(Boolean).join(" · ");
    if (text.textContent !== news) text.textContent = news;
  }
  for (const row of before.values()) row.remove();
}

function rowOf(job, { onShow, onCancel }) {
  const row = h(
    "li",
    {},
    h("p", { class: "running-text" }, h("strong", {}, job.name), h("small")),
    h("button", { type: "button", class: "button quiet", "aria-label": `Show ${job.name}`, onclick: () => onShow(job) }, "Show"),
    h("button", { type: "button", class: "button quiet", "aria-label": `Cancel ${job.name}`, onclick: () => onCancel(job) }, "Cancel"),
  );
  row.dataset.job = job.id;
  return row;
}

function inWords(seconds) {
  if (seconds < 2) return "a moment left";
  if (seconds < 90) return `about ${Math.round(seconds)} s left`;
  return `about ${Math.round(seconds / 60)} min left`;
}
