// tsc leaves declarations that are written by hand, or by a generator, where they are.
import { copyFile } from "node:fs/promises";

await copyFile(new URL("../src/schema.d.ts", import.meta.url), new URL("../dist/schema.d.ts", import.meta.url));
