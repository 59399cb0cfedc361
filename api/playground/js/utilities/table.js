/** The image utilities with their parameters, as people meet them. The gateway checks what is sent. */

/**
 * @typedef {object} Field
 * @property {"number" | "range" | "choice" | "check" | "pair"} kind
 * @property {string} name of the API's parameter
 * @property {string} label
 * @property {number} [min]
 * @property {number} [max]
 * @property {number} [step]
 * @property {string} [placeholder] says what holds while nothing is given
 * @property {string} [note]
 * @property {any} [standard] what the API takes when nothing is sent; it is not sent then
 * @property {any} [value] what it starts with, if that is not the standard
 * @property {[string, string][]} [options] value and text of each choice; the empty value is not sent
 * @property {[string, string]} [labels] of a pair's two numbers
 * @property {(values: Record<string, any>) => boolean} [when] whether it plays a part, by those above it that do
 *
 * @typedef {object} Utility
 * @property {string} name below /api/image-utils
 * @property {string} title
 * @property {string} text
 * @property {"none" | "optional" | "needed"} mask
 * @property {boolean} [takesBox] whether a part of the photo is marked
 * @property {Field[]} fields
 */

const LONGEST_SIDE = 16384;

/** @type {[string, string][]} */
const FORMATS = [
  ["png", "PNG"],
  ["jpeg", "JPEG"],
  ["webp", "WebP"],
  ["avif", "AVIF"],
];
const isLossy = (values) => values.format !== "png" && !values.lossless;

/** @type {Field[]} */
const OUTPUT = [
  { kind: "choice", name: "format", label: "Format", standard: "", options: [["", "As the photo"], ...FORMATS] },
  { kind: "range", name: "quality", label: "Quality", min: 1, max: 100, standard: 85, when: isLossy },
  { kind: "check", name: "keep_metadata", label: "Keep EXIF, GPS included", standard: false },
];

/** @type {Utility[]} */
export const UTILITIES = [
  {
    name: "resize",
    title: "Resize",
    text: "Scale a photo. With one side given, the other follows.",
    mask: "none",
    fields: [
      { kind: "number", name: "width", label: "Width", min: 1, max: LONGEST_SIDE, step: 1, value: 512 },
      { kind: "number", name: "height", label: "Height", min: 1, max: LONGEST_SIDE, step: 1, placeholder: "Follows" },
      {
        kind: "choice",
        name: "fit",
        label: "If both are given",
        standard: "inside",
        options: [
          ["inside", "Fit inside"],
          ["cover", "Fill, cut the rest"],
          ["pad", "Fit, pad the rest"],
          ["exact", "Stretch"],
        ],
        when: (values) => Boolean(values.width && values.height),
      },
      { kind: "check", name: "upscale", label: "Enlarge a smaller photo", standard: false },
      ...OUTPUT,
    ],
  },
  {
    name: "crop",
    title: "Crop",
    text: "Cut a photo to a shape around its middle, or to a box that you draw on it.",
    mask: "none",
    takesBox: true,
    fields: [
      {
        kind: "choice",
        name: "aspect",
        label: "Shape",
        value: "1,1",
        options: [
          ["", "A box"],
          ["1,1", "Square"],
          ["4,3", "4 : 3"],
          ["3,2", "3 : 2"],
          ["16,9", "16 : 9"],
          ["3,4", "3 : 4"],
          ["9,16", "9 : 16"],
        ],
      },
      ...OUTPUT,
    ],
  },
  {
    name: "encode",
    title: "Convert",
    text: "Write a photo in another format, as good as you like or as small as it has to be.",
    mask: "none",
    fields: [
      { kind: "choice", name: "format", label: "Format", value: "webp", options: FORMATS },
      {
        kind: "check",
        name: "lossless",
        label: "Lossless",
        standard: false,
        when: (values) => values.format === "webp",
      },
      { kind: "range", name: "quality", label: "Quality", min: 1, max: 100, standard: 85, when: isLossy },
      {
        kind: "number",
        name: "max_bytes",
        label: "At most, in bytes",
        min: 100,
        step: 1,
        placeholder: "Any size",
        note: "The best quality that fits is found.",
        when: isLossy,
      },
      { kind: "check", name: "keep_metadata", label: "Keep EXIF, GPS included", standard: false },
    ],
  },
  {
    name: "extract-object",
    title: "Cut out",
    text: "Put the marked object, or without a mask the main one, in the middle of a square.",
    mask: "optional",
    fields: [
      {
        kind: "choice",
        name: "background",
        label: "Background",
        standard: "transparent",
        options: [
          ["transparent", "Transparent"],
          ["white", "White"],
        ],
      },
    ],
  },
  {
    name: "mae",
    title: "Fill",
    text: "Fill the marked area from its surroundings, as a quick preview of a removal.",
    mask: "needed",
    fields: [
      {
        kind: "choice",
        name: "method",
        label: "Method",
        standard: "telea",
        options: [
          ["telea", "Telea"],
          ["ns", "Navier–Stokes"],
        ],
      },
    ],
  },
  {
    name: "canny",
    title: "Edges",
    text: "Draw the edges white on black. Without thresholds they follow the photo's brightness.",
    mask: "none",
    fields: [
      { kind: "number", name: "low", label: "Low threshold", min: 0, max: 255, step: 1, placeholder: "By the photo" },
      { kind: "number", name: "high", label: "High threshold", min: 0, max: 255, step: 1, placeholder: "By the photo" },
    ],
  },
  {
    name: "add-shadow-preview",
    title: "Shadow",
    text: "Put a cut-out object with a soft shadow on light grey.",
    mask: "optional",
    fields: [
      {
        kind: "pair",
        name: "offset",
        label: "Offset",
        labels: ["Right", "Down"],
        min: -200,
        max: 200,
        step: 1,
        standard: [3, 5],
      },
      { kind: "range", name: "opacity", label: "Opacity", min: 0, max: 1, step: 0.05, standard: 0.4 },
      { kind: "range", name: "blur", label: "Blur", min: 1, max: 201, step: 2, standard: 21 },
    ],
  },
];
