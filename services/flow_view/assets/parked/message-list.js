// The list of parked messages of all services.

import { arrange, element, setText } from "../lib/dom.js";
import { age, now, number } from "../lib/format.js";
import { service } from "../lib/icons.js";
import { ask } from "./session.js";
import { parkedPage } from "../lib/overdue.js";

const MOST = 500;

/** Everything that is parked in these services: `{messages, more, away: [{service, problem}]}`. */
export async function parked(services, state) {
  const query = new URLSearchParams({ limit: MOST, ...(state ? { state } : {}) });
  const answers = await Promise.allSettled(services.map((name) => ask(name, `?${query}`)));
  const refused = answers.find(({ reason }) => reason?.status === 401 || reason?.status === 403);
  if (refused) throw refused.reason;
  const pages = answers.map(({ value }, index) => ({ service: services[index], ...value }));
  return {
    messages: pages
      .flatMap((page) => (page.items ?? []).map((item) => ({ service: page.service, ...item })))
      .sort((a, b) => Date.parse(b.parked_at) - Date.parse(a.parked_at)),
    more: pages.some((page) => page.next_cursor),
    away: answers.flatMap(({ reason }, index) => (reason ? [{ service: services[index], problem: reason }] : [])),
  };
}

/** The rows of the list: each a link, marked if it is the chosen one. */
export class MessageList {
  #list;
  #rows = new Map();

  constructor(list) {
    this.#list = list;
  }

  /** Shows these messages. */
  show(messages, chosen) {
    const rows = messages.map((message) => this.#row(message));
    const keys = new Set(messages.map(key));
    for (const known of this.#rows.keys()) if (!keys.has(known)) this.#rows.delete(known);
    arrange(this.#list, rows);
    this.mark(chosen);
  }

  /** Marks the chosen one. */
  mark(chosen) {
    for (const [known, row] of this.#rows) {
      if (chosen && known === key(chosen)) row.firstChild.setAttribute("aria-current", "true");
      else row.firstChild.removeAttribute("aria-current");
    }
  }

  #row(message) {
    const row =
      this.#rows.get(key(message)) ??
      element("li", {}, element("a", { href: parkedPage(message.service, message.event_id) }));
    this.#rows.set(key(message), row);
    const content = JSON.stringify(message);
    if (row.dataset.content !== content) {
      row.dataset.content = content;
      row.firstChild.replaceChildren(
        element("span", { class: `condition is-${message.state}` }, message.state),
        element("code", {}, message.event_type),
        element("span", { class: "where" }, "in ", service(message.service)),
        element("span", { class: "cause" }, message.reason.replaceAll("_", " "), message.edited ? ", corrected" : ""),
        element("span", { class: "times" }),
      );
    }
    setText(row.querySelector(".times"), times(message));
    return row;
  }
}

function key({ service: name, event_id: id }) {
  return `${name} ${id}`;
}

/** `3 attempts, parked 2 min ago, next attempt in 42 s`. */
export function times(message) {
  const attempts = message.attempts
    ? `${number(message.attempts)} ${message.attempts === 1 ? "attempt" : "attempts"}, `
    : "";
  const next = message.state === "waiting" && message.next_attempt_at ? `, next ${until(message.next_attempt_at)}` : "";
  const since = age(message.parked_at);
  return `${attempts}parked ${since === "now" ? "just now" : `${since} ago`}${next}`;
}

function until(time) {
  const seconds = Math.round((Date.parse(time) - now()) / 1000);
  if (seconds <= 0) return "now";
  return seconds < 120 ? `in ${seconds} s` : `in ${Math.round(seconds / 60)} min`;
}
