// Plain text of an article on the page. Its offsets equal the service's (`rostra.article_text`).

import { isElement, isText } from "./markup.js";

const HIDDEN = new Set(["SCRIPT", "STYLE", "TEMPLATE", "NOSCRIPT", "NOEMBED", "NOFRAMES", "IFRAME"]);
const BLOCKS = new Set(
  (
    "ADDRESS ARTICLE ASIDE BLOCKQUOTE BODY CAPTION CENTER DD DETAILS DIALOG DIR DIV DL DT FIELDSET FIGCAPTION FIGURE " +
    "FOOTER FORM H1 H2 H3 H4 H5 H6 HEAD HEADER HGROUP HR HTML LEGEND LI LISTING MAIN MENU NAV OL OPTGROUP OPTION P " +
    "PLAINTEXT PRE SEARCH SECTION SELECT SUMMARY TABLE TBODY TD TFOOT TH THEAD TITLE TR UL XMP"
  ).split(" "),
);
const BREAK = ""; // a block's edge

/** @typedef {{points: string[], nodes: {node: Text, start: number, end: number}[]}} Read */

/**
 * Return the text of an element: its code points, and the range of each text node in them.
 * @param {Element} root
 * @returns {Read}
 */
export function textOf(root) {
  /** @type {Read} */
  const { points, nodes } = { points: [], nodes: [] };
  let atEdge = false;
  let fresh = true; // only white space follows the last line break
  for (const piece of pieces(root)) {
    if (piece === BREAK) {
      atEdge = true;
      continue;
    }
    const text = normalise(typeof piece === "string" ? piece : piece.data);
    if (!text) continue;
    const blank = text.slice(0, text.length - text.trimStart().length);
    if (atEdge && !fresh && !blank.includes("\n")) {
      points.push("\n");
      fresh = true;
    }
    const start = points.length;
    for (const point of text) points.push(point);
    if (typeof piece !== "string") nodes.push({ node: piece, start, end: points.length });
    atEdge = false;
    const line = text.lastIndexOf("\n");
    fresh = !text.slice(line + 1).trim() && (fresh || line >= 0);
  }
  return { points, nodes };
}

/** @param {Element} root @returns {Generator<string | Text>} a text, a line break, or BREAK */
function* pieces(root) {
  for (const node of root.childNodes) {
    if (isText(node)) yield node;
    else if (!isElement(node) || HIDDEN.has(node.tagName)) continue;
    else if (node.tagName === "BR") yield "\n";
    else if (BLOCKS.has(node.tagName)) {
      yield BREAK;
      yield* pieces(node);
      yield BREAK;
    } else yield* pieces(node);
  }
}

/** @param {string} text */
function normalise(text) {
  return text.replace(/\r\n?/g, "\n").replace(/\0/g, "\ufffd").toWellFormed();
}

/**
 * Return the page's range for a stretch of the text, or null if no text node has a part of it.
 * @param {Read} read
 * @param {number} start
 * @param {number} end
 */
export function rangeOf(read, start, end) {
  const first = read.nodes.find((one) => one.end > start);
  const last = read.nodes.findLast((one) => one.start < end);
  if (!first || !last || first.start >= end) return null;
  const range = document.createRange();
  range.setStart(first.node, utf16Offset(first.node.data, start - first.start));
  range.setEnd(last.node, utf16Offset(last.node.data, end - last.start));
  return range;
}

/**
 * Return the UTF-16 offset after `points` code points of a node's data. CR LF counts as one.
 * @param {string} data
 * @param {number} points
 */
function utf16Offset(data, points) {
  let at = 0;
  for (let left = points; left > 0 && at < data.length; left -= 1) {
    at += data.startsWith("\r\n", at) ? 2 : String.fromCodePoint(data.codePointAt(at) ?? 0).length;
  }
  return at;
}

/**
 * Return the offset in the text of a boundary of a selection.
 * @param {Read} read
 * @param {Node} node
 * @param {number} offset
 */
export function offsetOf(read, node, offset) {
  const own = read.nodes.find((one) => one.node === node);
  if (own) return own.start + [...normalise(own.node.data.slice(0, offset))].length;
  const mark = document.createRange();
  mark.setStart(node, offset);
  let before = 0;
  for (const one of read.nodes) {
    if (mark.comparePoint(one.node, 0) >= 0) return one.start;
    before = one.end;
  }
  return before;
}
