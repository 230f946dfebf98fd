// Draws the choreography: the services with their health, and their events with what flows at the moment.

import { element, setText, svg } from "./dom.js";
import { list, number } from "./format.js";
import { service, shape } from "./owners.js";
import { connect, PILL, place } from "./score.js";

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
      ...score.lanes.map((lane) => svg("rect", { class: "lane", x: 0, y: lane.y, width: "100%", height: lane.height, rx: 10 })),
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
    ? [{ opacity: 0.7, strokeDasharray: "none" }, { opacity: 0, strokeDasharray: "none" }]
    : [{ opacity: 1, strokeDashoffset: 12 }, { opacity: 1, strokeDashoffset: -90, offset: 0.9 }, { opacity: 0, strokeDashoffset: -100 }];
  path.animate(frames, { duration: 620, delay, easing: "ease-in-out" });
}

function curve(from, to) {
  const bend = Math.max(14, (to.x - from.x) * 0.55);
  return `M${from.x} ${from.y}C${from.x + bend} ${from.y} ${to.x - bend} ${to.y} ${to.x - 2} ${to.y}`;
}

function tips() {
  return svg("defs", {}, svg("marker", { id: "tip", viewBox: "0 0 8 8", refX: 6.5, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
    svg("path", { class: "tip", d: "M0.5 0.8 7 4 0.5 7.2Z" })));
}

function signpost({ sign, x, y }) {
  const [width, text] = sign === "either" ? [26, "or"] : [32, "and"];
  return svg("g", { class: "sign", transform: `translate(${x} ${y})` },
    svg("rect", { x: -width / 2 - 4, y: -9, width, height: 18, rx: 9 }),
    svg("text", { x: -4, y: 3.5 }, text));
}

function pill({ name, end, lane, x, y }) {
  if (end) return svg("g", { class: "ending", transform: `translate(${x} ${y})` }, svg("text", { x: 8, y: 4 }, end));
  const sign = svg("g", { transform: `translate(17 ${-7})` }, shape(lane));
  return svg("g", { class: `pill of-${lane}`, transform: `translate(${x} ${y})` },
    svg("rect", { y: -PILL.height / 2, width: PILL.width, height: PILL.height, rx: 9 }),
    sign,
    svg("text", { class: "name", x: 29, y: -3 }, name),
    svg("text", { class: "rate", x: 29, y: 13, "data-rate": name }, "–"));
}

function serviceCard({ name, height }) {
  const card = element("li", { class: "service-card", data: { service: name } },
    element("strong", {}, service(name)),
    element("span", { class: "health is-unknown" }, "asking…"),
    element("span", { class: "depth" }));
  card.style.setProperty("--lane", `${height}px`);
  return card;
}

function showHealth(card, health) {
  const ready = health.answers ? health.ready : null;
  const word = ready ? "ready" : ready === false ? "not ready" : "away";
  const [, state, depth] = card.children;
  state.className = `health is-${word.replace(" ", "-")}`;
  setText(state, word);
  state.title = health.reasons.join("; ");
  const { outbox, parked } = health;
  const waiting = parked ? parked.waiting + parked.behind : 0;
  const counts = [
    outbox && element("span", {}, `outbox ${number(outbox.unpublished)}`),
    parked && ward(health.name, waiting, "parked"),
    parked && ward(health.name, parked.dead, "dead"),
  ];
  const key = JSON.stringify([outbox?.unpublished, waiting, parked?.dead]);
  if (depth.dataset.shown === key) return;
  depth.dataset.shown = key;
  depth.replaceChildren(...counts.filter(Boolean));
}

function ward(name, count, word) {
  const text = `${word} ${number(count)}`;
  if (!count) return element("span", {}, text);
  return element("a", { class: word, href: `/hospital?service=${encodeURIComponent(name)}` }, text);
}

/** An event in words: for narrow screens, and for whoever can't see the drawing. */
function describe({ name, owner, when }, { reactions }) {
  const cause = reactions.find((reaction) => reaction.publishes.includes(name));
  const others = cause?.publishes.filter((other) => other !== name) ?? [];
  const to = [...new Set(reactions.filter((reaction) => reaction.to.includes(name)).map((reaction) => reaction.service))];
  const notes = [
    to.length ? `to ${list(to)}` : "nobody reacts",
    others.length && `or else ${list(others, "or")}`,
    cause?.to.length > 1 && `needs both ${list(cause.to)}`,
  ].filter(Boolean);
  return element("li", { title: when },
    service(owner), element("code", {}, name), element("span", { class: "rate", data: { rate: name } }, "–"),
    element("span", { class: "note" }, notes.join("; ")));
}
