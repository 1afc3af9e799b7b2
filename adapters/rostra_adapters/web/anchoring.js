// Search for a passage's words in the article on the page. The rules are the service's own, and
// `rostra.anchoring.search` explains them. Offsets are code points.

import { Folded, SPACE } from "./folding.js";
import { Coding, align, ending, levenshtein, nearest, regions, similarity, without } from "./matching.js";

const CHARACTERS_PER_ERROR = 10;
const APPROXIMATE_CHARACTERS_MIN = 12;
const SCORE_MIN = 0.495;
const SHORT_CHARACTERS_MAX = 32;
const SHORT_CHANGED_SHARE_MAX = 0.5;
const CONTEXT_MIN = 0.5;
const CONTEXT_MIN_CHANGED = 0.75;
const QUOTE_WEIGHT_MAX = 32;
const CONTEXT_WEIGHT_MAX = 16;
const CONTEXT_WEIGHT = 0.5;
const NEARNESS_WEIGHT = 0.1;
const CONTEXT_CHARACTERS = 32;
const WORD_CHARACTERS_MAX = 50;
const CONTEXT_COMPARED_CHARACTERS_MAX = 96;
const CONTEXT_ORIGINAL_CHARACTERS_MAX = 450;
const CANDIDATES_MAX = 64;
const SIDE_CHARACTERS = 8;
const ROUNDS_MAX = 8;
const BORDER = "\x02".repeat(CONTEXT_CHARACTERS);

/** @typedef {import("./contract.js").Quote} Quote */
/** @typedef {{start: number, prefix?: string | null, suffix?: string | null}} LastPlace */
/** @typedef {import("./matching.js").Match} Match */
/** @typedef {{score: number, sameSides: number, distance: number, start: number, end: number}} Scored */
/** @typedef {[prefix: string, suffix: string]} Context */

/**
 * Return the words of a stretch, with context on both sides up to the next border of a word.
 * @param {string[]} points
 * @param {number} start
 * @param {number} end
 * @returns {Quote}
 */
export function describe(points, start, end) {
  const reach = CONTEXT_ORIGINAL_CHARACTERS_MAX;
  const before = points.slice(Math.max(0, start - reach), start);
  const after = points.slice(end, end + reach);
  const far = contextEnd([...before].reverse());
  return {
    exact: points.slice(start, end).join(""),
    prefix: before.slice(before.length - far).join(""),
    suffix: after.slice(0, contextEnd(after)).join(""),
  };
}

/** @param {string[]} points */
function contextEnd(points) {
  const folded = new Folded(points.join(""));
  const [, end] = folded.originalRange(0, Math.min(CONTEXT_CHARACTERS, folded.points.length));
  const word = points.slice(end, end + WORD_CHARACTERS_MAX);
  const space = word.findIndex((point) => SPACE.test(point));
  return end + (space < 0 ? word.length : space);
}

/** Text of an article, prepared once for the searches of all its passages. */
export class Article {
  /** @param {string[]} points */
  constructor(points) {
    this.original = points;
    this.folded = new Folded(points.join(""));
    this.coding = new Coding();
    this.text = this.coding.code([...BORDER, ...this.folded.points, ...BORDER]);
  }

  /** @param {Iterable<string>} text */
  code(text) {
    return this.coding.code(text);
  }

  /** @param {number} original */
  offset(original) {
    return this.folded.foldedOffset(original) + BORDER.length;
  }

  /** @param {number} start @param {number} end */
  range(start, end) {
    const [first, last] = [start, end].map((offset) =>
      Math.min(Math.max(offset - BORDER.length, 0), this.folded.points.length),
    );
    return this.folded.originalRange(first, last);
  }

  /**
   * Return the quote's place in this text, or null if the quote is not there.
   * @param {Quote} quote
   * @param {LastPlace} [last] the quote's last known place
   */
  anchor(quote, last) {
    return new Search(this, quote, last).outcome();
  }
}

/**
 * Return the quote's place in a text, or null. For several quotes, one `Article` costs less.
 * @param {string[]} points
 * @param {Quote} quote
 * @param {LastPlace} [last]
 */
export function anchor(points, quote, last) {
  return new Article(points).anchor(quote, last);
}

