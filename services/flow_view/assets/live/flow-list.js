// The list of flows, newest first. What arrives is gathered and shown a few times a second, however much it is.

import { get } from "../lib/api.js";
import { arrange, element, setText } from "../lib/dom.js";
import { age, duration, short } from "../lib/format.js";
import { state } from "../lib/icons.js";
import { parkedPage, isParked, sentence } from "../lib/overdue.js";
import { tiny, told } from "./timeline.js";

/** How many rows are shown at most while new ones come in. */
const MOST = 100;
const PAGE = 30;
const BEAT = 250;
/** When so many have changed, nobody can read them: they are shown once in `CALM` ms only. */
const MANY = 40;
const CALM = 1000;

/** The rows in `list`, `empty` for when there is none, `more` for older ones. */
export class FlowList {
  #flows = new Map();
  #rows = new Map();
  #arrived = new Map();
  #wanted = "";
  #cursor = null;
  #paused = false;
  #room = MOST;
  #loading = 0;
  #flushed = 0;
  #parts;

  constructor(parts) {
    this.#parts = parts;
    parts.more.addEventListener("click", () => this.#loadMore());
    setInterval(() => this.#flush(), BEAT);
    setInterval(() => this.#tick(), 1000);
  }

  /** A flow has changed. */
  offer(flow) {
    this.#arrived.set(flow.correlation_id, flow);
  }

  /** Holds the list still, or lets it go on. */
  pause(paused) {
    this.#paused = paused;
    if (!paused) this.#flush();
  }

  /** Shows flows in this state only; all without one. */
  async show(wanted) {
    this.#wanted = wanted;
    await this.load();
  }

  /** Begins anew with the newest. */
  async load() {
    const turn = ++this.#loading;
    const page = await get(this.#path());
    if (turn !== this.#loading) return;
    this.#room = MOST;
    this.#flows = new Map(page.flows.map((flow) => [flow.correlation_id, flow]));
    this.#cursor = page.next_cursor;
    this.#render();
  }

  async #loadMore() {
    const page = await get(this.#path(this.#cursor));
    for (const flow of page.flows)
      if (!this.#flows.has(flow.correlation_id)) this.#flows.set(flow.correlation_id, flow);
    this.#room = Math.max(this.#room, this.#flows.size);
    this.#cursor = page.next_cursor;
    this.#render();
    this.#rows.get(page.flows[0]?.correlation_id)?.querySelector("a").focus({ preventScroll: true });
  }

  #path(cursor) {
    const query = new URLSearchParams({ limit: PAGE });
    if (this.#wanted) query.set("state", this.#wanted);
    if (cursor) query.set("cursor", cursor);
    return `flows?${query}`;
  }

  #flush() {
    if (this.#paused || !this.#arrived.size || document.hidden) return;
    if (this.#arrived.size > MANY && performance.now() - this.#flushed < CALM) return;
    this.#flushed = performance.now();
    for (const [id, flow] of this.#arrived) {
      const known = this.#flows.get(id);
      if (known && known.change > flow.change) continue;
      if (this.#wanted && flow.state !== this.#wanted) this.#flows.delete(id);
      else this.#flows.set(id, flow);
    }
    this.#arrived.clear();
    this.#render();
  }

  #render() {
    const flows = [...this.#flows.values()].sort((a, b) => Date.parse(b.began_at) - Date.parse(a.began_at));
    for (const flow of flows.splice(this.#room)) this.#flows.delete(flow.correlation_id);
    for (const id of this.#rows.keys()) if (!this.#flows.has(id)) this.#rows.delete(id);
    arrange(
      this.#parts.list,
      flows.map((flow) => this.#row(flow)),
    );
    this.#parts.more.hidden = !this.#cursor;
    setText(this.#parts.empty, flows.length ? "" : this.#nothing());
    this.#parts.empty.hidden = flows.length > 0;
  }

  #nothing() {
    return this.#wanted ? `No flow is ${this.#wanted}.` : "No flow yet: register somebody.";
  }

  #row(flow) {
    const known = this.#rows.get(flow.correlation_id);
    const row =
      known ??
      element(
        "li",
        { class: "flow-row" },
        element("a", { href: `flow?id=${encodeURIComponent(flow.correlation_id)}` }),
      );
    if (row.dataset.change !== String(flow.change)) fill(row, flow);
    this.#rows.set(flow.correlation_id, row);
    return row;
  }

  #tick() {
    for (const [id, row] of this.#rows) {
      const flow = this.#flows.get(id);
      setText(row.querySelector("time"), age(flow.began_at));
      row.querySelectorAll(".why").forEach((why, index) => setText(why.firstChild, sentence(flow.overdue[index])));
    }
  }
}

function fill(row, flow) {
  row.dataset.change = flow.change;
  row.dataset.state = flow.state;
  row.firstChild.replaceChildren(
    state(flow.state),
    tiny(flow),
    element("span", { class: "unseen" }, told(flow)),
    element("code", { class: "id", title: flow.correlation_id }, short(flow.correlation_id)),
    element("span", { class: "took" }, length(flow)),
    element("time", { datetime: flow.began_at }, age(flow.began_at)),
  );
  const reasons = flow.overdue.map((step) =>
    element(
      "p",
      { class: "why" },
      element("span", {}, sentence(step)),
      isParked(step) && element("a", { href: parkedPage(step.service, step.event_id) }, "See the parked message"),
    ),
  );
  row.replaceChildren(row.firstChild, ...reasons);
}

function length(flow) {
  if (!flow.began_with) return "beginning not seen yet";
  return flow.events.length > 1 ? duration(flow.duration_ms) : "–";
}
