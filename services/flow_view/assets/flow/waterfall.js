// The timeline of a flow: for each event a bar from its cause to itself, the exact times on hover and focus.

import { element } from "../lib/dom.js";
import { duration, exact } from "../lib/format.js";
import { mark, ofOwner } from "../lib/icons.js";

/** The share of the width that is left for what is still missing. */
const TO_COME = 0.16;

/** All nodes of a tree with their cause, each after it. */
export function flatten(nodes, cause = null) {
  return nodes.flatMap((node) => [{ node, cause }, ...flatten(node.effects, node)]);
}

/** The timeline of a flow's detail. */
export function waterfall(flow) {
  const seen = flatten(flow.tree).filter(({ node }) => !node.missing);
  const missing = seen.flatMap(({ node }) =>
    node.steps.filter((step) => ["open", "overdue"].includes(step.state)).map((step) => ({ step, node })),
  );
  const gates = new Set();
  const once = missing.filter(
    ({ step }) => !gates.has(step.service + step.what) && gates.add(step.service + step.what),
  );
  const last = Math.max(1, ...seen.map(({ node }) => node.at_ms));
  const room = once.length ? 1 - TO_COME : 1;
  const at = (ms) => `${(ms / last) * room * 100}%`;
  return element(
    "div",
    { class: "waterfall" },
    scale(last, at),
    element(
      "ol",
      {},
      seen.map(({ node, cause }) => happened(node, cause, at)),
      once.map(({ step, node }) => toCome(step, node, at)),
    ),
  );
}

function scale(last, at) {
  const shares = last > 1 ? [0, 0.25, 0.5, 0.75, 1] : [0];
  const ticks = shares.map((share) => {
    const tick = element("span", {}, duration(last * share));
    tick.style.left = at(last * share);
    return tick;
  });
  return element("div", { class: "scale", "aria-hidden": "true" }, element("div", { class: "track" }, ticks));
}

function row(owner, name, bar, className = "") {
  return element(
    "li",
    { class: className },
    element("span", { class: "label" }, mark(owner), element("code", {}, name)),
    element("div", { class: "track" }, bar),
  );
}

function bar(className, text, from, to) {
  const node = element(
    "span",
    { class: `bar ${className}`, tabindex: 0, role: "img", "aria-label": text },
    element("span", { class: "tip" }, text),
  );
  node.style.left = from;
  if (to) node.style.right = `calc(100% - ${to})`;
  return node;
}

function happened(node, cause, at) {
  const known = cause && !cause.missing;
  const from = known ? Math.min(cause.at_ms, node.at_ms) : node.at_ms;
  const after = known
    ? `, ${duration(node.at_ms - cause.at_ms)} after ${cause.event_type}`
    : cause
      ? ", its cause has not been seen yet"
      : "";
  const text = `${exact(node.recorded_at)}${after}`;
  const shown = bar(ofOwner(node.owner), `${node.event_type}: ${text}`, at(from), at(node.at_ms));
  shown.dataset.key = `bar ${node.event_id}`;
  if (parseFloat(at(from)) > 50) shown.classList.add("late");
  return row(node.owner, node.event_type, shown);
}

function toCome(step, node, at) {
  const overdue = step.state === "overdue";
  const expected = step.expects.join(" or ");
  const due = step.due_at ? `${overdue ? "overdue since" : "expected by"} ${exact(step.due_at)}` : "not due yet";
  const text = `${expected}: ${due}`;
  const shown = bar(`to-come late${overdue ? " overdue" : ""}`, text, at(node.at_ms), "100%");
  return row(step.service, expected, shown, overdue ? "overdue" : "open");
}
