/**
 * An image as a caller has it: a file, its bytes, or the id under which the gateway has it (64 hex digits); a text may
 * also be base64 or a data URL.
 */
export type ImageInput = Blob | Uint8Array | string;

/** Returns an image as a form takes it; undefined stays that. */
export function fileOf(image: ImageInput): Blob | string;
export function fileOf(image: ImageInput | undefined): Blob | string | undefined;
export function fileOf(image: ImageInput | undefined): Blob | string | undefined {
  return image instanceof Uint8Array ? new Blob([image as Uint8Array<ArrayBuffer>]) : image;
}

/** Returns the fields of a request as a form: lists of numbers with commas between, what is undefined left out. */
export function formOf(fields: object): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) form.append(name, value);
    else if (Array.isArray(value)) form.append(name, value.flat().join(","));
    else if (value !== undefined && value !== null) form.append(name, String(value));
  }
  return form;
}

/** Returns a picture that came as base64. */
export function blobOf(base64: string, format: string): Blob {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: `image/${format}` });
}
