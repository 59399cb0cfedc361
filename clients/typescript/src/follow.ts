import { type Api, read } from "./api.js";
import { DarkroomError, unreachable } from "./errors.js";
import { sleep } from "./retry.js";
import type { components } from "./schema.js";
import { readEvents } from "./sse.js";

/** Where a job is, as the gateway tells it. */
export type JobStatus = components["schemas"]["JobStatus"];

const FINAL: ReadonlySet<JobStatus["status"]> = new Set(["done", "error", "cancelled"]);
/** Heartbeats come each 15 s: a connection that is silent for three of them is dead. */
const SILENCE_MILLISECONDS = 45_000;
/** Connections in a row of which nothing came. */
const SILENT_CONNECTIONS = 5;

/**
 * Yields each change of a job; the last one is final. A connection that breaks is taken up where it broke.
 *
 * Throws `DarkroomError` where the gateway refuses or is gone, and the signal's reason.
 */
export async function* follow(api: Api, jobId: string, signal?: AbortSignal): AsyncGenerator<JobStatus, void, undefined> {
  let lastEventId: string | undefined;
  let comeBackMilliseconds = 1000;
  let silentConnections = 0;
  while (silentConnections < SILENT_CONNECTIONS) {
    const connection = new Connection(signal);
    silentConnections += 1;
    try {
      const answer = await api.GET("/api/generate/stream/{job_id}", {
        params: { path: { job_id: jobId }, header: { "last-event-id": lastEventId ?? null } },
        headers: { Accept: "text/event-stream" },
        parseAs: "stream",
        signal: connection.signal,
      });
      const stream = read(answer);
      if (!stream) {
        // 204: the event that was seen last was the job's last one.
        yield read(await api.GET("/api/generate/status/{job_id}", { params: { path: { job_id: jobId } }, signal: connection.signal }));
        return;
      }
      const events = readEvents(stream, {
        onActivity: () => {
          connection.isAlive();
          silentConnections = 0;
        },
        onRetry: (milliseconds) => {
          comeBackMilliseconds = milliseconds;
        },
      });
      for await (const event of events) {
        const status = parse(event.data);
        lastEventId = event.id;
        yield status;
        if (FINAL.has(status.status)) return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      // The gateway's own answers are final; what is left is a connection that broke.
      if (error instanceof DarkroomError) throw error;
    } finally {
      connection.close();
    }
    await sleep(comeBackMilliseconds, signal);
  }
  throw unreachable(`the events of job ${jobId}`, "connections end before anything comes");
}

/** One connection: it ends with the caller's signal, and by itself where nothing comes any more. */
class Connection {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal ? AbortSignal.any([signal, this.#controller.signal]) : this.#controller.signal;
    this.isAlive();
  }

  isAlive(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(new Error("The event stream is silent.")), SILENCE_MILLISECONDS);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }
}

function parse(data: string): JobStatus {
  try {
    return JSON.parse(data) as JobStatus;
  } catch (cause) {
    throw new DarkroomError({ status: 200, code: "unexpected_answer", detail: `An event is no JSON: ${data}` }, { cause });
  }
}
