// A flow in one line: a mark per event, placed by its time.

import { svg } from "../lib/dom.js";
import { duration } from "../lib/format.js";
import { shape } from "../lib/icons.js";

const WIDTH = 320;
const HEIGHT = 20;
const EDGE = 9;

/** The line, with what is missing as its dashed end. */
export function tiny(flow) {
  const middle = HEIGHT / 2;
  const open = flow.state === "running" || flow.state === "stuck";
  const end = WIDTH - EDGE - (open ? 40 : 0);
  const last = Math.max(1, flow.duration_ms);
  const at = (ms) => EDGE + (ms / last) * (end - EDGE);
  const line = (x1, x2, name) => svg("line", { class: name, x1, x2, y1: middle, y2: middle });
  const marks = flow.events.map((event) => {
    const place = svg("g", { transform: `translate(${at(event.at_ms)} ${middle})` });
    place.append(shape(event.owner));
    return place;
  });
  const furthest = flow.events.length > 1 ? end : EDGE;
  return svg(
    "svg",
    { class: "tiny", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, "aria-hidden": "true" },
    line(EDGE, furthest, "past"),
    open && line(furthest, WIDTH - EDGE, `to-come is-${flow.state}`),
    marks,
  );
}

/** The same in words. */
export function told(flow) {
  return flow.events.map((event) => `${event.event_type} at ${duration(event.at_ms)}`).join(", ");
}
