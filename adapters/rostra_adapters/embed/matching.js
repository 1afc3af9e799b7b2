// Where a quote stands in a text: word for word, or with a few letters changed (`rostra.matching`).
// Texts are coded: one UTF-16 unit a code point, so that offsets are code points.

const GRAM_CHARACTERS = [6, 8];
const HITS_MAX = 60_000;
const COMMON_REACH_CHARACTERS = 10_000;

/** Gives each code point a unit of its own. */
export class Coding {
  constructor() {
    this.units = new Map();
  }

  /** @param {Iterable<string>} points */
  code(points) {
    let coded = "";
    for (const point of points) {
      let unit = this.units.get(point);
      if (unit === undefined) this.units.set(point, (unit = String.fromCharCode(this.units.size + 1)));
      coded += unit;
    }
    return coded;
  }
}

/** Where the pattern begins, the nearest first, those ahead before those behind. */
export function nearest(text, pattern, near) {
  const found = [];
  for (let at = text.indexOf(pattern); at >= 0; at = text.indexOf(pattern, at + 1)) found.push(at);
  const ahead = (start) => (start >= near ? 0 : 1);
  return found.sort((one, other) => Math.abs(one - near) - Math.abs(other - near) || ahead(one) - ahead(other));
}

/** The share of the expected letters that `actual` begins with, give or take errors; or 0. */
export function similarity(expected, actual, least) {
  if (!expected || actual.startsWith(expected)) return 1;
  const most = Math.floor(expected.length * (1 - least));
  const { errors, ends } = align(expected, actual.slice(0, expected.length + most), most, false);
  return ends.length ? 1 - errors / expected.length : 0;
}

/**
 * The fewest errors with which the pattern stands in the text: anywhere (`free`), or from its
 * beginning; and the last letters of such matches. None where it takes more than `most`.
 */
export function align(pattern, text, most, free) {
  const rows = pattern.length;
  let column = Array.from({ length: rows + 1 }, (_, row) => row);
  let errors = most;
  let ends = [];
  let reach = Math.min(rows, most + 1); // further down there are more errors than `most`
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    let diagonal = column[0];
    column[0] = free ? 0 : at + 1;
    let last = column[0] <= most ? 0 : -1;
    const deepest = Math.min(rows, reach + 1);
    for (let row = 1; row <= deepest; row += 1) {
      const left = row <= reach ? column[row] : most + 1;
      const kept = diagonal + (pattern.charCodeAt(row - 1) === unit ? 0 : 1);
      diagonal = left;
      column[row] = Math.min(kept, left + 1, column[row - 1] + 1);
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

/** The starts of matches with so many errors that end there. */
export function ending(text, pattern, end, errors) {
  const before = [...text.slice(Math.max(0, end - pattern.length - errors), end)].reverse().join("");
  const found = align([...pattern].reverse().join(""), before, errors, false);
  return found.ends.map((last) => ({ start: end - 1 - last, end, errors: found.errors }));
}

/** Where the pattern may stand with so many errors, and nowhere else: ascending [start, end]. */
export function regions(text, pattern, errorsMax, near) {
  const longest = Math.floor(pattern.length / (errorsMax + 1));
  const size = Math.max(...GRAM_CHARACTERS.filter((one) => one <= longest));
  const shifts = [];
  let pieces = 0;
  for (let at = 0; at + size <= pattern.length; at += size, pieces += 1) {
    const piece = pattern.slice(at, at + size);
    for (let place = text.indexOf(piece); place >= 0; place = text.indexOf(piece, place + 1)) {
      shifts.push(place - at);
      if (shifts.length > HITS_MAX) {
        const reach = COMMON_REACH_CHARACTERS + pattern.length;
        return [[Math.max(0, near - reach), Math.min(text.length, near + reach)]];
      }
    }
  }
  shifts.sort((one, other) => one - other);
  const made = [];
  for (let index = pieces - errorsMax - 1; index < shifts.length; index += 1) {
    const first = shifts[index - (pieces - errorsMax - 1)];
    if (shifts[index] - first > 2 * errorsMax) continue;
    const span = [shifts[index] - errorsMax, first + pattern.length + 2 * errorsMax];
    const former = made.at(-1);
    if (former && span[0] <= former[1]) former[1] = span[1];
    else made.push(span);
  }
  return made
    .map(([start, end]) => [Math.max(0, start), Math.min(end, text.length)])
    .filter(([start, end]) => start < end);
}
