// Says in words which step of a flow is missing.

import { age, list } from "./format.js";

/** What the service itself says of the message. */
export function held(service, held) {
  if (!held) return "";
  const why = held.reason ? `: ${held.reason.replaceAll("_", " ")}` : "";
  const tried = held.attempts ? ` after ${held.attempts} ${held.attempts === 1 ? "attempt" : "attempts"}` : "";
  return (
    {
      unreachable: `${service} is unreachable`,
      waiting: `it keeps the message and tries again${why}`,
      behind: "the message waits there behind an earlier one of this customer",
      dead: `the message is dead there${tried}${why}`,
      discarded: "an operator has given the message up",
      handled: `${service} says that it has handled it`,
      unknown: `${service} does not have the message`,
    }[held.state] ?? ""
  );
}

/** Whether the service has parked the message. */
export function isParked(step) {
  return ["waiting", "behind", "dead", "discarded"].includes(step.held?.state);
}

/** Where the page of parked messages shows it. */
export function parkedPage(service, eventId) {
  return `parked?service=${encodeURIComponent(service)}&message=${encodeURIComponent(eventId)}`;
}

/** `loyalty has not answered customer_created (books the joining points), overdue for 12 s; loyalty is unreachable`. */
export function sentence(step) {
  const said = held(step.service, step.held);
  const missing = `${step.service} has not answered ${list(step.to)} (${step.what}), overdue for ${age(step.since)}`;
  return said ? `${missing}; ${said}` : missing;
}
