/** What each operation is called, needs, and says. */

/**
 * @typedef {"removal" | "insertion" | "white-balance" | "text-to-image"} OperationName
 * @typedef {object} Operation
 * @property {string} verb of its button
 * @property {string} text what to do, in a sentence or two
 * @property {string} progress what is being done
 * @property {string} done what was done
 * @property {boolean} needsPhoto
 * @property {boolean} needsMask
 * @property {boolean} needsModel a generative model; the opencv engine has none
 * @property {string} promptLabel
 */

/** @type {Record<OperationName, Operation>} */
export const OPERATIONS = {
  removal: {
    verb: "Remove",
    text: "Click what should go. Click again to add more of it.",
    progress: "Removing",
    done: "Removed",
    needsPhoto: true,
    needsMask: true,
    needsModel: false,
    promptLabel: "What should be there instead (optional)",
  },
  insertion: {
    verb: "Insert",
    text: "Paint where the object should be, then choose a photo that shows it.",
    progress: "Inserting",
    done: "Inserted",
    needsPhoto: true,
    needsMask: true,
    needsModel: false,
    promptLabel: "How it should look (optional)",
  },
  "white-balance": {
    verb: "Correct white balance",
    text: "Takes a colour cast out of the whole photo. There is nothing to mark.",
    progress: "Correcting the white balance",
    done: "White balance corrected",
    needsPhoto: true,
    needsMask: false,
    needsModel: false,
    promptLabel: "",
  },
  "text-to-image": {
    verb: "Create",
    text: "Makes a new picture from your words.",
    progress: "Creating",
    done: "Created",
    needsPhoto: false,
    needsMask: false,
    needsModel: true,
    promptLabel: "Describe the picture",
  },
};

/** Engines that take no words, steps or guidance. */
const CLASSICAL = ["opencv"];

/**
 * Whether all that is known to compute edits here is classical image processing; a pool that sleeps may be anything.
 * @param {string[]} engines
 */
export function isClassical(engines) {
  return engines.length > 0 && engines.every((engine) => CLASSICAL.includes(engine));
}
