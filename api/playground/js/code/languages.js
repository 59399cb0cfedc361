/** The same edit in three languages. What is between the lines of code comes from people and is quoted. */

import { formFile, shellWord, stringLiteral } from "./quoting.js";

/* How the clients call the images of a form. */
const CLIENT_NAMES = { input_image: "photo", reference_image: "reference" };

/**
 * Write an edit as commands for a shell.
 * @param {import("../code.js").Edit} edit
 * @param {string} origin
 * @param {boolean} keyed
 * @returns {string}
 */
export function curl(edit, origin, keyed) {
  const key = keyed ? ['-H "Authorization: Bearer $DARKROOM_API_KEY"'] : [];
  const form = [
    ...Object.entries(edit.files).map(([field, file]) => `-F ${shellWord(formFile(field, file.name))}`),
    ...Object.entries(edit.fields).map(([name, value]) => `--form-string ${shellWord(`${name}=${value}`)}`),
  ];
  const output = `-o ${shellWord(edit.output)}`;
  if (edit.utility) {
    const address = shellWord(`${origin}/api/image-utils/${edit.utility}`);
    return command(`curl -sSf ${address}`, [...key, "-H 'Accept: image/*'", ...form, output]);
  }
  const jobs = `${origin}/api/generate`;
  const submit = command(`curl -sS ${shellWord(`${jobs}/async`)}`, [
    ...key,
    `--form-string ${shellWord(`task_type=${edit.operation}`)}`,
    ...form,
  ]);
  const follow = command(`curl -sSfN ${shellWord(`${jobs}/stream/`)}"$job"`, key);
  const fetched = command(`curl -sSf ${shellWord(`${jobs}/result-image/`)}"$job"`, [
    ...key,
    "-H 'Accept: image/png'",
    output,
  ]);
  return [
    "# Submit the edit; its answer, or what is wrong with it, is shown.",
    `job=$(${submit} | tee /dev/stderr | sed -nE 's/.*"task_id":"([^"]+)".*/\\1/p')`,
    "",
    "# Follow it until it has ended, then fetch the picture.",
    follow,
    fetched,
  ].join("\n");
}

/**
 * Write an edit in Python.
 * @param {import("../code.js").Edit} edit
 * @param {string} origin
 * @returns {string}
 */
export function python(edit, origin) {
  const { call, first, files } = edit.utility
    ? calledUtility(edit, edit.utility.replaceAll("-", "_"))
    : calledEdit(edit);
  const named = [
    ...files.map(([field, file]) => `${clientName(field)}=${stringLiteral(file.name)}`),
    ...Object.entries(edit.fields).map(([name, value]) => `${name}=${pythonLiteral(value)}`),
  ];
  return [
    "from darkroom import Client",
    "",
    `with Client(${stringLiteral(origin)}) as client:`,
    `    made = client.${call}(`,
    ...[stringLiteral(first), ...named].map((argument) => `        ${argument},`),
    "    )",
    `made.save(${stringLiteral(edit.output)})`,
  ].join("\n");
}

/**
 * Write an edit in TypeScript for Node.
 * @param {import("../code.js").Edit} edit
 * @param {string} origin
 * @param {boolean} keyed
 * @returns {string}
 */
export function typescript(edit, origin, keyed) {
  const read = (name) => `await readFile(${stringLiteral(name)})`;
  const options = [`baseUrl: ${stringLiteral(origin)}`, ...(keyed ? ["apiKey: process.env.DARKROOM_API_KEY"] : [])];
  const { call, first, files } = edit.utility ? calledUtility(edit, camelCase(edit.utility)) : calledEdit(edit);
  const named = [
    ...files.map(([field, file]) => `${clientName(field)}: ${read(file.name)}`),
    ...Object.entries(edit.fields).map(([name, value]) => `${name}: ${scriptLiteral(value)}`),
  ];
  const imported = Object.keys(edit.files).length > 0 ? "readFile, writeFile" : "writeFile";
  return [
    `import { ${imported} } from "node:fs/promises";`,
    'import { Darkroom } from "@darkroom/client";',
    "",
    `const darkroom = new Darkroom({ ${options.join(", ")} });`,
    `const made = await darkroom.${call}(${edit.utility ? read(first) : stringLiteral(first)}, {`,
    ...named.map((argument) => `  ${argument},`),
    "});",
    `await writeFile(${stringLiteral(edit.output)}, new Uint8Array(await made.image.arrayBuffer()));`,
  ].join("\n");
}

/* Clients take an edit's operation, and a utility's photo, without a name. */
function calledEdit({ operation, files }) {
  return { call: "edit", first: operation, files: Object.entries(files) };
}

function calledUtility({ files }, name) {
  const { image, ...others } = files;
  return { call: `utilities.${name}`, first: image.name, files: Object.entries(others) };
}

function command(start, rest) {
  return [start, ...rest].join(" \\\n  ");
}

function clientName(field) {
  return CLIENT_NAMES[field] ?? field;
}

function pythonLiteral(value) {
  if (Array.isArray(value)) return `(${value.map(pythonLiteral).join(", ")})`;
  if (typeof value === "boolean") return value ? "True" : "False";
  return scriptLiteral(value);
}

function scriptLiteral(value) {
  if (Array.isArray(value)) return `[${value.map(scriptLiteral).join(", ")}]`;
  return typeof value === "string" ? stringLiteral(value) : String(value);
}

function camelCase(name) {
  return name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
}
