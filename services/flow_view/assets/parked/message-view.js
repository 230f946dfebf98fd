// One parked message: what is known of it, and what an operator can do about it.

import { announce } from "../lib/copy-button.js";
import { element } from "../lib/dom.js";
import { editor } from "./editor.js";
import { json } from "../lib/api.js";
import { ask } from "./session.js";
import { service } from "../lib/icons.js";
import { sheet } from "./message-details.js";

const LOOK_EVERY = 600;
const LOOK_FOR = 15_000;
const RESOLVED = ["done", "discarded"];

/** The chosen message, in `home`; `acted` is told when something was done, `refused` of a token that is not accepted. */
export class RecordView {
  #home;
  #dialog;
  #events;
  #chosen = null;
  #record = null;
  #editor = null;
  #said = "";
  #shown = "";

  constructor(home, dialog, events) {
    this.#home = home;
    this.#dialog = dialog;
    this.#events = events;
    addEventListener("beforeunload", (event) => this.#editor?.changed() && event.preventDefault());
  }

  /** Shows another message, or none. */
  async choose(chosen) {
    this.#chosen = chosen;
    this.#editor = null;
    this.#said = "";
    this.#shown = "";
    if (!chosen) return this.#home.replaceChildren();
    this.#home.replaceChildren(element("p", { class: "loading" }, "Loading the message…"));
    await this.refresh();
    this.#home.focus({ preventScroll: true });
    this.#home.scrollIntoView({ block: "nearest" });
  }

  /** Looks again. Nothing is drawn anew while it is being edited, or if it has not changed. */
  async refresh() {
    const chosen = this.#chosen;
    if (!chosen || this.#editor) return;
    try {
      const record = await ask(chosen.service, `/${chosen.message}`);
      if (chosen === this.#chosen && !this.#editor) this.#draw(record);
    } catch (problem) {
      if (problem.status === 401) return this.#events.refused(problem);
      const text =
        problem.status === 404
          ? `${chosen.service} keeps no such message (any more).`
          : `The message can't be shown: ${problem.message}.`;
      if (chosen === this.#chosen && !this.#record) this.#home.replaceChildren(element("p", { class: "empty" }, text));
    }
  }

  #draw(record) {
    this.#record = record;
    const content = JSON.stringify([record, this.#said]);
    if (content === this.#shown) return;
    this.#shown = content;
    const focused = document.activeElement?.dataset?.key;
    this.#home.replaceChildren(...sheet(this.#chosen.service, record, this.#said, this.#actions(record)));
    if (focused) this.#home.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  #actions(record) {
    if (RESOLVED.includes(record.state)) return null;
    const behind = record.state === "behind";
    const button = (key, text, click, more) =>
      element("button", { type: "button", data: { key }, on: { click }, ...more }, text);
    return element(
      "p",
      { class: "actions" },
      !behind && button("retry", "Retry now", () => this.#retry(), { class: "primary" }),
      button("edit", "Correct it", () => this.#edit()),
      button("discard", "Give it up…", () => this.#discard()),
    );
  }

  async #do(doing, path, request) {
    this.#say(doing);
    try {
      await ask(this.#chosen.service, `/${this.#chosen.message}${path}`, request);
      this.#events.acted();
      return true;
    } catch (problem) {
      if (problem.status === 401) this.#events.refused(problem);
      else this.#say(`That did not work: ${problem.message}.`);
      return false;
    }
  }

  async #retry() {
    const before = this.#record.failures.length;
    const chosen = this.#chosen;
    if (!(await this.#do("It is tried again…", "/retry", { method: "POST" }))) return;
    const deadline = performance.now() + LOOK_FOR;
    while (chosen === this.#chosen && performance.now() < deadline) {
      await this.refresh();
      if (this.#editor) return;
      if (this.#record.state === "done") return this.#resolved("It is handled now: its flow goes on.");
      if (this.#record.failures.length > before)
        return this.#resolved(`It failed again: ${this.#record.error || this.#record.reason}`);
      await new Promise((again) => setTimeout(again, LOOK_EVERY));
    }
    if (chosen === this.#chosen) this.#say("Not tried yet: this page goes on looking.");
  }

  #resolved(text) {
    this.#say(text);
    this.#events.acted();
  }

  #edit() {
    this.#editor = editor(this.#chosen.service, this.#record, {
      saved: () => this.#edited("The correction is saved. Retry it now.", "retry"),
      cancelled: () => this.#edited("", "edit"),
    });
    this.#home.querySelector(".event").replaceChildren(this.#editor.form);
    this.#home.querySelector(".actions").hidden = true;
    this.#editor.text.focus();
  }

  async #edited(said, focus) {
    this.#editor = null;
    this.#said = said;
    this.#shown = "";
    announce(said);
    await this.refresh();
    this.#home.querySelector(`[data-key=${focus}]`)?.focus();
    this.#events.acted();
  }

  #discard() {
    const dialog = this.#dialog;
    const { reason } = dialog.querySelector("form").elements;
    reason.value = "";
    dialog
      .querySelector("#discard-what")
      .replaceChildren(element("code", {}, this.#record.event_type), " in ", service(this.#chosen.service));
    dialog.returnValue = "cancel";
    dialog.addEventListener(
      "close",
      async () => {
        if (dialog.returnValue !== "discard") return;
        if (await this.#do("It is given up…", "/discard", json("POST", { reason: reason.value }))) {
          this.#say("It is given up. What waited behind it goes on.");
          await this.refresh();
        }
      },
      { once: true },
    );
    dialog.showModal();
    reason.focus();
  }

  #say(text) {
    this.#said = text;
    announce(text);
    if (this.#record && !this.#editor) this.#draw(this.#record);
  }
}
