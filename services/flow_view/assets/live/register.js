// The registration form: somebody invented is filled in, and the flow that begins is shown while it runs.

import { json, send } from "../lib/api.js";
import { element, setText } from "../lib/dom.js";
import { duration } from "../lib/format.js";
import { state } from "../lib/icons.js";
import { tiny } from "./timeline.js";

const NAMES = [
  "Ada",
  "Bela",
  "Carla",
  "Dino",
  "Emma",
  "Farid",
  "Greta",
  "Hugo",
  "Ines",
  "Juri",
  "Kaya",
  "Lior",
  "Mila",
  "Nuno",
];
const STEPS = ["Arabesque", "Chasse", "Entrechat", "Fouette", "Glissade", "Jete", "Pirouette", "Releve", "Sissonne"];

const pick = (words) => words[Math.floor(Math.random() * words.length)];

/** The form; [`RegisterForm#changed`] is to be told of every flow that changes, and `seen` holds those of late by id. */
export class RegisterForm {
  #form;
  #seen;
  #result;
  #mine = null;
  #sending = false;

  constructor(form, seen) {
    this.#form = form;
    this.#seen = seen;
    this.#result = form.querySelector(".registered");
    this.#invent();
    form.querySelector("#another").addEventListener("click", () => this.#invent());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#register();
    });
  }

  /** Shows the flow if it is the one that was begun here. */
  changed(flow) {
    if (flow.correlation_id !== this.#mine) return;
    const took = flow.state === "running" ? "" : ` after ${duration(flow.duration_ms)}`;
    const status = this.#result.lastChild;
    status.replaceChildren(state(flow.state), took, tiny(flow));
  }

  #invent() {
    const [name, step] = [pick(NAMES), pick(STEPS)];
    const number = Math.floor(Math.random() * 1e6).toString(36);
    this.#form.elements.name.value = `${name} ${step}`;
    this.#form.elements.email.value = `${name}.${step}.${number}@example.com`.toLowerCase();
    this.#show([]);
  }

  async #register() {
    if (this.#sending) return;
    this.#sending = true;
    const { name, email } = this.#form.elements;
    try {
      this.#show([]);
      const { headers } = await send("customers", json("POST", { name: name.value, email: email.value }));
      this.#begun(headers.get("x-event-id"));
      this.#invent();
    } catch (problem) {
      this.#refused(problem);
    } finally {
      this.#sending = false;
    }
  }

  #begun(id) {
    this.#mine = id;
    this.#result.replaceChildren(
      element("a", { href: `flow?id=${encodeURIComponent(id)}` }, "Registered: open the flow"),
      element("span", { class: "live" }, "the first event is on its way…"),
    );
    // It may have been here before we knew its id.
    const flow = this.#seen.get(id);
    if (flow) this.changed(flow);
  }

  #refused(problem) {
    this.#mine = null;
    const errors =
      problem.status === 409 && !problem.errors.length ? [{ field: "email", detail: problem.message }] : problem.errors;
    this.#show(errors);
    const text = errors.length ? "" : `Not registered: ${problem.message}`;
    this.#result.replaceChildren(element("span", { class: "problem" }, text));
    this.#form.querySelector("[aria-invalid=true]")?.focus();
  }

  #show(errors) {
    for (const place of this.#form.querySelectorAll("[data-problem]")) {
      const found = errors.filter((error) => error.field === place.dataset.problem).map((error) => error.detail);
      setText(place, found.join("; "));
      this.#form.elements[place.dataset.problem].setAttribute("aria-invalid", found.length > 0);
    }
  }
}
