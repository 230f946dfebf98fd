// Talks to the flow view: requests whose failures say what went wrong, and the stream of flows that change.

/** A request that failed. `status` is 0 if there was no answer. `errors` names bad fields. */
export class Problem extends Error {
  constructor(status, detail, errors = []) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

/** Sends a request; gives the body and the headers of a good answer, and throws a [`Problem`] otherwise. */
export async function send(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options });
  } catch {
    throw new Problem(0, "the flow view does not answer");
  }
  const body = await response.json().catch(() => null);
  if (response.ok) return { body, headers: response.headers };
  const detail = body?.detail ?? body?.title ?? `the answer was ${response.status}`;
  throw new Problem(response.status, detail, body?.errors);
}

/** The body of a GET. */
export async function get(path) {
  return (await send(path)).body;
}

/** Options of a request with a JSON body. */
export function json(method, value) {
  return { method, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

/**
 * Follows the stream: `changed(flow)` for each flow that changes, `connected(yes)` whenever that changes. The browser
 * resumes by itself after a broken connection, but gives up on a refusal: then it is begun anew.
 */
export function follow(changed, connected) {
  const source = new EventSource("flows/stream");
  source.addEventListener("open", () => connected(true));
  source.addEventListener("flow", (event) => changed(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    connected(false);
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(changed, connected), 2000);
  });
}

/** Says whether we are connected, in the banner of the page. */
export function showConnection(yes) {
  const banner = document.getElementById("connection");
  const text = yes ? "" : "Not connected to the flow view: trying again. What is shown may be out of date.";
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = yes;
  document.body.classList.toggle("stale", !yes);
}
