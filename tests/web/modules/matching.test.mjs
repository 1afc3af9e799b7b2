import assert from "node:assert/strict";
import test from "node:test";

import { Coding, align, ending, nearest, regions, similarity, without } from "../web/matching.js";

test("a coding gives equal code points equal units", () => {
  const coding = new Coding();
  const coded = coding.code("😀a😀");
  assert.equal(coded.length, 3);
  assert.equal(coded[0], coded[2]);
  assert.notEqual(coded[0], coded[1]);
});

test("a coding knows which units are letters or digits", () => {
  const coding = new Coding();
  assert.deepEqual(
    [...coding.code("a7 .ß")].map((unit) => coding.isWord(unit)),
    [true, true, false, false, true],
  );
});

test("places come nearest first, and those ahead before those behind", () => {
  assert.deepEqual(nearest("x..x..x", "x", 3), [3, 6, 0]);
  assert.deepEqual(nearest("abc", "x", 0), []);
});

test("matches may overlap", () => {
  assert.deepEqual(nearest("aaaa", "aa", 0), [0, 1, 2]);
});

test("similarity is the share of the expected letters", () => {
  assert.equal(similarity("", "anything", 0.5), 1);
  assert.equal(similarity("abcd", "abcdef", 0.5), 1);
  assert.equal(similarity("abcd", "abxd", 0.5), 0.75);
  assert.equal(similarity("abcd", "wxyz", 0.5), 0);
});

test("align finds the fewest errors anywhere in the text", () => {
  assert.deepEqual(align("kitten", "a sitten b kitten", 2, true), { errors: 0, ends: [16] });
  assert.deepEqual(align("kitten", "a sitten b", 2, true), { errors: 1, ends: [7] });
  assert.deepEqual(align("kitten", "nothing of it", 1, true).ends, []);
});

test("align from the beginning takes what stands before as errors", () => {
  assert.deepEqual(align("abc", "abc", 1, false), { errors: 0, ends: [2] });
  assert.deepEqual(align("abc", "xxabc", 1, false).ends, []);
});

test("ending returns the starts of matches that end at an offset", () => {
  assert.deepEqual(ending("the quick fox", "quick", 9, 0), [{ start: 4, end: 9, errors: 0 }]);
});

test("a match with errors lies within a region", () => {
  const pattern = "the quick brown fox jumps over the lazy dog";
  const changed = pattern.replace("brown", "brawn");
  const text = `${"lorem ipsum dolor ".repeat(20)}${changed}${" sit amet consectetur".repeat(20)}`;
  const start = text.indexOf(changed);
  const found = regions(text, pattern, 4, 0);
  assert.ok(found.some(([from, to]) => from <= start && to >= start + changed.length));
  assert.ok(found.reduce((sum, [from, to]) => sum + to - from, 0) < text.length / 2);
});

test("regions are cut where matches end", () => {
  assert.deepEqual(without([[0, 100]], [50], 10, 1), [
    [0, 41],
    [49, 100],
  ]);
  assert.deepEqual(without([[0, 12]], [11], 10, 0), []);
});
