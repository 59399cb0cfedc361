// Writes the TypeScript of the README and of docs/typescript.md to build/examples, where it is checked and run.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";

const PAGES = ["README.md", "../../docs/typescript.md"];
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
