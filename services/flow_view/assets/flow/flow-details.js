// One flow as people read it: how it stands, its times, its tree, its ids, and where to look further.

import { copyable } from "../lib/copy-button.js";
import { element, outside } from "../lib/dom.js";
import { dated, duration, short } from "../lib/format.js";
import { mark, state } from "../lib/icons.js";
import { parkedPage, isParked, sentence } from "../lib/overdue.js";
import { tree } from "./tree.js";
import { waterfall } from "./waterfall.js";

/** Everything about one flow; `links` says where the tools are. */
export function article(flow, links) {
  const title = `flow-${flow.correlation_id}`;
  return element(
    "article",
    { class: "flow", "aria-labelledby": title, data: { state: flow.state } },
    element(
      "header",
      {},
      element("h1", { id: title }, "Flow ", element("code", {}, short(flow.correlation_id))),
      element("p", { class: "verdict" }, state(flow.state), took(flow)),
      problems(flow),
    ),
    element(
      "div",
      { class: "columns" },
      element(
        "div",
        { class: "main" },
        element("section", { class: "card" }, element("h2", {}, "Timeline"), waterfall(flow)),
        element("section", { class: "card" }, element("h2", {}, "What caused what"), tree(flow.tree)),
      ),
      element("aside", { class: "card", "aria-label": "Ids and links" }, ids(flow), elsewhere(flow, links)),
    ),
  );
}

function took(flow) {
  const began = flow.began_with
    ? `began ${dated(flow.began_at)}`
    : `first seen ${dated(flow.began_at)}; its beginning has not been seen yet`;
  const length = flow.state === "running" ? "so far" : "from the first event to the last";
  return element(
    "span",
    {},
    element("time", { datetime: flow.began_at }, began),
    ` · ${duration(flow.duration_ms)} ${length}`,
  );
}

function problems(flow) {
  const overdue = flow.overdue.map((step) =>
    element(
      "li",
      {},
      sentence(step),
      ". ",
      isParked(step) &&
        element(
          "a",
          { href: parkedPage(step.service, step.event_id), data: { key: `parked ${step.event_id}` } },
          "See the parked message",
        ),
    ),
  );
  const strange = flow.problems.map((text) => element("li", {}, text));
  return overdue.length + strange.length
    ? element("ul", { class: "wrong", "aria-label": "What is wrong" }, overdue, strange)
    : null;
}

function ids(flow) {
  const rows = [
    ["Correlation id", flow.correlation_id],
    ["Customer id", flow.customer_id],
    ["Trace id", flow.trace_id],
  ];
  return element(
    "dl",
    { class: "ids" },
    rows
      .filter(([, value]) => value)
      .map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, copyable(name.toLowerCase(), value))),
      ),
  );
}

function elsewhere(flow, links) {
  const trace =
    links.jaeger && flow.trace_id && `${links.jaeger.replace(/\/$/, "")}/trace/${encodeURIComponent(flow.trace_id)}`;
  const owners = [...new Set(flow.events.map((event) => event.owner))];
  return element(
    "div",
    { class: "elsewhere" },
    element("h2", {}, "Elsewhere"),
    element(
      "p",
      {},
      trace
        ? outside(trace, "The trace in Jaeger")
        : links.jaeger
          ? "This flow has no trace."
          : "No link to its trace: the flow view was not told of a Jaeger.",
    ),
    links.mail &&
      element(
        "p",
        {},
        outside(links.mail, "The mailbox"),
        element("span", { class: "hint" }, " (no address is known here)"),
      ),
    element("p", {}, "Its log lines, in a terminal:"),
    copyable("command", `fleet follow ${flow.correlation_id}`),
    element(
      "p",
      { class: "hint legend" },
      "Took part: ",
      owners.map((owner) => element("span", { class: "service" }, mark(owner), owner)),
    ),
  );
}
