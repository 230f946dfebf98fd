// Marks for owners and states: each has a shape of its own, so that nothing hangs on colour alone.

import { element, svg } from "./dom.js";

/** The services that take part, in the order of their declaration; the server writes them into the page. */
const OWNERS = document.documentElement.dataset.services.split(" ");

/** Circle, diamond, triangle, pentagon, cross, bar: as many as base.css has colours. The seventh owner is as the first. */
const SHAPES = [
  "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0Z",
  "M0-6.2 6.2 0 0 6.2-6.2 0Z",
  "M0-5.8 6 4.8H-6Z",
  "M0-6 5.7-1.9 3.5 4.9H-3.5L-5.7-1.9Z",
  "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
  "M-6-3H6V3H-6Z",
];
const SQUARE = "M-4.5-4.5H4.5V4.5H-4.5Z";

/** The class that gives an owner its colour; none for who takes no part. */
export function ofOwner(owner) {
  return OWNERS.includes(owner) ? `of-${OWNERS.indexOf(owner) % SHAPES.length}` : "of-nobody";
}

/** The shape of a service, centred on 0, 0. */
export function shape(owner) {
  const d = OWNERS.includes(owner) ? SHAPES[OWNERS.indexOf(owner) % SHAPES.length] : SQUARE;
  return svg("path", { class: `mark ${ofOwner(owner)}`, d });
}

/** The shape of a service beside its name. */
export function mark(owner) {
  return svg(
    "svg",
    { class: "icon", viewBox: "-8 -8 16 16", width: 14, height: 14, "aria-hidden": "true" },
    shape(owner),
  );
}

/** A service by its mark and name. */
export function service(name) {
  return element("span", { class: "service" }, mark(name), name);
}

const STATES = {
  running: "M3 8a5 5 0 1 0 5-5",
  done: "m3.2 8.4 3.2 3.2 6.4-7",
  compensated: "M3 6.5h6.5a3.4 3.4 0 0 1 0 6.8H6M6 3.3 2.8 6.5 6 9.7",
  stuck: "M8 2.8v6.4M8 12.6v.2",
};

/** A state as icon and word. */
export function state(name) {
  const icon = svg(
    "svg",
    { class: "icon", viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
    svg("path", { d: STATES[name] ?? STATES.running }),
  );
  return element("span", { class: `state is-${name}` }, icon, name);
}
