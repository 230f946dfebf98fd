// Draws the choreography: the services with their health, and their events with what flows at the moment.

import { serviceCard, showHealth } from "./service-card.js";
import { element, setText, svg } from "../lib/dom.js";
import { curve, describe, pill, signpost, tips } from "./shapes.js";
import { number } from "../lib/format.js";
import { connect, place } from "./choreography-layout.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");
/** A spark of one event at most so often, in ms; and how much later each further step's is shown. */
const PAUSE = 500;
const STEP = 260;

/** The map in `home`. Redrawn when the room for it changes. */
export class ChoreographyMap {
  #choreography;
  #overview = null;
  #home;
  #drawing = svg("svg", { class: "score", "aria-hidden": "true" });
  #services = element("ul", { class: "services", "aria-label": "Services" });
  #events = element("ul", { class: "events", "aria-label": "Events" });
  #sparks = new Map();
  #sparked = new Map();

  constructor(home, choreography) {
    this.#choreography = choreography;
    this.#home = home;
    home.replaceChildren(this.#services, this.#drawing, this.#events);
    new ResizeObserver(() => this.#draw()).observe(home);
  }

  /** Shows rates and health. */
  update(overview) {
    this.#overview = overview;
    for (const arrow of overview.arrows) {
      const rate = `${number(arrow.last_minute)}/min`;
      for (const node of this.#home.querySelectorAll("[data-rate]")) {
        if (node.dataset.rate === arrow.event_type) setText(node, rate);
      }
    }
    for (const health of overview.services) {
      const card = [...this.#services.children].find((node) => node.dataset.service === health.name);
      if (card) showHealth(card, health);
    }
  }

  /** An event has happened: it runs along its arrows. */
  spark(eventType) {
    const last = this.#sparked.get(eventType) ?? 0;
    if (performance.now() - last < PAUSE || document.hidden) return;
    this.#sparked.set(eventType, performance.now());
    for (const { path, delay } of this.#sparks.get(eventType) ?? []) run(path, delay);
  }

  #draw() {
    const score = place(this.#choreography, this.#drawing.clientWidth || 960);
    this.#drawing.setAttribute("height", score.height);
    this.#drawing.setAttribute("viewBox", `0 0 ${this.#drawing.clientWidth || 960} ${score.height}`);
    this.#sparks.clear();
    const { arrows, signs } = connect(this.#choreography, score.places);
    this.#drawing.replaceChildren(
      tips(),
      ...score.lanes.map((lane) =>
        svg("rect", { class: "lane", x: 0, y: lane.y, width: "100%", height: lane.height, rx: 10 }),
      ),
      ...arrows.flatMap((arrow) => this.#arrow(arrow, score.places)),
      ...signs.map(signpost),
      ...[...score.places.values()].map(pill),
    );
    this.#services.replaceChildren(...score.lanes.map(serviceCard));
    this.#events.replaceChildren(...this.#choreography.events.map((event) => describe(event, this.#choreography)));
    if (this.#overview) this.update(this.#overview);
  }

  #arrow(arrow, places) {
    const d = curve(arrow.from, arrow.to);
    const path = svg("path", { class: "spark", d, pathLength: 100 });
    for (const cause of [arrow.cause].flat()) {
      const delay = (places.get(cause).column + (arrow.after ? 0.6 : 0)) * STEP;
      this.#sparks.set(cause, [...(this.#sparks.get(cause) ?? []), { path, delay }]);
    }
    return [svg("path", { class: "arrow", d, "marker-end": arrow.tip ? "url(#tip)" : null }), path];
  }
}

function run(path, delay) {
  const frames = still.matches
    ? [
        { opacity: 0.7, strokeDasharray: "none" },
        { opacity: 0, strokeDasharray: "none" },
      ]
    : [
        { opacity: 1, strokeDashoffset: 12 },
        { opacity: 1, strokeDashoffset: -90, offset: 0.9 },
        { opacity: 0, strokeDashoffset: -100 },
      ];
  path.animate(frames, { duration: 620, delay, easing: "ease-in-out" });
}
