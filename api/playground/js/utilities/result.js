/** What a utility has made: the picture, its size, and what to do with it. */

import { h, icon } from "../dom.js";
import { bytesInWords, factsOf } from "./photo.js";

/**
 * Make the place of a result.
 * @param {{onUse: (blob: Blob, name: string) => void, onCode: () => void}} hooks `onUse` makes the result the next photo
 * @returns {{element: HTMLElement, show: (made: import("./photo.js").Photo, before: Blob) => void,
 *   clear: () => void}}
 */
export function makeResult({ onUse, onCode }) {
  /** @type {import("./photo.js").Photo | null} */
  let shown = null;
  const image = h("img", { alt: "The result" });
  const facts = h("p", { class: "utility-facts", id: "utility-facts" });
  const download = h("a", { class: "button primary" }, icon("download"), "Download");
  const use = h("button", { type: "button", class: "button", onclick: () => onUse(shown.blob, shown.name) }, "Use as the photo");
  const code = h("button", { type: "button", class: "button quiet", onclick: onCode }, icon("code"), "Show as code");
  const element = h(
    "figure",
    { class: "utility-figure result", hidden: true },
    h("div", { class: "utility-frame checkered" }, image),
    h("figcaption", {}, h("strong", {}, "Result"), facts, h("div", { class: "utility-actions" }, download, use, code)),
  );

  return {
    element,
    show(made, before) {
      shown = made;
      image.src = made.address;
      facts.textContent = `${factsOf(made)}${comparedTo(made.blob.size, before.size)}`;
      download.href = made.address;
      download.download = made.name;
      element.hidden = false;
    },
    clear() {
      shown = null;
      image.removeAttribute("src");
      element.hidden = true;
    },
  };
}

function comparedTo(size, before) {
  if (size === before) return "";
  const more = size > before ? "more" : "less";
  return `, ${bytesInWords(Math.abs(size - before))} ${more} than the photo`;
}
