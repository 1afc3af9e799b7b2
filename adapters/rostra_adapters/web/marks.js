// Highlighted words. All discussions of a page share the highlights, which are the page's own.

const NAMES = ["rostra-passage", "rostra-open"];

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
::highlight(rostra-passage) { background-color: var(--rostra-highlight, rgb(240 190 90 / .35)); }
::highlight(rostra-open) { background-color: var(--rostra-highlight-open, rgb(240 170 50 / .6)); }
@media (forced-colors: active) {
  ::highlight(rostra-passage) { background-color: Mark; color: MarkText; }
  ::highlight(rostra-open) { background-color: Highlight; color: HighlightText; }
}
`);

export class Marks {
  constructor() {
    this.ranges = [];
    this.pointed = null;
    if (!document.adoptedStyleSheets.includes(sheet)) document.adoptedStyleSheets.push(sheet);
  }

  show(ranges) {
    replace(NAMES[0], this.ranges, ranges);
    this.ranges = ranges;
  }

  /** The words of the passage that is open; null where none is. */
  point(range) {
    replace(NAMES[1], this.pointed ? [this.pointed] : [], range ? [range] : []);
    this.pointed = range;
  }

  clear() {
    this.show([]);
    this.point(null);
  }
}

function replace(name, before, now) {
  if (!CSS.highlights) return; // an older browser has the badges
  if (!CSS.highlights.has(name)) {
    const made = new Highlight();
    made.priority = NAMES.indexOf(name);
    CSS.highlights.set(name, made);
  }
  const shared = CSS.highlights.get(name);
  for (const range of before) shared.delete(range);
  for (const range of now) shared.add(range);
}
