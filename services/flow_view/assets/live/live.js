// The live page: pulse, map, registration, and the flows as they come.

import { follow, get, showConnection } from "../lib/api.js";
import { element, setText } from "../lib/dom.js";
import { FlowList } from "./flow-list.js";
import { number, serverTime } from "../lib/format.js";
import { ChoreographyMap } from "./choreography-map.js";
import { service } from "../lib/icons.js";
import { RegisterForm } from "./register.js";

const byId = (id) => document.getElementById(id);
const OVERVIEW_EVERY = 1000;
const SUMMARY_EVERY = 15_000;

const flows = new FlowList({ list: byId("list"), empty: byId("nothing"), more: byId("more") });
/** The flows that changed of late, by id. */
const seen = new Map();
const form = new RegisterForm(byId("register"), seen);
let map = null;

function changed(flow) {
  const known = seen.get(flow.correlation_id)?.events.length ?? 0;
  for (const event of flow.events.slice(known)) map?.spark(event.event_type);
  seen.delete(flow.correlation_id);
  seen.set(flow.correlation_id, flow);
  if (seen.size > 2000) seen.delete(seen.keys().next().value);
  flows.offer(flow);
  form.changed(flow);
}

function showPulse({ last_minute: minute, states }) {
  const numbers = { ...minute, ...states };
  for (const place of document.querySelectorAll("[data-pulse]")) setText(place, number(numbers[place.dataset.pulse]));
  document.querySelector("[data-pulse=stuck]").parentNode.classList.toggle("alarm", states.stuck > 0);
}

let summarised = -Infinity;

/** For screen readers: what the counters say, but seldom, as they change all the time. */
function summarise({ last_minute: minute, states }) {
  if (performance.now() - summarised < SUMMARY_EVERY) return;
  summarised = performance.now();
  setText(
    byId("summary"),
    `In the last minute ${minute.began} flows began and ${minute.done} were done. ${states.stuck} are stuck.`,
  );
}

async function overview() {
  if (!document.hidden) {
    try {
      const now = await get("overview");
      serverTime(now.now);
      showPulse(now);
      summarise(now);
      map?.update(now);
    } catch {
      // The banner says it: the stream breaks too. The next turn asks again.
    }
  }
  setTimeout(overview, OVERVIEW_EVERY);
}

/** Who they are: what each does about the events of the others. */
function introduce({ services, reactions }) {
  const parts = (name) => reactions.filter((reaction) => reaction.service === name).map((reaction) => reaction.what);
  byId("dancers").replaceChildren(
    ...services.map((name) => element("li", {}, service(name), ` ${parts(name).join(", or ")}`)),
  );
}

async function drawMap() {
  try {
    const choreography = await get("choreography");
    introduce(choreography);
    map = new ChoreographyMap(byId("map"), choreography);
  } catch {
    setTimeout(drawMap, 2000);
  }
}

async function loadFlows() {
  try {
    await flows.load();
  } catch (problem) {
    setText(byId("nothing"), `The flows can't be shown: ${problem.message}.`);
  }
}

function press(group, pressed) {
  for (const button of group.querySelectorAll("button")) button.setAttribute("aria-pressed", button === pressed);
}

byId("filter").addEventListener("click", async ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  press(byId("filter"), button);
  await flows.show(button.dataset.state).catch((problem) => setText(byId("nothing"), problem.message));
});

byId("pause").addEventListener("click", ({ target }) => {
  const paused = target.getAttribute("aria-pressed") !== "true";
  target.setAttribute("aria-pressed", paused);
  flows.pause(paused);
});

drawMap();
overview();
loadFlows();
follow(changed, (yes) => {
  showConnection(yes);
  // What changed while nobody listened.
  if (yes) loadFlows();
});
