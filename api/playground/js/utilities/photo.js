/** Choosing a photo: from a file, by dropping or pasting it, or one of the samples. */

import { h } from "../dom.js";

/**
 * @typedef {object} Photo
 * @property {Blob} blob
 * @property {string} name
 * @property {string} address for an <img>, until `forget`
 * @property {number} width pixels of the upright photo; 0 where this browser cannot show it, as with TIFF
 * @property {number} height
 */

/**
 * Read what a browser can tell of a picture.
 * @param {Blob} blob
 * @param {string} name
 * @returns {Promise<Photo>}
 */
export async function readPhoto(blob, name) {
  const address = URL.createObjectURL(blob);
  const image = new Image();
  image.src = address;
  await image.decode().catch(() => {});
  return { blob, name, address, width: image.naturalWidth, height: image.naturalHeight };
}

/** @param {Photo | null} photo whose address is not needed any more */
export function forget(photo) {
  if (photo) URL.revokeObjectURL(photo.address);
}

/**
 * Say what a picture is.
 * @param {Photo} photo
 * @returns {string}
 */
export function factsOf({ blob, width, height }) {
  const size = width ? `${width} × ${height} pixels · ` : "";
  return `${size}${bytesInWords(blob.size)}`;
}

/**
 * @param {number} bytes
 * @returns {string} in units of 1000, as disks and networks are measured
 */
export function bytesInWords(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  const [number, unit] = bytes < 1e6 ? [bytes / 1e3, "kB"] : [bytes / 1e6, "MB"];
  return `${number < 10 ? number.toFixed(1) : Math.round(number)} ${unit}`;
}

/**
 * Make a button that opens the file dialog.
 * @param {string} text
 * @param {{class: string, label: string, onFile: (file: File) => void}} options `label` is what the file is
 * @returns {HTMLElement[]} the button and its input
 */
export function fileButton(text, { class: name, label, onFile }) {
  const input = h("input", { type: "file", accept: "image/*", hidden: true, "aria-label": label });
  input.addEventListener("change", () => {
    if (input.files[0]) onFile(input.files[0]);
    input.value = "";
  });
  return [h("button", { type: "button", class: name, onclick: () => input.click() }, text), input];
}

/**
 * Have files that are dropped on an element, or pasted while it is shown, taken.
 * @param {HTMLElement} element
 * @param {(file: File) => void} onFile
 */
export function takeFiles(element, onFile) {
  const fileOf = (data) => [...(data?.files ?? [])].find((file) => file.type.startsWith("image/")) ?? data?.files[0];
  element.addEventListener("dragover", (event) => {
    event.preventDefault();
    element.classList.add("dragging");
  });
  element.addEventListener("dragleave", () => element.classList.remove("dragging"));
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    element.classList.remove("dragging");
    const file = fileOf(event.dataTransfer);
    if (file) onFile(file);
  });
  document.addEventListener("paste", (event) => {
    const file = fileOf(event.clipboardData);
    if (file && element.checkVisibility()) onFile(file);
  });
}

/**
 * Make the list of sample photos.
 * @param {{name: string, alt: string, url: string, file: string}[]} samples
 * @param {(blob: Blob, name: string) => void} onPhoto
 * @returns {HTMLElement}
 */
export function sampleList(samples, onPhoto) {
  const take = async (sample) => onPhoto(await (await fetch(sample.url)).blob(), sample.file);
  const items = samples.map((sample) => {
    const picture = h("img", { src: sample.url, alt: sample.alt, loading: "lazy" });
    const button = h("button", { type: "button", class: "sample", onclick: () => take(sample) }, picture, sample.name);
    return h("li", {}, button);
  });
  return h("div", { class: "samples" }, h("h2", {}, "Or try one of these"), h("ul", {}, ...items));
}
