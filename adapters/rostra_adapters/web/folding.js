// Compared form of texts. `rostra.anchoring.normalise` describes the form and computes it in the
// service. Offsets are code points.

const SPACES = "\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const OTHER_SPACES = SPACES.replace("- ", "-\\x1f");
const INVISIBLE =
  "\\u00ad\\u061c\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\ufe00-\\ufe0f\\ufeff" +
  "\\u{e0100}-\\u{e01ef}";
const IDEOGRAPHIC = "\\u3005-\\u3007\\u3040-\\u30ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}";
const LATIN = "0-9A-Za-z\\u00c0-\\u024f\\ufb00-\\ufb06\\uff10-\\uff19\\uff21-\\uff3a\\uff41-\\uff5a";
const QUOTES = "\\u0060\\u00b4\\u02bc\\u2018-\\u201f\\u2032\\u2033\\uff02\\uff07";
const DOUBLE_QUOTES = new Set("\u201c\u201d\u201e\u201f\u2033\uff02");
const DASHES = "\\u2010-\\u2015\\u2212\\ufe58\\ufe63\\uff0d";
const COMPATIBLE =
  "\\u00aa-\\u00be\\u0132-\\u0149\\u017f\\u01c4-\\u01cc\\u01f1-\\u01f3\\u02b0-\\u02b8" +
  "\\u02e0-\\u02e4\\u03d0-\\u03d6\\u03f0-\\u03f9\\u0587\\u0675-\\u0678\\u0e33\\u0eb3" +
  "\\u0edc-\\u0edd\\u0f0c\\u0f77-\\u0f79\\u10fc\\u1d2c-\\u1d78\\u1d9b-\\u1dbf" +
  "\\u1e9a-\\u1e9b\\u2024-\\u2057\\u2070-\\u20a8\\u2100-\\u2189\\u222c-\\u2230" +
  "\\u2460-\\u24ea\\u2a0c\\u2a74-\\u2a76\\u2c7c-\\u2c7d\\u2d6f\\u2e9f\\u2ef3-\\u2fd5" +
  "\\u3036-\\u303a\\u309f\\u30ff\\u3131-\\u319f\\u3200-\\u33ff\\ua69c-\\ua69d\\ua770" +
  "\\ua7f2-\\ua7f9\\uab5c-\\uab69\\ufb00-\\ufb29\\ufb4f-\\ufbb1\\ufbd3-\\ufd3d" +
  "\\ufd50-\\ufdc7\\ufdf0-\\ufdfc\\ufe10-\\ufe19\\ufe30-\\uffee\\u{10781}-\\u{107ba}" +
  "\\u{1d400}-\\u{1d7ff}\\u{1ee00}-\\u{1eebb}\\u{1f100}-\\u{1f14f}\\u{1f16a}-\\u{1f16c}" +
  "\\u{1f190}\\u{1f200}-\\u{1f251}\\u{1fbf0}-\\u{1fbf9}";
const COMPOSING =
  "\\u0300-\\u036f\\u0653-\\u0655\\u093c\\u09be\\u09d7\\u0b3e\\u0b56\\u0b57\\u0bbe\\u0bd7\\u0c56\\u0cc2\\u0cd5" +
  "\\u0cd6\\u0d3e\\u0d57\\u0dca\\u0dcf\\u0ddf\\u102e\\u1ab0-\\u1aff\\u1b35\\u1dc0-\\u1dff" +
  "\\u20d0-\\u20ff\\u3099\\u309a\\ufe20-\\ufe2f";
const HANGUL_PARTS = "\\u1100-\\u11ff";
const MARKS_IN_A_ROW_MAX = 30;
const LETTERS = `[^${SPACES}](?:[${HANGUL_PARTS}]+|[${COMPOSING}]{1,${MARKS_IN_A_ROW_MAX}})`;
const BLANK =
  `[${SPACES}${INVISIBLE}]{2,}|[${OTHER_SPACES}]|[${INVISIBLE}]` + `| (?=[${IDEOGRAPHIC}])| (?<=[${IDEOGRAPHIC}] )`;
