import assert from "node:assert/strict";
import test, { beforeEach, mock } from "node:test";

import { Session, draftKeyOf, personOf, rightsOf } from "../web/session.js";
import { randomId, store, readStored } from "../web/storage.js";

const HOUR_SECONDS = 3600;
const SITE = "s";
const NOW = Date.parse("2026-04-14T12:00:00Z");
const clock = { isKnown: true, now: () => NOW };

function signed(claims) {
  const part = Buffer.from(JSON.stringify(claims)).toString("base64url");
  return `header.${part}.signature`;
}

function ends(seconds, more = {}) {
  return signed({ sub: "u1", exp: NOW / 1000 + seconds, ...more });
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

beforeEach(() => {
  globalThis.localStorage = storage();
});

test("a token says whose it is, in any script, and whether its person may write here", () => {
  const scope = "read comment";
  assert.deepEqual(personOf(signed({ sub: "u1", name: "Ünal 李", scope, site: SITE }), SITE), {
    id: "u1",
    name: "Ünal 李",
    guest: false,
    mayWrite: true,
    rights: rightsOf(signed({ sub: "u1", scope: "comment read", site: SITE })),
  });
  assert.equal(personOf(signed({ sub: 7 }), SITE).id, "7");
  for (const claims of [{ scope: "read" }, { scope: "comments" }, {}, { scope, site: "other" }])
    assert.equal(personOf(signed({ sub: "u1", ...claims }), SITE).mayWrite, false);
  assert.equal(personOf(signed({ sub: "guest:1" }), SITE).guest, true);
  assert.equal(personOf("no token", SITE), null);
});

test("rights are those of a person, a site and the scopes in any order", () => {
  const claims = { sub: "u1", scope: "comment read", site: SITE };
  const rights = rightsOf(signed(claims));
  assert.equal(rightsOf(signed({ ...claims, scope: "read comment", exp: 1, name: "A" })), rights);
  for (const other of [{ sub: "u2" }, { scope: "comment" }, { site: "*" }, { iss: "other" }])
    assert.notEqual(rightsOf(signed({ ...claims, ...other })), rights);
  assert.equal(rightsOf(null), "");
});

test("drafts are kept apart by person; a guest of the same name has them with another id", () => {
  const guest = (id, name) => draftKeyOf({ id, name, guest: true, mayWrite: true });
  assert.equal(guest("guest:1", "Ann"), guest("guest:2", "Ann"));
  assert.notEqual(guest("guest:1", "Ann"), guest("guest:1", "Bob"));
  assert.equal(draftKeyOf({ id: "u1", name: null, guest: false, mayWrite: true }), "u1");
  assert.equal(draftKeyOf(null), "");
});

test("a token that ends soon by the service's clock is not used", async () => {
  assert.equal(await new Session(host(ends(10)), SITE, clock).token(), null);
  const good = ends(HOUR_SECONDS);
  assert.equal(await new Session(host(good), SITE, clock).token(), good);
  const unknown = { isKnown: false, now: () => NOW + 13 * HOUR_SECONDS * 1000 };
  assert.equal(await new Session(host(good), SITE, unknown).token(), good);
});

test("a callback is asked again when its token was refused", async () => {
  let asked = 0;
  const session = new Session(
    host(null, () => ends(HOUR_SECONDS, { n: (asked += 1) })),
    SITE,
    clock,
  );
  const first = await session.token();
  assert.equal(await session.token(), first);
  session.renew(first);
  assert.notEqual(await session.token(), first);
  assert.equal(asked, 2);
});

test("a callback that gives the refused token again counts as none", async () => {
  const same = ends(HOUR_SECONDS);
  const session = new Session(
    host(null, () => same),
    SITE,
    clock,
  );
  assert.equal(await session.token(), same);
  session.renew(same);
  assert.equal(await session.token(), null);
});

test("many who need a token at once ask the callback once", async () => {
  let asked = 0;
  const session = new Session(
    host(null, async () => ends(HOUR_SECONDS, { n: (asked += 1) })),
    SITE,
    clock,
  );
  await Promise.all([session.token(), session.token(true), session.person()]);
  assert.equal(asked, 1);
});

test("reading goes on where the callback fails, and it is asked again later or to write", async () => {
  mock.method(console, "warn", () => {});
  let asked = 0;
  const fails = () => {
    asked += 1;
    throw new Error("sign-in is down");
  };
  for (const getToken of [fails, async () => fails(), () => 7, () => ({})]) {
    const session = new Session(host(null, getToken), SITE, clock);
    assert.equal(await session.token(), null);
    assert.equal(await session.person(), null);
  }
  assert.equal(asked, 2);
  await new Session(host(null, fails), SITE, clock).token(true);
  assert.equal(asked, 3);
});

test("reading goes on where the callback never answers, and hears of it when it does", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    let answer;
    let changed = 0;
    const callback = () => new Promise((done) => (answer = done));
    const session = new Session(host(null, callback), SITE, clock);
    session.onLateToken = () => (changed += 1);
    const first = session.token();
    mock.timers.tick(2_000);
    assert.equal(await first, null);
    assert.equal(await session.token(), null); // at once
    const token = ends(HOUR_SECONDS);
    const writing = session.token(true);
    answer(token);
    assert.equal(await writing, token);
    assert.equal(changed, 1);
    assert.equal(await session.token(), token);
  } finally {
    mock.timers.reset();
  }
});

test("what a callback gives after it was replaced is not used", async () => {
  let answer;
  const page = host(null, () => new Promise((done) => (answer = done)));
  const session = new Session(page, SITE, clock);
  const first = session.token();
  session.forget();
  page.getToken = () => ends(HOUR_SECONDS, { sub: "u2" });
  answer(ends(HOUR_SECONDS));
  await first;
  assert.equal((await session.person()).id, "u2");
});

test("a refused attribute gives way to a guest's token", async () => {
  const given = signed({ sub: "u1" });
  const session = new Session(host(given), SITE, clock);
  assert.equal(await session.token(), given);
  const guest = signed({ sub: "guest:1" });
  session.setGuestToken(guest);
  assert.equal(await session.token(), given);
  session.renew(given);
  assert.equal(await session.token(), guest);
  session.setGuestToken(null);
  assert.equal(await session.token(), null);
});

test("a device that stores nothing keeps values for as long as the page is open", () => {
  Object.defineProperty(globalThis, "localStorage", {
    configurable: true,
    get() {
      throw new Error("denied");
    },
  });
  try {
    store("place", "value");
    assert.equal(readStored("place"), "value");
    store("place", null);
    assert.equal(readStored("place"), null);
  } finally {
    Object.defineProperty(globalThis, "localStorage", { configurable: true, writable: true, value: storage() });
  }
});

test("a full device keeps the new value, not the one that it has", () => {
  globalThis.localStorage.setItem("place", "old");
  globalThis.localStorage.setItem = () => {
    throw new Error("full");
  };
  store("place", "new");
  assert.equal(readStored("place"), "new");
});

test("random ids are UUIDs of version 4, each another", () => {
  const made = new Set(Array.from({ length: 100 }, randomId));
  assert.equal(made.size, 100);
  for (const id of made) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
