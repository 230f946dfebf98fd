// A service beside the map: whether it is ready, and what it has not worked off.

import { element, setText } from "../lib/dom.js";
import { number } from "../lib/format.js";
import { service } from "../lib/icons.js";

export function serviceCard({ name, height }) {
  const card = element(
    "li",
    { class: "service-card", data: { service: name } },
    element("strong", {}, service(name)),
    element("span", { class: "health is-unknown" }, "asking…"),
    element("span", { class: "depth" }),
  );
  card.style.setProperty("--lane", `${height}px`);
  return card;
}

export function showHealth(card, health) {
  const ready = health.answers ? health.ready : null;
  const word = ready ? "ready" : ready === false ? "not ready" : "unreachable";
  const [, state, depth] = card.children;
  state.className = `health is-${word.replace(" ", "-")}`;
  setText(state, word);
  state.title = health.reasons.join("; ");
  const { outbox, parked } = health;
  const waiting = parked ? parked.waiting + parked.behind : 0;
  const counts = [
    outbox && element("span", {}, `outbox ${number(outbox.unpublished)}`),
    parked && parkedLink(health.name, waiting, "parked"),
    parked && parkedLink(health.name, parked.dead, "dead"),
  ];
  const key = JSON.stringify([outbox?.unpublished, waiting, parked?.dead]);
  if (depth.dataset.shown === key) return;
  depth.dataset.shown = key;
  depth.replaceChildren(...counts.filter(Boolean));
}

function parkedLink(name, count, word) {
  const text = `${word} ${number(count)}`;
  if (!count) return element("span", {}, text);
  return element("a", { class: word, href: `parked?service=${encodeURIComponent(name)}` }, text);
}
