import { readdirSync } from "node:fs";
import { cp, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

const FOLDER = fileURLToPath(new URL("../build/examples/", import.meta.url));
const DATA = fileURLToPath(new URL("../../../tests/data/", import.meta.url));
const EXAMPLES = readdirSync(FOLDER).filter((name) => name.endsWith(".run.ts"));

describe.skipIf(!process.env["DARKROOM_URL"])("the examples of the README and the docs", () => {
  const before = process.cwd();
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), "darkroom-examples-"));
    await cp(DATA, folder, { recursive: true });
    process.chdir(folder);
  });
  afterAll(() => {
    process.chdir(before);
  });

  test.each(EXAMPLES)("%s works beside a gateway", async (name) => {
    const said = vi.spyOn(console, "log").mockReturnValue(undefined);
    await import(pathToFileURL(join(FOLDER, name)).href);
    if (name === "readme-6.run.ts") expect(said.mock.lastCall).toContain("image_invalid");
    said.mockRestore();
  });
});
