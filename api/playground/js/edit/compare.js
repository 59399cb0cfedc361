/** Before and after, with a line between them that a finger, a mouse or arrow keys move. */

import { byId } from "../dom.js";

/** Shows two pictures of one size, one over the other. */
export class Compare {
  constructor() {
    this.root = byId("compare");
    this.place = byId("compare-place");
    this.place.addEventListener("input", () => this.#show());
    window.addEventListener("resize", () => this.#fit());
    new ResizeObserver(() => this.#fit()).observe(this.root.parentElement);
  }

  /**
   * Show pictures; `before` is null where there was none.
   * @param {string | null} before address
   * @param {string} after address
   * @param {string} alt what the result is
   */
  async show(before, after, alt) {
    const [first, second] = [byId("compare-before"), byId("compare-after")];
    first.hidden = before === null;
    this.root.classList.toggle("alone", before === null);
    if (before) first.src = before;
    second.src = after;
    second.alt = alt;
    await second.decode();
    this.place.value = "50";
    this.#fit();
    this.#show();
  }

  #show() {
    const share = this.root.classList.contains("alone") ? 0 : Number(this.place.value);
    byId("compare-after").style.clipPath = `inset(0 0 0 ${share}%)`;
    this.root.style.setProperty("--place", `${share}%`);
    this.place.setAttribute("aria-valuetext", `${share} % before, ${100 - share} % after`);
  }

  /** As large as the stage allows, in the picture's proportions. */
  #fit() {
    const { naturalWidth: width, naturalHeight: height } = byId("compare-after");
    const { clientWidth: roomX, clientHeight: roomY } = this.root.parentElement;
    if (!width || !roomX) return;
    const share = Math.min((roomX - 32) / width, (roomY - 32) / height, 3);
    this.root.style.width = `${Math.floor(width * share)}px`;
    this.root.style.height = `${Math.floor(height * share)}px`;
  }
}
