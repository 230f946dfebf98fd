// What is known of a parked message, drawn.

import { copyable } from "../lib/copy-button.js";
import { element } from "../lib/dom.js";
import { pretty } from "./editor.js";
import { dated, number } from "../lib/format.js";
import { service } from "../lib/icons.js";
import { times } from "./message-list.js";
import { parkedPage } from "../lib/overdue.js";

/** The parts of the sheet: of `record` in the service `name`, with what was `said` last and what can be done. */
export function sheet(name, record, said, actions) {
  const flow = record.correlation_id ?? record.subject;
  const facts = [
    ["Reason", record.reason.replaceAll("_", " ")],
    ["So far", times(record)],
    ["Event", copyable("event's id", record.event_id)],
    ["Customer", record.subject && copyable("customer's id", record.subject)],
    [
      "Waits behind",
      record.waits_behind &&
        element("a", { href: parkedPage(name, record.waits_behind) }, "an earlier message of this customer"),
    ],
    ["Resolved", record.resolved_at && dated(record.resolved_at)],
  ];
  return [
    element("a", { class: "back", href: "parked?" }, "All messages"),
    element(
      "header",
      {},
      element("h2", {}, element("code", {}, record.event_type)),
      element("p", {}, element("span", { class: `condition is-${record.state}` }, record.state), " in ", service(name)),
      flow &&
        element(
          "p",
          { class: "to-flow" },
          element("a", { href: `flow?id=${encodeURIComponent(flow)}` }, "Open its flow"),
        ),
    ),
    element(
      "dl",
      { class: "facts" },
      facts
        .filter(([, value]) => value)
        .map(([term, value]) => element("div", {}, element("dt", {}, term), element("dd", {}, value))),
    ),
    record.error && element("pre", { class: "error" }, record.error),
    actions,
    said && element("p", { class: "said" }, said),
    element(
      "div",
      { class: "event" },
      element("h3", {}, record.original ? "The event, corrected" : "The event"),
      element("pre", { tabindex: 0, "aria-label": "The event" }, pretty(record.event)),
    ),
    record.original &&
      element(
        "details",
        {},
        element("summary", {}, "As it was delivered"),
        element("pre", {}, pretty(record.original)),
      ),
    history(
      "Attempts that failed",
      record.failures.map((one) => [`${number(one.number)}.`, one.at, one.error || one.reason]),
    ),
    history(
      "What operators did",
      record.audit.map((one) => [one.operator, one.at, action(one)]),
    ),
  ].filter(Boolean);
}

function action({ action: name, reason, before, after }) {
  const change = before?.state && after?.state ? `: ${before.state} → ${after.state}` : "";
  return `${name}${change}${reason ? ` (${reason})` : ""}`;
}

function history(title, lines) {
  if (!lines.length) return null;
  return element(
    "section",
    { class: "history" },
    element("h3", {}, title),
    element(
      "ol",
      {},
      lines.map(([who, at, what]) =>
        element(
          "li",
          {},
          element("span", { class: "who" }, who),
          element("time", { datetime: at }, dated(at)),
          element("span", { class: "did" }, what),
        ),
      ),
    ),
  );
}
