/** How the server's edits are: what computes them, and whether somebody has to wake up first. */

import { byId } from "../dom.js";

const PERIOD = 15_000;

/**
 * Look now and then.
 * @param {import("../api.js").Api} api
 * @param {(engines: string[]) => void} onEngines
 */
export function watchService(api, onEngines) {
  let timer = 0;
  const look = async () => {
    clearTimeout(timer);
    if (!document.hidden) {
      try {
        const { services } = await (await api.request("/api/system/health")).json();
        show(services.generation);
        onEngines(services.generation.engines);
      } catch (error) {
        // Whoever gave no key is asked again with the next edit, and not every few seconds.
        if (error.status === 401) return;
      }
    }
    timer = setTimeout(look, PERIOD);
  };
  document.addEventListener("visibilitychange", look);
  look();
}

function show({ status, engines, message }) {
  const texts = {
    healthy: `${engines.join(", ")} engine ready`,
    asleep: "Asleep: your edit wakes a worker",
    starting: message ?? "A worker is starting",
    degraded: "Edits take longer at the moment",
    down: "No worker runs",
  };
  const note = byId("service");
  note.dataset.status = status;
  note.textContent = texts[status] ?? status;
}
