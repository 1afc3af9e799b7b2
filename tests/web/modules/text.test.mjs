import assert from "node:assert/strict";
import test from "node:test";

import { offsetOf, textOf } from "../web/text.js";

// As much of a document as the module reads: node has none.
const Node = (globalThis.Node = { ELEMENT_NODE: 1, TEXT_NODE: 3, COMMENT_NODE: 8 });

const words = (data) => ({ nodeType: Node.TEXT_NODE, data });
const comment = { nodeType: Node.COMMENT_NODE, data: "not shown" };
const element = (tagName, ...children) => ({
  nodeType: Node.ELEMENT_NODE,
  tagName,
  childNodes: children.map((child) => (typeof child === "string" ? words(child) : child)),
});
const read = (...children) => textOf(element("ARTICLE", ...children)).points.join("");

test("blocks are lines of their own", () => {
  assert.equal(read(element("P", "one"), element("P", "two")), "one\ntwo");
});

test("an inline element does not break a line", () => {
  assert.equal(read(element("P", "one ", element("EM", "two"), " three")), "one two three");
});

test("white space between blocks stays one line break", () => {
  assert.equal(read(element("P", "one"), "\n", element("P", "two")), "one\ntwo");
});

test("a line break is one character", () => {
  assert.equal(read("one", element("BR"), "two"), "one\ntwo");
});

test("scripts, styles and comments are no text", () => {
  assert.equal(read("a", element("SCRIPT", "x"), comment, element("STYLE", "y"), "b"), "ab");
});

test("line ends, null characters and lone surrogates are normalised", () => {
  assert.equal(read("a\r\nb\rc"), "a\nb\nc");
  assert.equal(read("a\0b\ud800"), "a\ufffdb\ufffd");
});

test("each text node has its range of code points", () => {
  const smile = words("😀 ");
  const two = words("two");
  const found = textOf(element("P", smile, element("B", two)));
  assert.deepEqual(found.nodes, [
    { node: smile, start: 0, end: 2 },
    { node: two, start: 2, end: 5 },
  ]);
});

test("an offset in a text node counts code points from the article's start", () => {
  const one = words("😀\r\n");
  const two = words("a😀b");
  const found = textOf(element("P", one, two));
  assert.equal(offsetOf(found, two, 3), 4);
});
