// How texts are compared: as the service does it (`rostra.folding`). Offsets are code points.

const SPACES = "\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const OTHER_SPACES = SPACES.replace("- ", "-\\x1f");
const INVISIBLE = "\\u00ad\\u200b\\u2060\\ufeff";
const COMPOSING =
  "\\u0300-\\u036f\\u0653-\\u0655\\u093c\\u09be\\u09d7\\u0b3e\\u0b56\\u0b57\\u0bbe\\u0bd7\\u0c56\\u0cc2\\u0cd5" +
  "\\u0cd6\\u0d3e\\u0d57\\u0dca\\u0dcf\\u0ddf\\u102e\\u1100-\\u11ff\\u1ab0-\\u1aff\\u1b35\\u1dc0-\\u1dff" +
  "\\u20d0-\\u20ff\\u3099\\u309a\\ufe20-\\ufe2f";
const BLANK = `[${SPACES}${INVISIBLE}]{2,}|[${OTHER_SPACES}]|[${INVISIBLE}]`;
const FOLDS = new RegExp(BLANK, "gu");
const FOLDS_DECOMPOSED = new RegExp(`${BLANK}|(?<letters>[^${SPACES}][${COMPOSING}]+)`, "gu");
const HAS_SPACE = new RegExp(`[${SPACES}]`, "u");
export const SPACE = new RegExp(`^[${SPACES}]$`, "u");

/** A text in its compared form (`points`), and the way between the offsets of the two. */
export class Folded {
  /** @param {string} original */
  constructor(original) {
    this.folded = [0];
    this.original = [0];
    this.keys = [0];
    /** @type {string[]} */
    this.points = [];
    let done = 0; // UTF-16
    let before = 0; // code points
    const composed = original.normalize("NFC") === original;
    for (const found of original.matchAll(composed ? FOLDS : FOLDS_DECOMPOSED)) {
      const plain = [...original.slice(done, found.index)];
      const fold = [...(found.groups?.letters ? found[0].normalize("NFC") : HAS_SPACE.test(found[0]) ? " " : "")];
      for (const point of plain) this.points.push(point);
      this.points.push(...fold);
      const length = [...found[0]].length;
      before += plain.length + length;
      done = found.index + found[0].length;
      if (fold.length !== length) {
        this.folded.push(this.points.length);
        this.original.push(before);
        this.keys.push(2 * this.points.length + (fold.length ? 0 : 1));
      }
    }
    for (const point of original.slice(done)) this.points.push(point);
  }

  get text() {
    return this.points.join("");
  }

  /**
   * Where a stretch of the compared form stands in the original.
   * @param {number} start
   * @param {number} end
   * @returns {[number, number]}
   */
  originalRange(start, end) {
    const first = bisectRight(this.keys, 2 * start + 1) - 1;
    const last = Math.max(first, bisectRight(this.keys, 2 * end) - 1);
    return [this.original[first] + start - this.folded[first], this.original[last] + end - this.folded[last]];
  }

  /**
   * Where an offset of the original stands in the compared form.
   * @param {number} offset
   */
  foldedOffset(offset) {
    const index = bisectRight(this.original, offset) - 1;
    const folded = this.folded[index] + offset - this.original[index];
    return Math.min(folded, this.folded[index + 1] ?? this.points.length);
  }
}

/**
 * How many of the ascending numbers are at most `value`.
 * @param {number[]} numbers
 * @param {number} value
 */
export function bisectRight(numbers, value) {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
