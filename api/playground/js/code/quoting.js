/** Putting texts of people and names of files into code, so that they stay text. */

/* Marks of writing direction and other characters without a shape: with them code looks like other code. */
const UNSEEN = "\\u007f-\\u009f\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff";
const UNSEEN_IN_JSON = new RegExp(`[${UNSEEN}]`, "gu");
/* A terminal obeys control characters, within quotes too; a new line is one that it may have. */
const UNSEEN_IN_SHELL = new RegExp(`[\\0-\\t\\v-\\u001f${UNSEEN}]`, "gu");
const PLAIN = /^[A-Za-z0-9_./:=@%+-]+$/;
const PLAIN_FILE = /^[^\s;,"\\]+$/;

/**
 * Quote a word for a POSIX shell. One with unseen characters takes the form `$'…'`, which bash and zsh know.
 * @param {string} text
 * @returns {string}
 */
export function shellWord(text) {
  if (PLAIN.test(text)) return text;
  if (text.search(UNSEEN_IN_SHELL) < 0) return `'${text.replaceAll("'", "'\\''")}'`;
  return `$'${text.replace(/[\\']/g, "\\$&").replace(UNSEEN_IN_SHELL, bytesOf)}'`;
}

/**
 * Write a text as a string literal, one and the same in Python, TypeScript and JSON.
 * @param {string} text
 * @returns {string} with its quotes
 */
export function stringLiteral(text) {
  return JSON.stringify(text).replace(UNSEEN_IN_JSON, (mark) => `\\u${hex(mark.charCodeAt(0), 4)}`);
}

/**
 * Name a file as `-F` of curl takes it: no sign in the name ends it, and none stands for the standard input.
 * @param {string} field
 * @param {string} name
 * @returns {string} not yet quoted for the shell
 */
export function formFile(field, name) {
  const path = name.startsWith("-") ? `./${name}` : name;
  return `${field}=@${PLAIN_FILE.test(path) ? path : `"${path.replace(/["\\]/g, "\\$&")}"`}`;
}

function bytesOf(mark) {
  return [...new TextEncoder().encode(mark)].map((byte) => `\\x${hex(byte, 2)}`).join("");
}

function hex(number, digits) {
  return number.toString(16).padStart(digits, "0");
}
