import { type Api, connect, type DarkroomOptions, type JsonApi, once, read } from "./api.js";
import { DarkroomError } from "./errors.js";
import { fileOf, formOf, blobOf, type ImageInput } from "./images.js";
import { type Abortable, type Edited, type Following, Job } from "./job.js";
import type { components, paths } from "./schema.js";
import { Utilities } from "./utilities.js";

type FormOf<Path extends keyof paths> = paths[Path] extends {
  post: { requestBody: { content: { "multipart/form-data": infer Fields } } };
}
  ? Fields
  : never;
type GenerateForm = FormOf<"/api/generate/async">;
type MaskForm = FormOf<"/api/smart-mask">;

/** How each service is. */
export type SystemHealth = components["schemas"]["SystemHealth"];

export type Operation = NonNullable<GenerateForm["task_type"]>;

/** What an edit may say beside its images, under the gateway's own names. */
export type EditParameters = Omit<
  GenerateForm,
  | ("task_type" | "input_image" | "mask" | "conditional_images")
  | ("reference_image" | "reference_mask" | "reference_mask_R")
>;

/** What each operation needs. */
export interface EditImages extends Record<Operation, object> {
  removal: {
    photo: ImageInput;
    /** White where the photo may change. */
    mask: ImageInput;
  };
  insertion: {
    photo: ImageInput;
    /** White where the photo may change. */
    mask: ImageInput;
    /** Holds the object to insert. */
    reference: ImageInput;
    /** White where that object is; without it the object is found. */
    reference_mask?: ImageInput | undefined;
  };
  "white-balance": { photo: ImageInput };
  "text-to-image": { prompt: string };
}

export interface Submitting extends Abortable {
  /** Your own name for this edit: sent again under it within a day, it is the same job. Drawn if absent. */
  idempotencyKey?: string | undefined;
}

export type EditOptions<O extends Operation> = EditImages[O] & EditParameters & Submitting;

/** What is pointed at; coordinates are pixels of the upright photo. */
export type SmartMaskOptions = Omit<MaskForm, "image" | "image_id" | "mask" | "bbox" | "auto_detect"> &
  Abortable & {
    /** x0, y0, x1, y1; x1 and y1 are exclusive. */
    box?: [number, number, number, number] | undefined;
    /** Brush strokes, white. */
    mask?: ImageInput | undefined;
  };

/** The mask of what was meant. */
export interface SmartMask {
  /** A PNG of the photo's size: white is the object, grey a soft edge. */
  image: Blob;
  /** Names the mask wherever an image is accepted, such as the mask of an edit. */
  maskId: string;
  /** Names the photo: later clicks need not send it again. */
  photoId: string;
  /** Pixels. */
  width: number;
  height: number;
  /** x0, y0, x1, y1 of the mask; x1 and y1 are exclusive. */
  box: [number, number, number, number];
  /** Pixels. */
  area: number;
  /** What the prompts can mean: ask again with the index of another one as `candidate`. */
  candidates: readonly components["schemas"]["MaskCandidate"][];
  candidate: number;
  model: components["schemas"]["MaskSource"];
}

/** A client of one gateway. Whatever goes wrong is a `DarkroomError`, except an abort: that throws the signal's reason. */
export class Darkroom {
  /** Every route, typed by the OpenAPI document, with the key and the retries of this client. */
  readonly api: Api;
  readonly utilities: Utilities;

  constructor(options: DarkroomOptions) {
    this.api = connect(options);
    this.utilities = new Utilities(this.api);
  }

  /** Carries out an edit and returns what came out. Who aborts it cancels its job. */
  async edit<O extends Operation>(operation: O, options: EditOptions<O> & Following): Promise<Edited> {
    const { onProgress, ...order } = options;
    const job = await this.submit<O>(operation, order as unknown as EditOptions<O>);
    try {
      return await job.result({ signal: options.signal, onProgress });
    } catch (error) {
      // The caller gave it up: nobody will ask for the result.
      if (!(error instanceof DarkroomError)) await job.cancel().catch(() => undefined);
      throw error;
    }
  }

  /** Has an edit accepted and returns its job. From then on it is not lost; a repeated request makes no second one. */
  async submit<O extends Operation>(operation: O, options: EditOptions<O>): Promise<Job> {
    const { signal, idempotencyKey, photo, mask, reference, reference_mask, ...parameters } = options as EditParameters &
      Submitting &
      Partial<EditImages["insertion"]>;
    const body: GenerateForm = {
      task_type: operation,
      input_image: fileOf(photo),
      mask: fileOf(mask),
      reference_image: fileOf(reference),
      reference_mask: fileOf(reference_mask),
      ...parameters,
    };
    const params = { header: once(idempotencyKey) };
    const accepted = await this.api.POST("/api/generate/async", { body, bodySerializer: formOf, params, signal });
    return this.job(read(accepted).task_id);
  }

  /** Returns the job with this id, as after a reload; nothing is asked yet. */
  job(id: string): Job {
    return new Job(this.api, id);
  }

  /** Returns the mask of what points, a box or strokes mean; without any, of the main object. */
  async smartMask(photo: ImageInput, options: SmartMaskOptions = {}): Promise<SmartMask> {
    const { signal, box, mask, ...prompts } = options;
    const body: MaskForm = { image: fileOf(photo), mask: fileOf(mask), bbox: box, ...prompts, auto_detect: true };
    const params = { header: once() };
    const headers = { Accept: "application/json" };
    const api = this.api as JsonApi;
    const answer = await api.POST("/api/smart-mask", { body, bodySerializer: formOf, params, headers, signal });
    // openapi-fetch forgets how long a tuple is.
    const found = read(answer) as components["schemas"]["SmartMaskAnswer"];
    return {
      image: blobOf(found.mask_base64, "png"),
      maskId: found.mask_id,
      photoId: found.image_id,
      width: found.width,
      height: found.height,
      box: found.box,
      area: found.area,
      candidates: found.candidates,
      candidate: found.candidate,
      model: found.model_used,
    };
  }

  /** Keeps an image for a week and returns its id; with `prefetch` its objects are found before the first click. */
  async upload(image: ImageInput, options: Abortable & { prefetch?: "masks" | undefined } = {}): Promise<string> {
    const { signal, prefetch } = options;
    const params = { header: once(), query: { prefetch } };
    const body = { image: fileOf(image) };
    const answer = await this.api.POST("/api/images", { body, bodySerializer: formOf, params, signal });
    return read(answer).image_id;
  }

  /** Returns an image by its id, such as the preview that a status names. */
  async image(id: string, { signal }: Abortable = {}): Promise<Blob> {
    const params = { path: { image_id: id } };
    return read(await this.api.GET("/api/images/{image_id}", { params, parseAs: "blob", signal }));
  }

  /** Tells how each service is: healthy, asleep, starting, degraded or down. */
  async health({ signal }: Abortable = {}): Promise<SystemHealth> {
    return read(await this.api.GET("/api/system/health", { signal }));
  }
}
