// A value with a button that copies it, and says so.

import { element, setText } from "./dom.js";

const SHOWN = 1600;

/** `value` as code, and its button; `name` says what it is, `text` is shown in its stead. */
export function copyable(name, value, text = value) {
  const button = element(
    "button",
    { type: "button", class: "copy", "aria-label": `Copy the ${name}`, data: { key: `copy ${value}` } },
    "Copy",
  );
  button.addEventListener("click", async () => {
    const done = await copy(value);
    setText(button, done ? "Copied" : "Select it");
    announce(done ? `The ${name} is copied` : `Copying is not allowed here: select the ${name}`);
    setTimeout(() => setText(button, "Copy"), SHOWN);
  });
  return element(
    "span",
    { class: "copyable" },
    element("code", { title: text === value ? null : value }, text),
    button,
  );
}

async function copy(value) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    return false; // only pages of https or of this machine may
  }
}

/** Says something to screen readers. */
export function announce(text) {
  setText(document.getElementById("announce"), text);
}
