/** Files come in: dropped, pasted, chosen, or one of the samples. */

import { byId, h } from "../dom.js";

/**
 * Listen for pictures.
 * @param {object} hooks
 * @param {(blob: Blob, name: string) => void} hooks.onFile
 * @param {() => boolean} hooks.isOpen whether a picture may come in now
 * @param {{name: string, file: string, url: string, alt: string}[]} samples
 */
export function mountIntake({ onFile, isOpen }, samples) {
  const input = byId("file");
  byId("choose-photo").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files.length > 0) onFile(input.files[0], input.files[0].name);
    input.value = "";
  });
  mountDrop({ onFile, isOpen });
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (!file || !isOpen()) return;
    event.preventDefault();
    onFile(file, file.name || "pasted picture");
  });
  byId("samples").replaceChildren(...samples.map((sample) => h("li", {}, sampleButton(sample, onFile))));
}

function mountDrop({ onFile, isOpen }) {
  const stage = byId("stage");
  const mark = (isOver) => stage.classList.toggle("dragged-over", isOver);
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files") && isOpen();
  stage.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    mark(true);
  });
  stage.addEventListener("dragleave", (event) => {
    if (!stage.contains(event.relatedTarget)) mark(false);
  });
  stage.addEventListener("drop", (event) => {
    mark(false);
    if (!holdsFiles(event)) return;
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) onFile(file, file.name);
  });
  // A file that misses the stage would take the place of the page.
  for (const type of ["dragover", "drop"]) window.addEventListener(type, (event) => event.preventDefault());
}

function sampleButton({ name, file, url, alt }, onFile) {
  const take = async () => onFile(await (await fetch(url)).blob(), file);
  return h(
    "button",
    { type: "button", class: "sample", onclick: take },
    h("img", { src: url, alt, width: 96, height: 96, draggable: false }),
    h("span", {}, name),
  );
}
