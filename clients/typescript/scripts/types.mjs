// Writes src/schema.d.ts from openapi.json; with --check it writes nothing and fails where the two differ.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const document = new URL("../openapi.json", import.meta.url);
const types = new URL("../src/schema.d.ts", import.meta.url);

const blob = ts.factory.createTypeReferenceNode("Blob");
const nodes = await openapiTS(document, {
  // A default is what the gateway takes for an absent field: it stays optional in a request.
  defaultNonNullable: false,
  transform: (schema) => (schema.format === "binary" ? blob : undefined),
});
const text = `// Made from openapi.json by \`npm run types\`.\n\n${astToString(nodes)}`;

if (!process.argv.includes("--check")) {
  await writeFile(types, text);
} else if ((await readFile(types, "utf8")) !== text) {
  console.error("src/schema.d.ts is not what openapi.json says: run `make types-client`.");
  process.exit(1);
}
