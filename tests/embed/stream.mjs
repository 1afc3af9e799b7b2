// A reader whose address has too many live streams looks whether anything is new instead.
import { follow } from "MODULES/stream.js";

const waits = [];
globalThis.setTimeout = (run, milliseconds) => {
  waits.push(milliseconds);
  queueMicrotask(run);
  return 0;
};
const positions = [7, 7, 9, 9, 9];
const asked = [];
let lost = 0;
const done = new AbortController();
const api = {
  fetch: async (path, { headers }) => {
    asked.push([path, headers["Last-Event-ID"]]);
    return { ok: false, status: 429 };
  },
  get: async (path) => {
    asked.push([path]);
    const position = positions.shift();
    if (!positions.length) done.abort();
    return { position };
  },
};
const tell = {
  event: () => {},
  connected: () => {},
  lost: () => {
    lost += 1;
  },
};
await follow(api, "/v1/discussions/d/live", 5, tell, done.signal);
console.log(JSON.stringify({ lost, asked, least: Math.min(...waits) }));
