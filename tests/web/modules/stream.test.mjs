import assert from "node:assert/strict";
import test from "node:test";

import { follow } from "../web/stream.js";

const PATH = "/v1/discussions/d/live";

test("a reader without a stream looks now and then whether the discussion has changed", async () => {
  const waits = [];
  const asked = [];
  const positions = [7, 7, 9, 9, 9];
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
  const tell = { event: () => {}, connected: () => {}, lost: () => (lost += 1) };
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (run, milliseconds) => {
    waits.push(milliseconds);
    queueMicrotask(run);
    return 0;
  };
  try {
    await follow(api, PATH, 5, tell, done.signal);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  assert.equal(lost, 2); // at 7 and at 9, each once
  assert.ok(Math.min(...waits) >= 15_000);
  assert.deepEqual(
    asked.map((one) => one.length),
    [2, 1, 2, 1, 2, 1, 2, 1, 2, 1],
  );
  assert.deepEqual(asked[0], [PATH, "5"]);
  assert.deepEqual(asked[1], ["/v1/discussions/d"]);
  assert.deepEqual(asked.at(-2), [PATH, "9"]);
});

test("events are read however their bytes are cut", async () => {
  const bytes = new TextEncoder().encode(
    ': hello\n\nid: 8\nevent: vote\ndata: {"up":\ndata: 1}\n\nid: 9\r\nevent: comment\r\ndata: {"name":"李"}\r\n\r\n',
  );
  for (const size of [1, 7, bytes.length]) {
    const body = new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
    const done = new AbortController();
    const heard = [];
    const tell = {
      event: (name, data) => {
        heard.push([name, data]);
        if (heard.length === 2) done.abort();
      },
      connected: () => {},
      lost: () => assert.fail("nothing was lost"),
    };
    const api = { fetch: async () => ({ ok: true, status: 200, body }), get: () => assert.fail("not asked for") };
    await follow(api, PATH, 5, tell, done.signal);
    assert.deepEqual(heard, [
      ["vote", { up: 1 }],
      ["comment", { name: "李" }],
    ]);
  }
});
