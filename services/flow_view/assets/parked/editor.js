// Corrects an event: its text, whether it is JSON, and why the service refuses it. What was typed is kept when it does.

import { element, setText } from "../lib/dom.js";
import { ask } from "./session.js";

/** The event as people read it. What is no JSON is a text. */
export function pretty(event) {
  return typeof event === "string" ? event : JSON.stringify(event, null, 2);
}

/** A form for the event of `record`, which is parked in `service`; `saved` and `cancelled` are told how it ends. */
export function editor(service, record, { saved, cancelled }) {
  const before = pretty(record.event);
  const problem = element("p", { class: "problem", id: "edit-problem", role: "alert" });
  const text = element("textarea", {
    id: "edit",
    rows: Math.min(28, before.split("\n").length + 2),
    spellcheck: "false",
    autocapitalize: "off",
    "aria-describedby": "edit-hint edit-problem",
  });
  text.value = before;
  const show = (message) => {
    setText(problem, message);
    text.setAttribute("aria-invalid", message !== "");
  };
  text.addEventListener("input", () => show(mistake(text.value)));
  const save = async () => {
    const wrong = text.value === before ? "Nothing is changed yet." : mistake(text.value);
    show(wrong);
    if (wrong) return text.focus();
    const request = { method: "PUT", headers: { "content-type": "application/json" }, body: text.value };
    try {
      await ask(service, `/${record.event_id}/event`, request);
      saved();
    } catch (refusal) {
      show(reasons(refusal));
      text.focus();
    }
  };
  const form = element(
    "form",
    { class: "editor" },
    element("label", { for: "edit" }, "The event, corrected"),
    element(
      "p",
      { class: "hint", id: "edit-hint" },
      "Its id, its type and its customer stay. What was delivered is kept beside it.",
    ),
    text,
    problem,
    element(
      "p",
      { class: "actions" },
      element("button", { class: "primary" }, "Save the correction"),
      element("button", { class: "quiet", type: "button", on: { click: cancelled } }, "Cancel"),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  return { form, text, changed: () => text.value !== before };
}

/** Why a text is no JSON, or nothing. */
function mistake(text) {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return `This is not valid JSON: ${error.message}`;
  }
}

function reasons(refusal) {
  const fields = refusal.errors.map(({ field, detail }) => `${field}: ${detail}`);
  return `Not saved. ${fields.length ? fields.join("; ") : refusal.message}`;
}
