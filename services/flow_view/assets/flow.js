// The page of one flow, or of all flows of a customer.

import { follow, get, showConnection } from "./api.js";
import { announce, copyable } from "./copy.js";
import { element, outside } from "./dom.js";
import { dated, duration, serverTime, short } from "./format.js";
import { mark, state } from "./owners.js";
import { hospital, inHospital, sentence } from "./stuck.js";
import { tree } from "./tree.js";
import { waterfall } from "./waterfall.js";

const LOOK_AGAIN = 2000;
const SETTLE = 150;

const home = document.getElementById("flows");
const id = (new URLSearchParams(location.search).get("id") ?? "").trim();
let links = { jaeger: null, mail: null };
let shown = "";
let states = new Map();
let timer = null;

async function look() {
  clearTimeout(timer);
  try {
    const { flows } = await get(`/flows/${encodeURIComponent(id)}`);
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
  home.replaceChildren(flows.length > 1 ? element("p", { class: "hint" }, `${flows.length} flows have to do with this id.`) : "", ...flows.map(article));
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
  const text = unknown ? "Nothing is known of this id, or not yet: this page looks again by itself." : `The flow can't be shown: ${problem.message}.`;
  home.replaceChildren(element("h1", {}, unknown ? "No such flow" : "Not now"), element("p", { class: "empty" }, text, " ", element("code", {}, id)));
}

function article(flow) {
  const title = `flow-${flow.correlation_id}`;
  return element("article", { class: "flow", "aria-labelledby": title, data: { state: flow.state } },
    element("header", {},
      element("h1", { id: title }, "Flow ", element("code", {}, short(flow.correlation_id))),
      element("p", { class: "verdict" }, state(flow.state), took(flow)),
      problems(flow)),
    element("div", { class: "columns" },
      element("div", { class: "main" },
        element("section", { class: "card" }, element("h2", {}, "Timeline"), waterfall(flow)),
        element("section", { class: "card" }, element("h2", {}, "What caused what"), tree(flow.tree))),
      element("aside", { class: "card", "aria-label": "Ids and links" }, ids(flow), elsewhere(flow))));
}

function took(flow) {
  const began = flow.began_with ? `began ${dated(flow.began_at)}` : `first seen ${dated(flow.began_at)}; its beginning has not been seen yet`;
  const length = flow.state === "running" ? "so far" : "from the first event to the last";
  return element("span", {}, element("time", { datetime: flow.began_at }, began), ` · ${duration(flow.duration_ms)} ${length}`);
}

function problems(flow) {
  const overdue = flow.overdue.map((step) => element("li", {}, sentence(step), ". ",
    inHospital(step) && element("a", { href: hospital(step.service, step.event_id), data: { key: `hospital ${step.event_id}` } }, "See it in the hospital")));
  const strange = flow.problems.map((text) => element("li", {}, text));
  return overdue.length + strange.length ? element("ul", { class: "wrong", "aria-label": "What is wrong" }, overdue, strange) : null;
}

function ids(flow) {
  const rows = [["Correlation id", flow.correlation_id], ["Customer id", flow.customer_id], ["Trace id", flow.trace_id]];
  return element("dl", { class: "ids" }, rows.filter(([, value]) => value).map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, copyable(name.toLowerCase(), value)))));
}

function elsewhere(flow) {
  const trace = links.jaeger && flow.trace_id && `${links.jaeger.replace(/\/$/, "")}/trace/${encodeURIComponent(flow.trace_id)}`;
  const owners = [...new Set(flow.events.map((event) => event.owner))];
  return element("div", { class: "elsewhere" },
    element("h2", {}, "Elsewhere"),
    element("p", {}, trace ? outside(trace, "The trace in Jaeger") : links.jaeger ? "This flow has no trace." : "No link to its trace: the flow view was not told of a Jaeger."),
    links.mail && element("p", {}, outside(links.mail, "The mailbox"), element("span", { class: "hint" }, " (no address is known here)")),
    element("p", {}, "Its log lines, in a terminal:"),
    copyable("command", `fleet follow ${flow.correlation_id}`),
    element("p", { class: "hint legend" }, "Took part: ", owners.map((owner) => element("span", { class: "service" }, mark(owner), owner))));
}

async function start() {
  if (!id) return home.replaceChildren(element("h1", {}, "Which flow?"), element("p", { class: "empty" }, "Put the id of a flow, an event, a customer or a trace into the field above."));
  const overview = await get("/overview").catch(() => null);
  if (overview) {
    links = overview.links;
    serverTime(overview.now);
  }
  await look();
  const mine = (flow) => [flow.correlation_id, flow.customer_id, flow.trace_id].includes(id) || states.has(flow.correlation_id);
  follow((flow) => {
    if (!mine(flow)) return;
    clearTimeout(timer);
    timer = setTimeout(look, SETTLE);
  }, (yes) => {
    showConnection(yes);
    if (yes) look();
  });
}

start();
