import assert from "node:assert/strict";
import test from "node:test";

import { shorten } from "../web/comment.js";
import { belongs } from "../web/listing.js";

const DISCUSSION = "0b0e7a52-6c8d-8f11-a111-111111111111";

test("a comment belongs to the discussion whose first bits it shares", () => {
  assert.ok(belongs("0b0e7a52-6c8d-8f11-8222-222222222222", DISCUSSION));
  assert.ok(!belongs("0b0e7a52-6c8d-8e11-a111-111111111111", DISCUSSION));
});

test("a long quote is cut at code points", () => {
  assert.equal(shorten("😀😀😀", 3), "😀😀😀");
  assert.equal(shorten("😀😀😀😀", 3), "😀😀…");
  assert.equal(shorten("ab cdef", 4), "ab…");
});
