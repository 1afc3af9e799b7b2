// Search for a quote in a text: word for word, or with a few letters changed
// (`rostra.anchoring.matching`). Texts are coded: each code point is one UTF-16 unit, so that
// offsets are code points.

import { bisectRight } from "./folding.js";

const GRAM_CHARACTERS = [6, 8];
const HITS_MAX = 60_000;
const COMMON_REACH_CHARACTERS = 10_000;
const COMMON_REACH_CHARACTERS_MIN = 2_000;

const WORD = /^[\p{L}\p{N}]$/u;

/** @typedef {{start: number, end: number, errors: number}} Match */
/** @typedef {[start: number, end: number]} Span */
/** @typedef {{at: number, places: number[]}} Piece of a pattern, and its places in a text */

/** Map of each distinct code point to a UTF-16 unit of its own. */
export class Coding {
  constructor() {
    /** @type {Map<string, string>} */
    this.units = new Map();
    /** @type {Set<string>} */
    this.words = new Set();
  }

  /** @param {string} unit */
  isWord(unit) {
    return this.words.has(unit);
  }

  /** @param {Iterable<string>} points */
  code(points) {
    let coded = "";
    for (const point of points) {
      let unit = this.units.get(point);
      if (unit === undefined) {
        this.units.set(point, (unit = String.fromCharCode(this.units.size + 1)));
        if (WORD.test(point)) this.words.add(unit);
      }
      coded += unit;
    }
    return coded;
  }
}

/**
 * Return each offset where the pattern begins, the nearest to `near` first. Of two equally near
 * offsets, the one after `near` is first.
 * @param {string} text
 * @param {string} pattern
 * @param {number} near
 */
export function nearest(text, pattern, near) {
  const found = [];
  for (let at = text.indexOf(pattern); at >= 0; at = text.indexOf(pattern, at + 1)) found.push(at);
  /** @param {number} start */
  const ahead = (start) => (start >= near ? 0 : 1);
  return found.sort((one, other) => Math.abs(one - near) - Math.abs(other - near) || ahead(one) - ahead(other));
}

/**
 * Return the share of expected letters that `actual` begins with, allowing for errors. Return 0 if
 * the share would be below `least`.
 * @param {string} expected
 * @param {string} actual
 * @param {number} least
 */
export function similarity(expected, actual, least) {
  if (!expected || actual.startsWith(expected)) return 1;
  const most = Math.floor(expected.length * (1 - least));
  const { errors, ends } = align(expected, actual.slice(0, expected.length + most), most, false);
  return ends.length ? 1 - errors / expected.length : 0;
}

/**
 * Return the fewest letters to insert, delete or replace that make one short text another.
 * @param {string} one
 * @param {string} other
 */
export function levenshtein(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let line = 1; line <= one.length; line += 1) {
    const above = row;
    row = [line];
    for (let at = 1; at <= other.length; at += 1) {
      const replaced = above[at - 1] + (one[line - 1] === other[at - 1] ? 0 : 1);
      row.push(Math.min(replaced, above[at] + 1, row[at - 1] + 1));
    }
  }
  return row[other.length];
}

/**
 * Return the fewest errors of a match of the pattern, and the offsets of such matches' last
 * letters. A match begins anywhere in the text if `free`, else at the text's beginning. There are
 * no offsets if every match has more than `most` errors.
 * @param {string} pattern
 * @param {string} text
 * @param {number} most
 * @param {boolean} free
 */
export function align(pattern, text, most, free) {
  const rows = pattern.length;
  const column = Array.from({ length: rows + 1 }, (_, row) => row);
  let errors = most;
  /** @type {number[]} */
  let ends = [];
  let reach = Math.min(rows, most + 1); // rows below have more errors than `most`
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    let diagonal = column[0];
    column[0] = free ? 0 : at + 1;
    let last = column[0] <= most ? 0 : -1;
    const deepest = Math.min(rows, reach + 1);
    for (let row = 1; row <= deepest; row += 1) {
      const left = row <= reach ? column[row] : most + 1;
      const diagonalErrors = diagonal + (pattern.charCodeAt(row - 1) === unit ? 0 : 1);
      diagonal = left;
      column[row] = Math.min(diagonalErrors, left + 1, column[row - 1] + 1);
      if (column[row] <= most) last = row;
    }
    reach = Math.max(last, 0);
    if (last < 0 && !free) break;
    if (deepest === rows && column[rows] <= errors) {
      if (column[rows] < errors) ends = [];
      errors = column[rows];
      ends.push(at);
    }
  }
  return { errors, ends };
}

