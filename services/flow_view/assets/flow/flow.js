// The page of one flow, or of all flows of a customer.

import { follow, get, showConnection } from "../lib/api.js";
import { article } from "./flow-details.js";
import { announce } from "../lib/copy-button.js";
import { element } from "../lib/dom.js";
import { serverTime, short } from "../lib/format.js";

const LOOK_AGAIN = 2000;
const SETTLE = 150;

const home = document.getElementById("flows");
const id = (new URLSearchParams(location.search).get("id") ?? "").trim();
let links = { jaeger: null, mail: null };
let shown = "";
const states = new Map();
let timer = null;

async function look() {
  clearTimeout(timer);
  try {
    const { flows } = await get(`flows/${encodeURIComponent(id)}`);
    show(flows);
    const open = flows.some((flow) => flow.state === "running" || flow.state === "stuck");
    if (open) timer = setTimeout(look, LOOK_AGAIN);
  } catch (problem) {
    if (problem.status === 404 || !shown) showProblem(problem);
    timer = setTimeout(look, LOOK_AGAIN);
  }
}

/** Draws the flows if they have changed, and leaves the focus where it was. */
function show(flows) {
  const content = JSON.stringify(flows, (name, value) => (name === "asked_at" ? undefined : value));
  const stuck = flows.some((flow) => flow.overdue.length);
  if (content === shown && !stuck) return;
  shown = content;
  const focused = document.activeElement?.dataset?.key;
  home.replaceChildren(
    flows.length > 1 ? element("p", { class: "hint" }, `${flows.length} flows have to do with this id.`) : "",
    ...flows.map((flow) => article(flow, links)),
  );
  if (focused) home.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  tell(flows);
}

/** Says to screen readers when a flow's state has changed. */
function tell(flows) {
  for (const flow of flows) {
    const before = states.get(flow.correlation_id);
    if (before && before !== flow.state) announce(`The flow is ${flow.state}`);
    states.set(flow.correlation_id, flow.state);
  }
  document.title = `${flows.map((flow) => flow.state).join(", ")} · flow ${short(flows[0].correlation_id)} · Pas de Trois`;
}

function showProblem(problem) {
  const unknown = problem.status === 404;
  const text = unknown
    ? "Nothing is known of this id, or not yet: this page looks again by itself."
    : `The flow can't be shown: ${problem.message}.`;
  home.replaceChildren(
    element("h1", {}, unknown ? "No such flow" : "Not now"),
    element("p", { class: "empty" }, text, " ", element("code", {}, id)),
  );
}

async function start() {
  if (!id)
    return home.replaceChildren(
      element("h1", {}, "Which flow?"),
      element("p", { class: "empty" }, "Put the id of a flow, an event, a customer or a trace into the field above."),
    );
  const overview = await get("overview").catch(() => null);
  if (overview) {
    links = overview.links;
    serverTime(overview.now);
  }
  await look();
  const mine = (flow) =>
    [flow.correlation_id, flow.customer_id, flow.trace_id].includes(id) || states.has(flow.correlation_id);
  follow(
    (flow) => {
      if (!mine(flow)) return;
      clearTimeout(timer);
      timer = setTimeout(look, SETTLE);
    },
    (yes) => {
      showConnection(yes);
      if (yes) look();
    },
  );
}

start();
