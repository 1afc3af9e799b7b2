// Highlighted words of an article. All discussions of a page share the page's highlights.

import marks from "./marks.css" with { type: "css" };

const NAMES = ["rostra-passage", "rostra-open"];

export class Marks {
  constructor() {
    /** @type {Range[]} */
    this.ranges = [];
    /** @type {Range | null} */
    this.pointed = null;
    if (!document.adoptedStyleSheets.includes(marks)) document.adoptedStyleSheets.push(marks);
  }

  /** @param {Range[]} ranges */
  show(ranges) {
    replace(NAMES[0], this.ranges, ranges);
    this.ranges = ranges;
  }

  /**
   * Highlight the words of the open passage; null removes this highlight.
   * @param {Range | null} range
   */
  point(range) {
    replace(NAMES[1], this.pointed ? [this.pointed] : [], range ? [range] : []);
    this.pointed = range;
  }

  clear() {
    this.show([]);
    this.point(null);
  }
}

/** @param {string} name @param {Range[]} before @param {Range[]} now */
function replace(name, before, now) {
  if (!CSS.highlights) return; // an older browser shows only the badges
  const shared = CSS.highlights.get(name) ?? new Highlight();
  if (!CSS.highlights.has(name)) {
    shared.priority = NAMES.indexOf(name);
    CSS.highlights.set(name, shared);
  }
  for (const range of before) shared.delete(range);
  for (const range of now) shared.add(range);
}
