// Marks for owners and states: each has a shape of its own, so that nothing hangs on colour alone.

import { element, svg } from "./dom.js";

const SHAPES = {
  customer: () => svg("circle", { r: 5 }),
  email: () => svg("path", { d: "M0-6.2 6.2 0 0 6.2-6.2 0Z" }),
  loyalty: () => svg("path", { d: "M0-5.8 6 4.8H-6Z" }),
};

/** The shape of a service, centred on 0, 0. */
export function shape(owner) {
  const draw = SHAPES[owner] ?? (() => svg("rect", { x: -4.5, y: -4.5, width: 9, height: 9 }));
  const node = draw();
  node.classList.add("mark", `of-${owner in SHAPES ? owner : "nobody"}`);
  return node;
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
