// Parked messages: who operates, which messages there are, and the one that is looked after.

import { get, showConnection } from "../lib/api.js";
import { element, setText } from "../lib/dom.js";
import { serverTime } from "../lib/format.js";
import { keep, operator } from "./session.js";
import { parked, MessageList } from "./message-list.js";
import { RecordView } from "./message-view.js";

const LOOK_EVERY = 3000;
const byId = (id) => document.getElementById(id);

const list = new MessageList(byId("messages"));
const view = new RecordView(byId("record"), byId("discard"), { acted: () => look(), refused: signOut });
let services = [];
let timer = null;

/** What the address says: `{service, message}`. */
function chosen() {
  const query = new URLSearchParams(location.search);
  const [service, message] = [query.get("service"), query.get("message")];
  return services.includes(service) && message ? { service, message } : null;
}

function marked() {
  const one = chosen();
  return one && { service: one.service, event_id: one.message };
}

async function look() {
  clearTimeout(timer);
  if (!operator()) return;
  try {
    const wanted = byId("from").value;
    show(await parked(wanted ? [wanted] : services, byId("state").value));
    showConnection(true);
    await view.refresh();
  } catch (problem) {
    if ([401, 403].includes(problem.status)) return signOut(problem);
    showConnection(problem.status !== 0);
  }
  clearTimeout(timer);
  timer = setTimeout(look, LOOK_EVERY);
}

function show({ messages, more, away }) {
  const unreachable = away.filter(({ problem }) => problem.status === 0);
  if (unreachable.length && unreachable.length === away.length && !messages.length) throw unreachable[0].problem;
  list.show(messages, marked());
  byId("away").replaceChildren(
    ...away.map(({ service, problem }) => element("li", {}, `${service} can't show its messages: ${problem.message}.`)),
  );
  const state = byId("state").value;
  const nobody = away.length
    ? "Those that answer have none."
    : state
      ? `No message is ${state}.`
      : "No message is parked: each was handled.";
  setText(byId("nobody"), messages.length ? (more ? "Only the newest 500 of each service are shown." : "") : nobody);
  byId("nobody").hidden = messages.length > 0 && !more;
}

function signOut(problem) {
  keep(null);
  clearTimeout(timer);
  view.choose(null);
  byId("parked-layout").hidden = true;
  byId("operator").hidden = true;
  byId("sign-in").hidden = false;
  const text = problem?.status === 401 ? "The token was refused." : (problem?.message ?? "");
  setText(byId("sign-in-problem"), text);
  byId("operator-name").focus();
}

function signedIn() {
  byId("sign-in").hidden = true;
  byId("parked-layout").hidden = false;
  byId("operator").hidden = false;
  setText(byId("who"), operator().name);
  look();
  arrived();
}

/** Links within this page change only what is shown. */
function navigate(event) {
  const link = event.target.closest('a[href^="parked?"]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  history.pushState(null, "", link.getAttribute("href"));
  arrived();
}

function arrived() {
  list.mark(marked());
  byId("parked-layout").classList.toggle("chosen", chosen() !== null);
  view.choose(chosen());
}

async function start() {
  try {
    services = (await get("choreography")).services;
  } catch {
    showConnection(false);
    return void setTimeout(start, 2000);
  }
  showConnection(true);
  get("overview")
    .then((overview) => serverTime(overview.now))
    .catch(() => {});
  byId("from").append(...services.map((name) => element("option", { value: name }, name)));
  const wanted = new URLSearchParams(location.search);
  if (!wanted.get("message") && services.includes(wanted.get("service"))) byId("from").value = wanted.get("service");
  if (operator()) signedIn();
  else signOut();
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const { operator: name, token } = event.target.elements;
  keep({ name: name.value.trim(), token: token.value.trim() });
  token.value = "";
  signedIn();
});
byId("forget").addEventListener("click", () => signOut());
byId("state").addEventListener("change", look);
byId("from").addEventListener("change", look);
byId("parked-layout").addEventListener("click", navigate);
addEventListener("popstate", arrived);
start();
