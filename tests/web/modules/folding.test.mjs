import assert from "node:assert/strict";
import test from "node:test";

import { Folded, SPACE, bisectRight } from "../web/folding.js";

test("a run of white space is one space", () => {
  assert.equal(new Folded("a \n\t b").text, "a b");
  assert.equal(new Folded("a\u00a0b").text, "a b");
});

test("invisible characters are left out", () => {
  assert.equal(new Folded("so\u00adft\u200b").text, "soft");
});

test("letters are composed", () => {
  assert.equal(new Folded("e\u0301te\u0301").text, "\u00e9t\u00e9");
});

test("offsets count code points, not UTF-16 units", () => {
  const folded = new Folded("😀  b");
  assert.deepEqual(folded.points, ["😀", " ", "b"]);
  assert.deepEqual(folded.originalRange(2, 3), [3, 4]);
});

test("offsets lead from the original to the compared form and back", () => {
  const original = "one  two\u00ad three";
  const folded = new Folded(original);
  const start = folded.text.indexOf("three");
  const [from, to] = folded.originalRange(start, start + "three".length);
  assert.equal(original.slice(from, to), "three");
  assert.equal(folded.foldedOffset(from), start);
});

test("an offset inside a folded run is at most that of the text after it", () => {
  const folded = new Folded("a    b");
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5].map((offset) => folded.foldedOffset(offset)),
    [0, 1, 2, 2, 2, 2],
  );
});

test("SPACE matches one white-space character", () => {
  assert.ok(SPACE.test("\u3000"));
  assert.ok(!SPACE.test("x"));
});

test("bisectRight counts the numbers that are at most a value", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 9].map((value) => bisectRight([1, 3, 3, 5], value)),
    [0, 1, 1, 3, 4],
  );
});