class Search {
  /** @param {Article} article @param {Quote} quote @param {LastPlace} [last] */
  constructor(article, quote, last) {
    this.article = article;
    this.text = article.text;
    this.quote = quote;
    this.last = last;
    const folded = new Folded(quote.exact);
    const exact = folded.text;
    this.withinQuote = folded.originalRange(0, folded.points.length);
    this.exact = article.code(exact);
    this.space = article.code(" ");
    this.border = article.code("\x02");
    this.contexts = contexts(exact, quote, last).map(
      ([prefix, suffix]) => /** @type {Context} */ ([article.code(prefix), article.code(suffix)]),
    );
    this.near = this.lastOffset();
    const letters = this.exact.length;
    this.errorsMax = letters >= APPROXIMATE_CHARACTERS_MIN ? Math.floor(letters / CHARACTERS_PER_ERROR) : 0;
  }

  lastOffset() {
    if (!this.last) return 0;
    const offset = this.article.offset(this.last.start);
    // The place is inside a run of white space, which folding made the one space before the place.
    const inside = this.exact.startsWith(this.space) && !this.text.startsWith(this.space, offset);
    return inside ? offset - 1 : offset;
  }

  outcome() {
    let best = this.wordForWord();
    if (this.errorsMax && (!best || best.score < SCORE_MIN)) best = this.withErrors(best);
    if (!best || best.score < SCORE_MIN) best = this.betweenContexts(best);
    if (!best || best.score < SCORE_MIN) return null;
    const [start, end] = this.original(best);
    return { start, end, score: best.score, exact: this.text.slice(best.start, best.end) === this.exact };
  }

  /**
   * Return the range in the original, including characters that folding dropped at its ends.
   * @param {Scored} best
   */
  original(best) {
    const exact = [...this.quote.exact];
    const there = this.last && this.article.original.slice(this.last.start, this.last.start + exact.length).join("");
    if (this.last && best.start === this.near && there === this.quote.exact) {
      return [this.last.start, this.last.start + exact.length];
    }
    const [start, end] = this.article.range(best.start, best.end);
    const [first, after] = this.withinQuote;
    const whole = [Math.max(start - first, 0), end + exact.length - after];
    return this.article.original.slice(...whole).join("") === this.quote.exact ? whole : [start, end];
  }

  wordForWord() {
    if (!this.exact) return null;
    const [first] = this.within("", "");
    if (!first) return null;
    const inContext = this.contexts
      .map((sides) => this.findInContext(sides, first))
      .filter((match) => match !== undefined);
    return this.best(inContext.length ? inContext : this.places());
  }

  /**
   * Return the matches of the exact quote between `prefix` and `suffix`, the nearest first.
   * @param {string} prefix
   * @param {string} suffix
   * @returns {Match[]}
   */
  within(prefix, suffix) {
    return nearest(this.text, prefix + this.exact + suffix, this.near - prefix.length).map((place) => {
      const start = place + prefix.length;
      return { start, end: start + this.exact.length, errors: 0 };
    });
  }

  /**
   * Return the best place between unchanged contexts of a short quote, unless `best` is better.
   * @param {Scored | null} best
   */
  betweenContexts(best) {
    if (!this.exact || this.exact.length > SHORT_CHARACTERS_MAX) return best;
    return better(best, this.best(this.contexts.flatMap((context) => this.between(context))));
  }

  /**
   * Return the stretches between unchanged letters of the context, the nearest ones on each side.
   * @param {Context} context
   * @returns {Match[]}
   */
  between(context) {
    const prefix = context[0].slice(-CONTEXT_CHARACTERS);
    const suffix = context[1].slice(0, CONTEXT_CHARACTERS);
    const isWhole = [prefix, suffix].every((side) => side.length === CONTEXT_CHARACTERS && !side.includes(this.border));
    if (!isWhole) return [];
    const most = Math.floor(this.exact.length * SHORT_CHANGED_SHARE_MAX);
    /** @type {Match[]} */
    const matches = [];
    for (const place of nearest(this.text, prefix, this.near - prefix.length).slice(0, CANDIDATES_MAX)) {
      const start = place + prefix.length;
      const reach = this.text.slice(0, start + this.exact.length + most + suffix.length);
      const end = reach.indexOf(suffix, start + 1);
      if (end < 0) continue;
      const errors = levenshtein(this.exact, this.text.slice(start, end));
      if (errors <= most) matches.push({ start, end, errors });
    }
    return matches;
  }

