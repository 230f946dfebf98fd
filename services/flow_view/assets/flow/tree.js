// The tree of causation: each event, what it called for, and what came of it.

import { copyable } from "../lib/copy-button.js";
import { element } from "../lib/dom.js";
import { age, duration, exact, list, short } from "../lib/format.js";
import { mark, service } from "../lib/icons.js";
import { held, parkedPage, isParked } from "../lib/overdue.js";
import { flatten } from "./waterfall.js";

const WORDS = { done: "done", open: "expected", overdue: "overdue", skipped: "not needed", unseen: "unseen" };

/** The tree of these nodes. */
export function tree(nodes) {
  const types = new Map(flatten(nodes).map(({ node }) => [node.event_id, node.event_type]));
  return element(
    "ul",
    { class: "tree" },
    nodes.map((node) => branch(node, types)),
  );
}

function branch(node, types) {
  const effects = node.effects.length
    ? element(
        "ul",
        {},
        node.effects.map((effect) => branch(effect, types)),
      )
    : null;
  return element("li", {}, node.missing ? unknown(node) : event(node, types), effects);
}

function unknown(node) {
  return element(
    "div",
    { class: "node missing" },
    element(
      "p",
      {},
      element("strong", {}, "Not seen yet"),
      " — the cause of what follows. Services have no common order: it may still come.",
    ),
    copyable("event's id", node.event_id, short(node.event_id)),
  );
}

function event(node, types) {
  return element(
    "div",
    { class: "node", id: node.event_id },
    element(
      "p",
      { class: "what" },
      mark(node.owner),
      element("code", {}, node.event_type),
      element("time", { datetime: node.recorded_at, title: exact(node.recorded_at) }, `+${duration(node.at_ms)}`),
      element("span", { class: "by" }, "by ", service(node.owner)),
    ),
    copyable("event's id", node.event_id, short(node.event_id)),
    node.steps.length
      ? element(
          "ul",
          { class: "steps" },
          node.steps.map((step) => stepOf(step, node, types)),
        )
      : null,
  );
}

function stepOf(step, node, types) {
  const link =
    isParked(step) && element("a", { href: parkedPage(step.service, node.event_id) }, "See the parked message");
  return element(
    "li",
    { class: `step is-${step.state}` },
    element("span", { class: "badge" }, WORDS[step.state] ?? step.state),
    element("span", { class: "text" }, service(step.service), ` ${step.what}`, detail(step, types)),
    link,
  );
}

function detail(step, types) {
  const needs = step.to.length > 1 ? `, once ${list(step.to)} are there` : "";
  if (step.state === "unseen") return `${needs}: publishes nothing, so nobody can see it`;
  if (step.state === "skipped") return `${needs}: there is nothing to do any more`;
  if (step.state === "done") return `${needs}: ${types.get(step.answered_by) ?? list(step.expects, "or")}`;
  const said = held(step.service, step.held);
  const by = step.due_at ? `expected by ${exact(step.due_at)}` : "expected then";
  const when = step.state === "overdue" ? `missing for ${age(step.due_at)}` : by;
  return `${needs}: ${list(step.expects, "or")} is ${when}${said ? `; ${said}` : ""}`;
}