const TYPOGRAPHY = `(?<quote>[${QUOTES}])|(?<dash>[-${DASHES}]{2,}|[${DASHES}])`;
const FOLDS = new RegExp(`${BLANK}|${TYPOGRAPHY}|(?<letters>[${COMPATIBLE}])`, "gu");
const FOLDS_DECOMPOSED = new RegExp(`${BLANK}|${TYPOGRAPHY}|(?<letters>${LETTERS}|[${COMPATIBLE}])`, "gu");
const HAS_SPACE = new RegExp(`[${SPACES}]`, "u");
const ENDS_IDEOGRAPHIC = new RegExp(`[${IDEOGRAPHIC}]$`, "u");
const ENDS_LATIN = new RegExp(`[${LATIN}]$`, "u");
const BEGINS_IDEOGRAPHIC = new RegExp(`^[${IDEOGRAPHIC}]`, "u");
const BEGINS_LATIN = new RegExp(`^[${LATIN}]`, "u");
export const SPACE = new RegExp(`^[${SPACES}]$`, "u");

/** @param {RegExpExecArray | RegExpMatchArray} found */
function fold(found) {
  const { quote, dash, letters } = found.groups ?? {};
  if (dash) return "-";
  if (quote) return DOUBLE_QUOTES.has(quote) ? '"' : "'";
  if (letters) {
    const folded = letters.normalize("NFKC");
    return folded.startsWith(" ") ? letters : folded.replace(/[\u2018\u2019]/gu, "'").replace(/[\u2010\u2212]/gu, "-");
  }
  return HAS_SPACE.test(found[0]) && !isJoint(found) ? " " : "";
}

/**
 * Return whether a blank separates an ideograph from a Latin letter. Some editors add such blanks.
 * @param {RegExpExecArray | RegExpMatchArray} found
 */
function isJoint(found) {
  const text = /** @type {string} */ (found.input);
  const start = /** @type {number} */ (found.index);
  const before = text.slice(Math.max(0, start - 2), start);
  const after = text.slice(start + found[0].length, start + found[0].length + 2);
  return (
    (ENDS_IDEOGRAPHIC.test(before) && BEGINS_LATIN.test(after)) ||
    (ENDS_LATIN.test(before) && BEGINS_IDEOGRAPHIC.test(after))
  );
}

/** Compared form of a text (`points`), with a map between its offsets and the original's. */
export class Folded {
  /** @param {string} original */
  constructor(original) {
    this.folded = [0];
    this.original = [0];
    this.keys = [0];
    /** @type {string[]} */
    this.points = [];
    let done = 0; // in UTF-16 code units
    let before = 0; // in code points
    const composed = original.normalize("NFC") === original;
    for (const found of original.matchAll(composed ? FOLDS : FOLDS_DECOMPOSED)) {
      const plain = [...original.slice(done, found.index)];
      const folded = [...fold(found)];
      for (const point of plain) this.points.push(point);
      this.points.push(...folded);
      const length = [...found[0]].length;
      before += plain.length + length;
      done = found.index + found[0].length;
      if (folded.length !== length) {
        this.folded.push(this.points.length);
        this.original.push(before);
        this.keys.push(2 * this.points.length + (folded.length ? 0 : 1));
      }
    }
    for (const point of original.slice(done)) this.points.push(point);
  }

  get text() {
    return this.points.join("");
  }

  /**
   * Return the range of the original for a range of the compared form.
   * @param {number} start
   * @param {number} end
   * @returns {[number, number]}
   */
  originalRange(start, end) {
    const first = bisectRight(this.keys, 2 * start + 1) - 1;
    const last = Math.max(first, bisectRight(this.keys, 2 * end) - 1);
    return [this.originalOffset(first, start), this.originalOffset(last, end)];
  }

  /**
   * Return the offset in the original. Inside a letter that became several, return its end.
   * @param {number} index
   * @param {number} offset
   */
  originalOffset(index, offset) {
    const original = this.original[index] + offset - this.folded[index];
    return Math.min(original, this.original[index + 1] ?? original);
  }

  /**
   * Return the offset in the compared form for an offset in the original.
   * @param {number} offset
   */
  foldedOffset(offset) {
    const index = bisectRight(this.original, offset) - 1;
    const folded = this.folded[index] + offset - this.original[index];
    return Math.min(folded, this.folded[index + 1] ?? this.points.length);
  }
}

/**
 * Return how many of the ascending numbers are at most `value`.
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
