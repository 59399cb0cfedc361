import { type Api, type JsonApi, once, read } from "./api.js";
import { blobOf, fileOf, formOf, type ImageInput } from "./images.js";
import type { Abortable } from "./job.js";
import type { components, paths } from "./schema.js";

type UtilityPath = Extract<keyof paths, `/api/image-utils/${string}`>;
type Fields<Path extends UtilityPath> = paths[Path]["post"]["requestBody"]["content"]["multipart/form-data"];
type Options<Path extends UtilityPath> = Omit<Fields<Path>, "image" | "mask"> & Abortable;

interface Masked {
  /** White marks the object. */
  mask?: ImageInput | undefined;
}

/** What a utility made. */
export interface Made {
  image: Blob;
  /** Names the picture wherever an image is accepted. */
  imageId: string;
  /** Pixels. */
  width: number;
  height: number;
  format: components["schemas"]["Format"];
}

/** The image utilities; options have the gateway's own names. */
export class Utilities {
  readonly #api: JsonApi;

  constructor(api: Api) {
    this.#api = api as JsonApi;
  }

  /** Fits a photo into `width` × `height`. */
  resize(photo: ImageInput, options: Options<"/api/image-utils/resize">): Promise<Made> {
    return this.#make("/api/image-utils/resize", photo, options);
  }

  /** Cuts a photo to a `box` [x0, y0, x1, y1] in pixels, or to an `aspect` [width, height] around its centre. */
  crop(photo: ImageInput, options: Options<"/api/image-utils/crop">): Promise<Made> {
    return this.#make("/api/image-utils/crop", photo, options);
  }

  /** Writes a photo in another format; with `max_bytes` in the best quality that fits. */
  encode(photo: ImageInput, options: Options<"/api/image-utils/encode">): Promise<Made> {
    return this.#make("/api/image-utils/encode", photo, options);
  }

  /** Puts the object under the mask, or the main object, on the middle of a square. */
  extractObject(photo: ImageInput, options: Options<"/api/image-utils/extract-object"> & Masked = {}): Promise<Made> {
    return this.#make("/api/image-utils/extract-object", photo, options);
  }

  /** Fills the masked area from its surroundings, as a preview of a removal. */
  mae(photo: ImageInput, options: Options<"/api/image-utils/mae"> & { mask: ImageInput }): Promise<Made> {
    return this.#make("/api/image-utils/mae", photo, options);
  }

  /** Draws the edges, white on black. */
  canny(photo: ImageInput, options: Options<"/api/image-utils/canny"> = {}): Promise<Made> {
    return this.#make("/api/image-utils/canny", photo, options);
  }

  /** Puts an extracted object with a soft shadow on light grey. */
  addShadowPreview(
    object: ImageInput,
    options: Options<"/api/image-utils/add-shadow-preview"> & Masked = {},
  ): Promise<Made> {
    return this.#make("/api/image-utils/add-shadow-preview", object, options);
  }

  async #make(path: UtilityPath, photo: ImageInput, options: Abortable & Masked): Promise<Made> {
    const { signal, mask, ...fields } = options;
    const body = { image: fileOf(photo), mask: fileOf(mask), ...fields };
    const answer = await this.#api.POST(path as "/api/image-utils/resize", {
      // Its fields were checked where the utility was called; all of them answer alike.
      body,
      bodySerializer: formOf,
      headers: { Accept: "application/json" },
      params: { header: once() },
      signal,
    });
    const made = read(answer);
    return {
      image: blobOf(made.image, made.format),
      imageId: made.image_id,
      width: made.width,
      height: made.height,
      format: made.format,
    };
  }
}
