// The signs of the map: arrows, events, and events in words.

import { element, svg } from "../lib/dom.js";
import { list } from "../lib/format.js";
import { ofOwner, service, shape } from "../lib/icons.js";
import { PILL } from "./choreography-layout.js";

export function curve(from, to) {
  const bend = Math.max(14, (to.x - from.x) * 0.55);
  return `M${from.x} ${from.y}C${from.x + bend} ${from.y} ${to.x - bend} ${to.y} ${to.x - 2} ${to.y}`;
}

export function tips() {
  return svg(
    "defs",
    {},
    svg(
      "marker",
      { id: "tip", viewBox: "0 0 8 8", refX: 6.5, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
      svg("path", { class: "tip", d: "M0.5 0.8 7 4 0.5 7.2Z" }),
    ),
  );
}

export function signpost({ sign, x, y }) {
  const [width, text] = sign === "either" ? [26, "or"] : [32, "and"];
  return svg(
    "g",
    { class: "sign", transform: `translate(${x} ${y})` },
    svg("rect", { x: -width / 2 - 4, y: -9, width, height: 18, rx: 9 }),
    svg("text", { x: -4, y: 3.5 }, text),
  );
}

export function pill({ name, end, lane, x, y }) {
  if (end) return svg("g", { class: "ending", transform: `translate(${x} ${y})` }, svg("text", { x: 8, y: 4 }, end));
  const sign = svg("g", { transform: `translate(17 ${-7})` }, shape(lane));
  return svg(
    "g",
    { class: `pill ${ofOwner(lane)}`, transform: `translate(${x} ${y})` },
    svg("rect", { y: -PILL.height / 2, width: PILL.width, height: PILL.height, rx: 9 }),
    sign,
    svg("text", { class: "name", x: 29, y: -3 }, name),
    svg("text", { class: "rate", x: 29, y: 13, "data-rate": name }, "–"),
  );
}

/** An event in words: for narrow screens, and for whoever can't see the drawing. */
export function describe({ name, owner, when }, { reactions }) {
  const cause = reactions.find((reaction) => reaction.publishes.includes(name));
  const others = cause?.publishes.filter((other) => other !== name) ?? [];
  const to = [
    ...new Set(reactions.filter((reaction) => reaction.to.includes(name)).map((reaction) => reaction.service)),
  ];
  const notes = [
    to.length ? `to ${list(to)}` : "nobody reacts",
    others.length && `or else ${list(others, "or")}`,
    cause?.to.length > 1 && `needs both ${list(cause.to)}`,
  ].filter(Boolean);
  return element(
    "li",
    { title: when },
    service(owner),
    element("code", {}, name),
    element("span", { class: "rate", data: { rate: name } }, "–"),
    element("span", { class: "note" }, notes.join("; ")),
  );
}