/**
 * Return the matches with the fewest errors, at most `errors`, that end at `end`.
 * @param {string} text
 * @param {string} pattern
 * @param {number} end
 * @param {number} errors
 * @returns {Match[]}
 */
export function ending(text, pattern, end, errors) {
  const before = [...text.slice(Math.max(0, end - pattern.length - errors), end)].reverse().join("");
  const found = align([...pattern].reverse().join(""), before, errors, false);
  return found.ends.map((last) => ({ start: end - 1 - last, end, errors: found.errors }));
}

/**
 * Return the ascending regions outside which no match has at most `errorsMax` errors. If the
 * pattern's pieces are too common, return only the surroundings of `near`.
 * @param {string} text
 * @param {string} pattern
 * @param {number} errorsMax
 * @param {number} near
 * @returns {Span[]}
 */
export function regions(text, pattern, errorsMax, near) {
  const longest = Math.floor(pattern.length / (errorsMax + 1));
  const size = Math.max(...GRAM_CHARACTERS.filter((one) => one <= longest));
  let found = pieces(text, pattern, size);
  const spared = (found.length - errorsMax) >> 1;
  found = found.sort((one, other) => one.places.length - other.places.length).slice(0, found.length - spared);
  if (found.reduce((hits, { places }) => hits + places.length, 0) > HITS_MAX) {
    const reach = Math.max(COMMON_REACH_CHARACTERS - pattern.length, COMMON_REACH_CHARACTERS_MIN);
    return [[Math.max(0, near - reach), Math.min(text.length, near + pattern.length + reach)]];
  }
  if (errorsMax === 1) found = dropIsolated(text, pattern, found, size);
  const shifts = found.flatMap(({ at, places }) => places.map((place) => place - at));
  shifts.sort((one, other) => one - other);
  const before = found.length - errorsMax - 1;
  /** @type {Span[]} */
  const made = [];
  for (let index = before; index < shifts.length; index += 1) {
    const first = shifts[index - before];
    if (shifts[index] - first > 2 * errorsMax) continue;
    /** @type {Span} */
    const span = [shifts[index] - errorsMax, first + pattern.length + 2 * errorsMax];
    const former = made.at(-1);
    if (former && span[0] <= former[1]) former[1] = span[1];
    else made.push(span);
  }
  return made
    .map(([start, end]) => /** @type {Span} */ ([Math.max(0, start), Math.min(end, text.length)]))
    .filter(([start, end]) => start < end);
}

/**
 * Return the pieces of the pattern and their places, for each piece at most `HITS_MAX` + 1.
 * @param {string} text
 * @param {string} pattern
 * @param {number} size
 */
function pieces(text, pattern, size) {
  const found = [];
  for (let at = 0; at + size <= pattern.length; at += size) {
    const piece = pattern.slice(at, at + size);
    const places = [];
    for (
      let place = text.indexOf(piece);
      place >= 0 && places.length <= HITS_MAX;
      place = text.indexOf(piece, place + 1)
    ) {
      places.push(place);
    }
    found.push({ at, places });
  }
  return found;
}

/**
 * Return two pieces with only the places that have half of the other piece beside them. One error
 * spoils only one half.
 * @param {string} text
 * @param {string} pattern
 * @param {Piece[]} found
 * @param {number} size
 */
function dropIsolated(text, pattern, found, size) {
  const half = size >> 1;
  const [far, near] = [pattern.slice(0, half), pattern.slice(half, size)];
  const [after, later] = [pattern.slice(size, size + half), pattern.slice(size + half, 2 * size)];
  /** @param {number} place */
  const goesOn = (place) =>
    text.startsWith(after, place + size) || text.slice(place + size + half - 1, place + 2 * size + 1).includes(later);
  /** @param {number} place */
  const began = (place) =>
    (place >= near.length && text.startsWith(near, place - near.length)) ||
    text.slice(Math.max(place - size - 1, 0), Math.max(place - size + half + 1, 0)).includes(far);
  return found.map(({ at, places }) => ({ at, places: places.filter(at ? began : goesOn) }));
}

/**
 * Return the regions without the matches that end at `ends`. Other matches may begin beside them.
 * @param {Span[]} left
 * @param {number[]} ends
 * @param {number} letters
 * @param {number} errorsMax
 */
export function without(left, ends, letters, errorsMax) {
  /** @type {Span[]} */
  const remaining = [];
  for (const [start, end] of left) {
    let begin = start;
    for (const found of ends.slice(bisectRight(ends, start), bisectRight(ends, end))) {
      remaining.push([begin, found - letters + errorsMax]);
      begin = found - errorsMax;
    }
    remaining.push([begin, end]);
  }
  return remaining.filter(([start, end]) => end - start >= letters - errorsMax);
}
