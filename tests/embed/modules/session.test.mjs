import assert from "node:assert/strict";
import test from "node:test";

import { Session, draftsOf, personOf, store, stored } from "../web/session.js";

const HOUR_SECONDS = 3600;
const now = () => Math.floor(Date.now() / 1000);

function signed(claims) {
  const part = Buffer.from(JSON.stringify(claims)).toString("base64url");
  return `header.${part}.signature`;
}

function storage() {
  const items = new Map();
  return {
    getItem: (place) => items.get(place) ?? null,
    setItem: (place, value) => items.set(place, value),
    removeItem: (place) => items.delete(place),
  };
}

function host(token, getToken = null) {
  return { getToken, getAttribute: () => token, dispatchEvent: () => true };
}

test("a token says whose it is, in any script", () => {
  assert.deepEqual(personOf(signed({ sub: "u1", name: "Ünal 李" })), { id: "u1", name: "Ünal 李" });
  assert.deepEqual(personOf(signed({ sub: 7 })), { id: "7", name: null });
  assert.equal(personOf("no token"), null);
});

test("all guests of a device share their drafts", () => {
  assert.equal(draftsOf({ id: "guest:1", name: null }), draftsOf({ id: "guest:2", name: null }));
  assert.equal(draftsOf({ id: "u1", name: null }), "u1");
  assert.equal(draftsOf(null), "");
});

test("a token that ends soon is not used", async () => {
  globalThis.sessionStorage = storage();
  const ends = (seconds) => signed({ sub: "u1", exp: now() + seconds });
  assert.equal(await new Session(host(ends(10)), "s").token(), null);
  const good = ends(HOUR_SECONDS);
  assert.equal(await new Session(host(good), "s").token(), good);
});

test("a callback is asked again when its token was refused", async () => {
  globalThis.sessionStorage = storage();
  let asked = 0;
  const session = new Session(
    host(null, () => signed({ sub: "u1", n: (asked += 1), exp: now() + HOUR_SECONDS })),
    "s",
  );
  const first = await session.token();
  assert.equal(await session.token(), first);
  assert.equal(await session.renew(first), true);
  assert.notEqual(await session.token(), first);
  assert.equal(asked, 2);
});

test("a refused attribute gives way to a guest's token", async () => {
  globalThis.sessionStorage = storage();
  const given = signed({ sub: "u1" });
  const session = new Session(host(given), "s");
  assert.equal(await session.token(), given);
  const guest = signed({ sub: "guest:1" });
  session.enter(guest);
  assert.equal(await session.token(), given);
  assert.equal(await session.renew(given), true);
  assert.equal(await session.token(), guest);
});

test("a device that stores nothing is no error", () => {
  const refusing = {
    getItem() {
      throw new Error("denied");
    },
    setItem() {
      throw new Error("full");
    },
  };
  store(refusing, "place", "value");
  assert.equal(stored(refusing, "place"), null);
});
