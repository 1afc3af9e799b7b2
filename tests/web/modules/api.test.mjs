import assert from "node:assert/strict";
import test from "node:test";

import { Api } from "../web/api.js";
import { Clock } from "../web/clock.js";
import { Credentials } from "../web/moderate/credentials.js";

/** Return a client whose service accepts only `accepted`, and the tokens that followed a refusal. */
function createApi(getToken, accepted) {
  const followed = [];
  const credentials = new Credentials({ getToken });
  const { signal } = new AbortController();
  const api = new Api("", credentials, new Clock(), signal, (other) => followed.push(other));
  api.send = async (path, given, token) => new Response("{}", { status: token === accepted ? 200 : 401 });
  return { api, followed };
}

test("a refused token is followed by the page's next one", async () => {
  const tokens = ["old", "new", "new"];
  const { api, followed } = createApi(async () => tokens.shift(), "new");
  assert.equal((await api.fetch("/", { headers: {} })).status, 200);
  assert.deepEqual(followed, ["new"]);
});

test("a refused token that the page gives again is followed by none", async () => {
  const { api, followed } = createApi(async () => "old", "new");
  assert.equal((await api.fetch("/", { headers: {} })).status, 401);
  assert.deepEqual(followed, [null]);
});

test("a page whose every token is refused learns that none is left", async () => {
  let minted = 0;
  const { api, followed } = createApi(async () => `token ${(minted += 1)}`, "none");
  assert.equal((await api.fetch("/", { headers: {} })).status, 401);
  assert.equal(followed.at(-1), null);
});