  /** @param {Context} context @param {Match} first @returns {Match | undefined} */
  findInContext([prefix, suffix], first) {
    if (!this.last) {
      const found = this.within(prefix, suffix).slice(0, CANDIDATES_MAX);
      const most = Math.max(...found.map((match) => this.sameSides(match)));
      return found.find((match) => this.sameSides(match) === most);
    }
    const whole = this.text.slice(0, first.start).endsWith(prefix) && this.text.startsWith(suffix, first.end);
    return whole ? first : this.within(prefix, suffix)[0];
  }

  /**
   * Return the nearest places of the exact quote. For a common quote, add places with part of the
   * context on one side.
   */
  places() {
    const places = this.within("", "").slice(0, CANDIDATES_MAX);
    if (places.length < CANDIDATES_MAX) return places;
    for (const [prefix, suffix] of this.contexts) {
      places.push(...this.within(prefix.slice(-SIDE_CHARACTERS), "").slice(0, CANDIDATES_MAX));
      places.push(...this.within("", suffix.slice(0, SIDE_CHARACTERS)).slice(0, CANDIDATES_MAX));
    }
    return places;
  }

  /**
   * Return the better of `best` and the best match with a few letters changed. The search begins
   * with the fewest errors and ends when more errors cannot win.
   * @param {Scored | null} best
   */
  withErrors(best) {
    let left = regions(this.text, this.exact, this.errorsMax, this.near);
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const { errors, ends, apart } = this.fewestErrors(left);
      if (!ends.length) break;
      best = better(best, this.best(this.matches(ends, errors)));
      if (best && best.score >= this.scoreMax(errors + 1)) break;
      left = without(left, apart, this.exact.length, this.errorsMax);
    }
    return best;
  }

  /** @param {[number, number][]} left */
  fewestErrors(left) {
    let errors = this.errorsMax;
    /** @type {number[]} */
    let ends = [];
    for (const [start, end] of left) {
      const found = align(this.exact, this.text.slice(start, end), errors, true);
      if (!found.ends.length) continue;
      if (found.errors < errors) ends = [];
      errors = found.errors;
      for (const last of found.ends) ends.push(start + last + 1);
    }
    /** @type {number[]} */
    const apart = [];
    for (const end of ends) {
      const before = apart.at(-1);
      if (before === undefined || end - before >= this.exact.length >> 1) apart.push(end);
    }
    if (ends.length > CANDIDATES_MAX) {
      const middle = ends.findIndex((end) => end >= this.near + this.exact.length);
      const from = Math.max(0, (middle < 0 ? ends.length : middle) - CANDIDATES_MAX / 2);
      ends = ends.slice(from, from + CANDIDATES_MAX);
    }
    return { errors, ends, apart };
  }

  /**
   * Return matches with at most `errors` errors that end at one of `ends`, the nearest first.
   * @param {number[]} ends
   * @param {number} errors
   */
  matches(ends, errors) {
    /** @param {number} end */
    const far = (end) => Math.abs(end - this.exact.length - this.near);
    /** @type {Match[]} */
    const matches = [];
    for (const end of ends.sort((one, other) => far(one) - far(other))) {
      const found = ending(this.text, this.exact, end, errors);
      matches.push(...found.filter((match) => match.errors <= this.errorsMax));
      if (matches.length >= CANDIDATES_MAX) break;
    }
    return matches.slice(0, CANDIDATES_MAX);
  }

  /** @param {Match[]} matches */
  best(matches) {
    return matches.map((match) => this.scoreMatch(match)).reduce(better, null);
  }

  /** @param {Match} match @returns {Scored} */
  scoreMatch(match) {
    const distance = this.last ? Math.abs(match.start - this.near) : 0;
    const near = 1 - distance / this.text.length;
    const least = match.errors ? CONTEXT_MIN_CHANGED : CONTEXT_MIN;
    const scores = this.contexts.map(([prefix, suffix]) =>
      this.score(
        prefix,
        suffix,
        match.errors,
        this.prefixSimilarity(prefix, match.start, least),
        this.suffixSimilarity(suffix, match.end, least),
        near,
      ),
    );
    return {
      score: Math.max(...scores),
      sameSides: this.sameSides(match),
      distance,
      start: match.start,
      end: match.end,
    };
  }

  /**
   * Count the sides whose context equals the mark's own, white space included.
   * @param {Match} match
   */
  sameSides(match) {
    const [start, end] = this.article.range(match.start, match.end);
    const before = [...(this.quote.prefix ?? "")];
    const after = [...(this.quote.suffix ?? "")];
    const text = this.article.original;
    const isBefore = start >= before.length && before.every((point, at) => text[start - before.length + at] === point);
    const isAfter = after.every((point, at) => text[end + at] === point);
    return Number(isBefore) + Number(isAfter);
  }

  /** @param {string} prefix @param {number} start @param {number} least */
  prefixSimilarity(prefix, start, least) {
    const text = this.text.slice(Math.max(0, start - 2 * prefix.length), start);
    if (text.endsWith(prefix)) return 1;
    if (this.goesOn(prefix.at(-1), this.text.slice(start - 1, start + 1))) return 0;
    return similarity([...prefix].reverse().join(""), [...text].reverse().join(""), least);
  }

  /** @param {string} suffix @param {number} end @param {number} least */
  suffixSimilarity(suffix, end, least) {
    if (this.goesOn(suffix[0], this.text.slice(end - 1, end + 1))) return 0;
    return similarity(suffix, this.text.slice(end, end + 2 * suffix.length), least);
  }

  /**
   * Return whether a word crosses the border although none crossed it beside `outside`. `border` is
   * the letter before the border and the letter after it.
   * @param {string | undefined} outside
   * @param {string} border
   */
  goesOn(outside, border) {
    /** @param {string} unit */
    const isWord = (unit) => this.article.coding.isWord(unit);
    return outside !== undefined && !isWord(outside) && [...border].every(isWord);
  }

  /** @param {number} errors */
  scoreMax(errors) {
    return Math.max(...this.contexts.map(([prefix, suffix]) => this.score(prefix, suffix, errors, 1, 1, 1)));
  }

  /**
   * @param {string} prefix
   * @param {string} suffix
   * @param {number} errors
   * @param {number} before similarity of the text before the match
   * @param {number} after similarity of the text after the match
   * @param {number} near
   */
  score(prefix, suffix, errors, before, after, near) {
    const quote = 1 - errors / this.exact.length;
    const quoteWeight = Math.min(this.exact.length, QUOTE_WEIGHT_MAX);
    const [prefixWeight, suffixWeight] = [weight(prefix), weight(suffix)];
    const nearWeight = this.last ? NEARNESS_WEIGHT : 0;
    return (
      (quoteWeight * quote + prefixWeight * before + suffixWeight * after + nearWeight * near) /
      (quoteWeight + prefixWeight + suffixWeight + nearWeight)
    );
  }
}

