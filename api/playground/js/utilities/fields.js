/** Controls for the parameters of a utility. */

import { h } from "../dom.js";

/**
 * @typedef {object} Controls
 * @property {HTMLElement[]} elements
 * @property {() => Record<string, any>} values what plays a part, by the parameters' names; nothing is undefined
 * @property {() => Record<string, any>} toSend those that say something else than the API takes anyway
 * @property {(name: string, text: string) => boolean} complain shows a problem at its field; false if it has none
 * @property {() => void} forgive takes the problems away
 */

/**
 * Make the controls of some parameters.
 * @param {import("./table.js").Field[]} fields
 * @param {() => void} onChange
 * @returns {Controls}
 */
export function makeControls(fields, onChange) {
  const controls = fields.map((field) => ({ field, ...MAKERS[field.kind](field, idOf(field)), problem: problemOf(field) }));
  const elements = controls.map(({ field, parts, problem }) => {
    const tag = field.kind === "pair" ? "fieldset" : "div";
    return h(tag, { class: `field ${field.kind}`, onchange: update, oninput: update }, ...parts, noteOf(field), problem);
  });

  function values() {
    const found = {};
    controls.forEach(({ field, read }, place) => {
      const value = read();
      if (!elements[place].hidden && value !== undefined) found[field.name] = value;
    });
    return found;
  }

  function decide() {
    const above = {};
    controls.forEach(({ field, read, inputs }, place) => {
      const isActive = field.when?.(above) ?? true;
      elements[place].hidden = !isActive;
      for (const input of inputs) input.disabled = !isActive;
      if (isActive) above[field.name] = read();
    });
  }

  function update() {
    decide();
    onChange();
  }

  decide();
  return {
    elements,
    values,
    toSend: () =>
      Object.fromEntries(
        Object.entries(values()).filter(([name, value]) => {
          const { standard } = fields.find((field) => field.name === name) ?? {};
          return JSON.stringify(value) !== JSON.stringify(standard);
        }),
      ),
    complain(name, text) {
      const control = controls.find(({ field }) => field.name === name);
      if (!control) return false;
      control.problem.textContent = text;
      control.problem.hidden = false;
      for (const input of control.inputs) input.setAttribute("aria-invalid", "true");
      return true;
    },
    forgive() {
      for (const { problem, inputs } of controls) {
        problem.hidden = true;
        for (const input of inputs) input.removeAttribute("aria-invalid");
      }
    },
  };
}

const MAKERS = {
  number(field, id) {
    const input = numberInput(field, id, startOf(field));
    return { parts: [h("label", { htmlFor: id }, field.label), input], inputs: [input], read: () => numberOf(input) };
  },
  range(field, id) {
    const input = h("input", { ...limits(field), type: "range", id, value: startOf(field), ...described(field) });
    const output = h("output", { htmlFor: id }, input.value);
    input.addEventListener("input", () => (output.textContent = input.value));
    const label = h("label", { htmlFor: id }, field.label);
    return { parts: [label, output, input], inputs: [input], read: () => Number(input.value) };
  },
  choice(field, id) {
    const options = field.options.map(([value, text]) => h("option", { value }, text));
    const input = h("select", { id, ...described(field) }, ...options);
    input.value = startOf(field);
    return { parts: [h("label", { htmlFor: id }, field.label), input], inputs: [input], read: () => input.value || undefined };
  },
  check(field, id) {
    const input = h("input", { type: "checkbox", id, checked: startOf(field), ...described(field) });
    return { parts: [h("label", {}, input, h("span", {}, field.label))], inputs: [input], read: () => input.checked };
  },
  pair(field, id) {
    const inputs = startOf(field).map((value, place) => numberInput(field, `${id}-${place}`, value));
    for (const input of inputs) input.required = true;
    const labels = inputs.map((input, place) => h("label", {}, h("span", {}, field.labels[place]), input));
    return {
      parts: [h("legend", {}, field.label), h("div", { class: "pair" }, ...labels)],
      inputs,
      read: () => inputs.map(numberOf),
    };
  },
};

function numberInput(field, id, value) {
  const placeholder = field.placeholder ?? "";
  return h("input", { ...limits(field), type: "number", inputMode: "numeric", id, placeholder, value, ...described(field) });
}

function limits({ min, max, step }) {
  return Object.fromEntries(Object.entries({ min, max, step }).filter(([, value]) => value !== undefined));
}

function numberOf(input) {
  return input.value === "" ? undefined : Number(input.value);
}

function startOf(field) {
  return field.value ?? field.standard ?? "";
}

function idOf(field) {
  return `utility-${field.name}`;
}

function described(field) {
  const note = field.note ? `${idOf(field)}-note ` : "";
  return { "aria-describedby": `${note}${idOf(field)}-problem` };
}

function noteOf(field) {
  return field.note ? h("p", { class: "note", id: `${idOf(field)}-note` }, field.note) : null;
}

function problemOf(field) {
  return h("p", { class: "problem", id: `${idOf(field)}-problem`, role: "alert", hidden: true });
}
