import { type Api, read } from "./api.js";
import { follow, type JobStatus } from "./follow.js";
import { blobOf } from "./images.js";
import type { components } from "./schema.js";

/** The answer to a cancel. */
export type Cancelled = components["schemas"]["Cancelled"];

/** What an edit was carried out with: the seed that was drawn, and ids for images. */
export type Parameters = components["schemas"]["Parameters"];

/** What came out of a job. */
export interface Edited {
  jobId: string;
  /** The picture; `Job.image` gets it in another format. */
  image: Blob;
  /** Names the picture wherever an image is accepted. */
  imageId: string;
  /** Pixels. */
  width: number;
  height: number;
  /** The engine that computed it. */
  model: string;
  /** Of the generation worker. */
  seconds: number;
  /** Makes a second edit give the same picture. */
  seed: number | undefined;
  parameters: Parameters;
  /** What of the request had no effect, or another one than one might expect. */
  notes: readonly string[];
}

export interface Abortable {
  signal?: AbortSignal | undefined;
}

export interface Following extends Abortable {
  /** Is told of each change of the job, the final one too. */
  onProgress?: ((status: JobStatus) => void) | undefined;
}

/** A job that was accepted. A signal ends what this client does; only `cancel` ends the job. */
export class Job {
  readonly id: string;
  readonly #api: Api;
  readonly #params: { path: { job_id: string } };

  constructor(api: Api, id: string) {
    this.id = id;
    this.#api = api;
    this.#params = { path: { job_id: id } };
  }

  /** Returns where the job is now; `events` follows it. */
  async status({ signal }: Abortable = {}): Promise<JobStatus> {
    return read(await this.#api.GET("/api/generate/status/{job_id}", { params: this.#params, signal }));
  }

  /**
   * Yields each change of the job from its first one on; the last one is always final: done, error or cancelled.
   *
   * A connection that breaks is taken up where it broke.
   */
  events({ signal }: Abortable = {}): AsyncGenerator<JobStatus, void, undefined> {
    return follow(this.#api, this.id, signal);
  }

  /**
   * Waits until the job has ended and returns what came out.
   *
   * Throws `DarkroomError`: the job's own error where it failed, `job_cancelled` where it was cancelled.
   */
  async result({ signal, onProgress }: Following = {}): Promise<Edited> {
    for await (const status of this.events({ signal })) onProgress?.(status);
    const made = read(
      await this.#api.GET("/api/generate/result/{job_id}", { params: this.#params, signal }),
    );
    return {
      jobId: made.task_id,
      image: blobOf(made.image, made.format),
      imageId: made.image_id,
      width: made.width,
      height: made.height,
      model: made.model_used,
      seconds: made.generation_time,
      seed: made.parameters_used.seed,
      parameters: made.parameters_used,
      notes: made.notes,
    };
  }

  /** Returns the picture of a job that is done, in this format. */
  async image(format: "png" | "jpeg" | "webp", { signal }: Abortable = {}): Promise<Blob> {
    return read(
      await this.#api.GET("/api/generate/result-image/{job_id}", {
        params: this.#params,
        headers: { Accept: `image/${format}` },
        parseAs: "blob",
        signal,
      }),
    );
  }

  /** Cancels the job in any state. One that has ended stays as it is; the answer says how it ended. */
  async cancel({ signal }: Abortable = {}): Promise<Cancelled> {
    return read(await this.#api.DELETE("/api/generate/{job_id}", { params: this.#params, signal }));
  }
}
