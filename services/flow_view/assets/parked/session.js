// Who operates: the name and the token, kept by this tab alone, and requests to the services' administration with them.

import { Problem, send } from "../lib/api.js";

const KEY = "operator";

/** The operator, or null. */
export function operator() {
  return JSON.parse(sessionStorage.getItem(KEY));
}

/** Keeps the operator until the tab is closed; forgets without one. */
export function keep(someone) {
  if (someone) sessionStorage.setItem(KEY, JSON.stringify(someone));
  else sessionStorage.removeItem(KEY);
}

/** Asks a service about its parked messages: `path` comes after `/admin/parked`. */
export async function ask(service, path = "", options = {}) {
  const someone = operator();
  if (!someone) throw new Problem(401, "nobody has signed in");
  const headers = { ...options.headers, authorization: `Bearer ${someone.token}`, "x-operator": someone.name };
  return (await send(`services/${encodeURIComponent(service)}/admin/parked${path}`, { ...options, headers })).body;
}
