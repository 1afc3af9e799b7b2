// Server-sent events by `fetch`, since an `EventSource` cannot send a token.

const SILENCE_MOST_MS = 45_000;

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
  const listening = async (/** @type {Promise<any>} */ coming) => {
    const silence = setTimeout(() => quiet.abort(new DOMException("nothing comes", "TimeoutError")), SILENCE_MOST_MS);
    return coming.finally(() => clearTimeout(silence));
  };
  /** @type {Record<string, string>} */
  const headers = { Accept: "text/event-stream" };
  if (after) headers["Last-Event-ID"] = String(after);
  const answer = await listening(request({ headers, signal: either, cache: "no-store" }));
  if (!answer.ok || !answer.body) throw Object.assign(new Error("not a stream"), { status: answer.status });
  yield "open";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let came = "";
  while (true) {
    const { done, value } = await listening(reader.read());
    if (done) return;
    came += value;
    const parts = came.split(/\r?\n\r?\n/);
    came = parts.pop() ?? "";
    for (const part of parts) yield parsed(part);
  }
}

/** @param {string} part @returns {Event} */
function parsed(part) {
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
