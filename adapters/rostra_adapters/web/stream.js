// Server-sent events by `fetch`, since an `EventSource` cannot send a token.

const SILENCE_MAX_MS = 45_000;

/** @typedef {{id: number, name: string, data: string}} Event */

/**
 * Yield "open" once the stream is open, then its events, until the stream ends or `signal` aborts.
 * Throw an error with a `status` if the service refuses the stream. Throw a TimeoutError if nothing
 * arrives for `SILENCE_MOST_MS`.
 * @param {(given: RequestInit & {headers: Record<string, string>}) => Promise<Response>} request
 * @param {number} after the position to continue after; 0 for new events only
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<"open" | Event>}
 */
export async function* events(request, after, signal) {
  const quiet = new AbortController();
  const either = AbortSignal.any([signal, quiet.signal]);
  const withTimeout = async (/** @type {Promise<any>} */ promise) => {
    const silence = setTimeout(() => quiet.abort(new DOMException("nothing comes", "TimeoutError")), SILENCE_MAX_MS);
    return promise.finally(() => clearTimeout(silence));
  };
  /** @type {Record<string, string>} */
  const headers = { Accept: "text/event-stream" };
  if (after) headers["Last-Event-ID"] = String(after);
  const answer = await withTimeout(request({ headers, signal: either, cache: "no-store" }));
  if (!answer.ok || !answer.body) throw Object.assign(new Error("not a stream"), { status: answer.status });
  yield "open";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  while (true) {
    const { done, value } = await withTimeout(reader.read());
    if (done) return;
    buffer += value;
    const parts = buffer.split(/\r?\n\r?\n/);
    buffer = parts.pop() ?? "";
    for (const part of parts) yield parseEvent(part);
  }
}

/** @param {string} part @returns {Event} */
function parseEvent(part) {
  const one = { id: 0, name: "message", data: "" };
  for (const line of part.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    const [field, value] = colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
    if (field === "id") one.id = Number(value) || 0;
    else if (field === "event") one.name = value;
    else if (field === "data") one.data += (one.data ? "\n" : "") + value;
  }
  return one;
}

/** @param {number} milliseconds @param {AbortSignal} signal @returns {Promise<void>} */
export function pause(milliseconds, signal) {
  return new Promise((done) => {
    if (signal.aborted) return done();
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}
