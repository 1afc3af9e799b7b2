// Live updates by `fetch`, since an EventSource can send no token; it comes again by itself.

const WAIT_FIRST_MS = 500;
const WAIT_MOST_MS = 30_000;
const SILENCE_MOST_MS = 45_000;

/** @typedef {Pick<import("./api.js").Api, "fetch" | "get">} Source */
/** @typedef {{id: number, name: string, data: string}} Event */
/**
 * @typedef {object} Listener
 * @property {(name: string, data: import("./contract.js").News) => void} event
 * @property {(now: boolean) => void} connected
 * @property {() => void} lost what lies between is too old to be told, so read afresh
 */

/**
 * Follow a discussion until `signal` is aborted.
 * @param {Source} api
 * @param {string} path
 * @param {number} after the position that is shown
 * @param {Listener} tell
 * @param {AbortSignal} signal
 */
export async function follow(api, path, after, tell, signal) {
  let position = after;
  let wait = WAIT_FIRST_MS;
  while (!signal.aborted) {
    try {
      for await (const one of events(api, path, position, signal)) {
        wait = WAIT_FIRST_MS;
        if (one === "open") tell.connected(true);
        else {
          position = Math.max(position, one.id);
          if (one.data) tell.event(one.name, JSON.parse(one.data));
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 404 || error.status === 403) {
        tell.connected(false);
        return;
      }
      if (error.status === 410) {
        position = 0;
        tell.lost();
      }
      if (error.status === 429) {
        // Too many streams of this address: look whether anything is new, and no more often.
        wait = WAIT_MOST_MS;
        position = await looked(api, path, position, tell);
      }
    }
    if (signal.aborted) return;
    tell.connected(false);
    await pause(wait * (0.5 + Math.random()), signal);
    wait = Math.min(wait * 2, WAIT_MOST_MS);
  }
}

/**
 * Have the discussion read afresh where it has changed; answers the position that is known.
 * @param {Source} api
 * @param {string} path
 * @param {number} position
 * @param {Listener} tell
 */
async function looked(api, path, position, tell) {
  try {
    const now = (await api.get(path.replace(/\/live$/, ""))).position;
    if (now > position) tell.lost();
    return Math.max(now, position);
  } catch {
    return position;
  }
}

/**
 * @param {Source} api
 * @param {string} path
 * @param {number} after
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<"open" | Event>}
 */
async function* events(api, path, after, signal) {
  const quiet = new AbortController();
  const either = AbortSignal.any([signal, quiet.signal]);
  /** @type {Record<string, string>} */
  const headers = { Accept: "text/event-stream" };
  if (after) headers["Last-Event-ID"] = String(after);
  const answer = await api.fetch(path, { headers, signal: either, cache: "no-store" });
  if (!answer.ok || !answer.body) throw Object.assign(new Error("not a stream"), { status: answer.status });
  yield "open";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let came = "";
  while (true) {
    const silence = setTimeout(() => quiet.abort(), SILENCE_MOST_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
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
function pause(milliseconds, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}