/**
 * Return the candidate with the higher score. Of equal scores, more `sameSides` win, then the
 * nearest, the first and the longest candidate.
 * @param {Scored | null} one
 * @param {Scored | null} other
 */
function better(one, other) {
  if (!one || !other) return one ?? other;
  const order =
    other.score - one.score ||
    other.sameSides - one.sameSides ||
    one.distance - other.distance ||
    one.start - other.start ||
    other.end - one.end;
  return order > 0 ? other : one;
}

/** @param {string} context */
function weight(context) {
  return Math.min(CONTEXT_WEIGHT * context.length, CONTEXT_WEIGHT_MAX);
}

/**
 * Return the known contexts: of the mark, and of the last place. Return one empty context if
 * neither is known.
 * @param {string} exact
 * @param {Quote} quote
 * @param {LastPlace} [last]
 * @returns {Context[]}
 */
function contexts(exact, quote, last) {
  const known = [contextOf(exact, new Folded(quote.prefix ?? "").points, new Folded(quote.suffix ?? "").points)];
  if (typeof last?.prefix === "string" && typeof last.suffix === "string") {
    const prefix = new Folded(last.prefix).points;
    const suffix = new Folded(last.suffix).points;
    // A short context means that the text began or ended there.
    known.push(
      contextOf(exact, [...BORDER.slice(prefix.length), ...prefix], [...suffix, ...BORDER.slice(suffix.length)]),
    );
  }
  const made = known.filter(([prefix, suffix]) => prefix || suffix);
  return made.length ? made : [["", ""]];
}

/**
 * Return the context without the space that the quote itself has at that border. Folding both
 * together would leave one space there.
 * @param {string} exact
 * @param {string[]} prefix
 * @param {string[]} suffix
 * @returns {Context}
 */
function contextOf(exact, prefix, suffix) {
  if (exact.startsWith(" ") && prefix.at(-1) === " ") prefix = prefix.slice(0, -1);
  if (exact.endsWith(" ") && suffix[0] === " ") suffix = suffix.slice(1);
  const most = CONTEXT_COMPARED_CHARACTERS_MAX;
  return [prefix.slice(-most).join(""), suffix.slice(0, most).join("")];
}
