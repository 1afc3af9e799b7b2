import assert from "node:assert/strict";
import test from "node:test";

import { Leader } from "../web/leader.js";

const LIVE = "/v1/live?site=s&discussion=d";

/** A wish to hear of a discussion. */
function wish(key, position, discussion = "d") {
  return { key, discussion, position, isVisible: true };
}

/**
 * Lead with timers that are over at once, until `asked` ends it.
 * @returns {Promise<{asked: [string, string | undefined][], waits: number[], told: object[]}>}
 */
async function led({ wishes, fetch, get = async () => assert.fail("not asked for") }) {
  const asked = [];
  const waits = [];
  const told = [];
  const done = new AbortController();
  const source = {
    fetch: async (path, { headers, signal }) => {
      asked.push([path, headers["Last-Event-ID"]]);
      return fetch({ end: () => done.abort(), leader, count: asked.length, signal });
    },
    get: async (path, query) => {
      asked.push(query ? [path, query.since] : [path]);
      return get({ end: () => done.abort(), path });
    },
  };
  const tell = (message) => {
    if (message.type === "who") leader.onWishes("page", wishes);
    else told.push(message);
  };
  const leader = new Leader("s", "", () => source, tell);
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (run, milliseconds) => {
    waits.push(milliseconds);
    if (milliseconds < 45_000) queueMicrotask(run); // not the wait for a stream that is silent
    return 0;
  };
  try {
    await leader.run(done.signal);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return { asked, told, waits };
}

/** A stream of these bytes, which then ends. */
function stream(text, size = 1_000, after = () => {}) {
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
      after();
    },
  });
  return { ok: true, status: 200, body };
}

test("without a stream it is looked now and then whether a discussion has changed", async () => {
  const positions = [7, 8, 9, 9, 9];
  const none = { comments: 0, edited: 0, removed: 0, votes: 0 };
  const { asked, told, waits } = await led({
    wishes: [wish("a", 5)],
    fetch: () => ({ ok: false, status: 429 }),
    get: async ({ end }) => {
      const position = positions.shift();
      if (!positions.length) end();
      return { ...none, position, comments: position === 8 ? 0 : 2 };
    },
  });
  const looked = told.filter(({ type }) => type === "looked");
  assert.deepEqual(
    looked.map(({ changed, read, comments }) => [changed, read, comments]),
    [
      [7, 7, 2],
      [7, 8, 0], // nothing that a reader sees
      [9, 9, 2],
      [9, 9, 2],
      [9, 9, 2],
    ],
  );
  assert.ok(waits.filter((one) => one > 100 && one < 15_000).length === 0, String(waits));
  assert.deepEqual(asked.slice(0, 2), [
    [LIVE, "5"],
    ["/v1/discussions/d/news", 5],
  ]);
});

test("events are read however their bytes are cut", async () => {
  const text =
    ': hello\n\nid: 8\nevent: vote\ndata: {"up":\ndata: 1}\n\nid: 9\r\nevent: comment\r\ndata: {"name":"李"}\r\n\r\n';
  for (const size of [1, 7, text.length]) {
    const { told } = await led({
      wishes: [wish("a", 5)],
      fetch: ({ end, count }) => (count === 1 ? stream(text, size) : (end(), { ok: false, status: 500 })),
    });
    const heard = told.filter(({ type, data }) => type === "event" && data);
    assert.deepEqual(
      heard.map(({ id, name, data }) => [id, name, JSON.parse(data)]),
      [
        [8, "vote", { up: 1 }],
        [9, "comment", { name: "李" }],
      ],
    );
  }
});

test("a stream that was cut is asked for from its last event, and from the oldest wish at first", async () => {
  const { asked, told } = await led({
    wishes: [wish("a", 5), wish("b", 3, "e"), wish("c", 0, "f")],
    fetch: ({ end, count }) => (count === 1 ? stream("id: 12\n\n") : (end(), { ok: false, status: 500 })),
  });
  const path = `${LIVE}&discussion=e&discussion=f`;
  assert.deepEqual(asked, [
    [path, "3"],
    [path, "12"],
  ]);
  assert.deepEqual(told[0], { type: "open", keys: ["a", "b", "c"] });
});

test("who asks for what was told already makes the stream begin earlier, others do not", async () => {
  const wishes = [wish("a", 5)];
  const { asked } = await led({
    wishes,
    fetch: ({ end, leader, count, signal }) => {
      if (count === 3) {
        end();
        return { ok: false, status: 500 };
      }
      const events = count === 1 ? "id: 12\n\n" : "id: 14\n\n";
      const bytes = new TextEncoder().encode(events);
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(bytes);
          signal.addEventListener("abort", () => controller.error(signal.reason));
        },
        async pull() {
          for (let n = 0; n < 20; n += 1) await Promise.resolve();
          leader.onWishes("second", [wish("b", 20)]); // it is covered
          leader.onWishes("third", [wish(`c${count}`, 9)]); // it is not
        },
      });
      return { ok: true, status: 200, body };
    },
  });
  assert.deepEqual(
    asked.map(([, after]) => after),
    ["5", "9", "9"],
  );
});

test("where the stream does not go so far back it is looked what has changed, and gone on from there", async () => {
  const wishes = [wish("old", 5), wish("new", 90_000), wish("gone", 7, "e")];
  const { asked, told } = await led({
    wishes,
    fetch: ({ end, count }) => {
      if (count === 1) return { ok: false, status: 410 };
      end();
      return { ok: false, status: 500 };
    },
    get: async ({ path }) => {
      if (path.endsWith("/e")) throw Object.assign(new Error("unknown"), { status: 404 });
      return { position: 60, read: 90_010 };
    },
  });
  assert.deepEqual(asked, [
    [`${LIVE}&discussion=e`, "5"],
    ["/v1/discussions/d"],
    ["/v1/discussions/e"],
    [`${LIVE}&discussion=e`, "90010"],
  ]);
  assert.deepEqual(
    told.filter(({ type }) => type === "looked"),
    [{ type: "looked", discussion: "d", changed: 60, read: 90_010, comments: 0, isExpired: true }],
  );
});

test("after a log that lost its end the stream goes on from the end that is left", async () => {
  const { asked } = await led({
    wishes: [wish("a", 500)],
    fetch: ({ end, count }) => {
      if (count === 1) return stream("id: 600\n\n");
      if (count === 2) return { ok: false, status: 410 };
      end();
      return { ok: false, status: 500 };
    },
    get: async () => ({ position: 300, read: 400 }),
  });
  assert.deepEqual(
    asked.filter((one) => one.length === 2).map(([, after]) => after),
    ["500", "600", "400"],
  );
});

test("the discussions that are in sight come first, and those that have a place keep it", async () => {
  const wishes = Array.from({ length: 30 }, (_, n) => ({ ...wish(`k${n}`, 1, `d${n}`), isVisible: n >= 25 }));
  const { asked } = await led({
    wishes,
    fetch: ({ end, leader, count }) => {
      if (count === 2) end();
      // Another comes into sight.
      else leader.onWishes("page", [...wishes.slice(0, 24), { ...wishes[24], isVisible: true }, ...wishes.slice(25)]);
      return { ok: false, status: 500 };
    },
  });
  const [first, second] = asked.map(([path]) => path.match(/\bd\d+/g));
  assert.equal(first.length, 20);
  assert.deepEqual(first.slice(0, 6), ["d25", "d26", "d27", "d28", "d29", "d0"]);
  assert.equal(second.length, 20);
  assert.ok(second.includes("d24"));
  assert.deepEqual(new Set(second), new Set([...first.slice(0, 19), "d24"]));
});
