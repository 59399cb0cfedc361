// Writes TypeScript to build/examples: of the README and of docs/typescript.md, where it is checked and run, and of the
// gateway's page, which shows edits as code, where it is checked.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { snippets } from "../../../api/playground/js/code.js";

const PAGES = ["README.md", "../../docs/typescript.md"];
const file = { name: "it's a \"photo\".jpg" };
const EDITS = [
  { operation: "removal", files: { input_image: file, mask: file }, fields: { mask_tool_type: "brush", seed: "7" } },
  {
    operation: "insertion",
    files: { input_image: file, mask: file, reference_image: file, reference_mask: file },
    fields: { prompt: "12", preset: "fast", preview_every: "1" },
  },
  { operation: "white-balance", files: { input_image: file }, fields: { input_quality: "original" } },
  { operation: "text-to-image", files: {}, fields: { prompt: "`${a}`\n", width: "1024", height: "768", true_cfg_scale: "4.5" } },
  { utility: "resize", files: { image: file }, fields: { width: "512", format: "webp", quality: "85" }, output: "a.webp" },
  { utility: "crop", files: { image: file }, fields: { box: [0, 0, 64, 64] } },
  { utility: "add-shadow-preview", files: { image: file, mask: file }, fields: {} },
];
const ADDRESS = '"http://127.0.0.1:8000"';
const folder = new URL("../build/examples/", import.meta.url);

await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
for (const page of PAGES) {
  const text = await readFile(new URL(`../${page}`, import.meta.url), "utf8");
  const name = basename(page, ".md").toLowerCase();
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1] ?? "");
  if (blocks.length === 0) throw new Error(`${page} has no example`);
  for (const [index, block] of blocks.entries()) {
    // A file of a framework, or what a page does, is checked and not run.
    const kind = /^\/\/ (?:app\/|In a browser)/.test(block) ? "checked" : "run";
    const code = block.replaceAll(ADDRESS, `(process.env["DARKROOM_URL"] ?? ${ADDRESS})`);
    await writeFile(new URL(`${name}-${index + 1}.${kind}.ts`, folder), `${code}\nexport {};\n`);
  }
}
for (const [index, edit] of EDITS.entries()) {
  const { code } = snippets(edit, "http://127.0.0.1:8000", { keyed: true }).find((each) => each.language === "typescript");
  await writeFile(new URL(`page-${index + 1}.checked.ts`, folder), `${code}\nexport {};\n`);
}
