// Button "Comment on this" for words of the article that a reader selects by mouse, touch or
// keyboard. After a selection by keyboard, the Tab key focuses the button. The button is offered
// only if the service has the article's text.

import { describe } from "./anchoring.js";
import { el } from "./markup.js";
import { offsetOf, textOf } from "./text.js";

const QUOTE_MAX = 1_000;
const SETTLED_MS = 400;
const BELOW_PX = 8;
const EDGE_PX = 8;

export class Pick {
  /** @type {Range | null} */
  range = null;
  /** @type {number | undefined} */
  timer = undefined;
  shown = false;
  /** True while the pointer is down on the button. */
  held = false;
  /** True if the selection is made by keyboard. */
  byKey = false;

  /** @param {import("./passages.js").Passages} passages */
  constructor(passages) {
    this.passages = passages;
    const { owner, life } = passages;
    const hold = (/** @type {Event} */ event) => {
      event.preventDefault(); // else the selection is lost
      this.held = true;
    };
    this.node = el("button", {
      type: "button",
      class: "pick primary",
      popover: "manual",
      text: owner.t("on_this"),
      onpointerdown: hold,
      onclick: () => this.openSelection(),
      onpointercancel: () => (this.held = false),
    });
    owner.root.append(this.node);
    const { signal } = life;
    document.addEventListener("selectionchange", () => this.onSelectionChange(), { signal });
    document.addEventListener("keydown", (event) => this.onKeydown(event), { signal });
    // Runs before the button's own listener. The press before may have ended beside the button.
    const press = () => ([this.byKey, this.held] = [false, false]);
    document.addEventListener("pointerdown", press, { signal, capture: true });
    document.addEventListener("scroll", () => this.shown && this.place(), { signal, capture: true, passive: true });
    window.addEventListener("resize", () => this.shown && this.place(), { signal });
  }

  onSelectionChange() {
    if (this.held || this.passages.owner.focused === this.node) return;
    const selection = document.getSelection();
    const range = selection?.rangeCount ? selection.getRangeAt(0) : null;
    const { article, owner } = this.passages;
    const within = article && range && clip(range, article);
    if (!within?.toString().trim() || !owner.writable || !owner.rules.may_mark) return this.hide();
    this.range = within;
    if (!this.shown) this.node.showPopover();
    this.shown = true;
    this.place();
    clearTimeout(this.timer);
    if (this.byKey)
      this.timer = setTimeout(() => owner.say(owner.t("press_tab", { action: owner.t("on_this") })), SETTLED_MS);
  }

  hide() {
    clearTimeout(this.timer);
    if (this.shown) this.node.hidePopover();
    this.shown = false;
  }

  place() {
    const words = this.range?.getBoundingClientRect();
    if (!words) return;
    const { offsetWidth, offsetHeight } = this.node;
    const top = Math.min(innerHeight - offsetHeight - EDGE_PX, Math.max(EDGE_PX, words.bottom + BELOW_PX));
    const left = Math.min(innerWidth - offsetWidth - EDGE_PX, Math.max(EDGE_PX, words.left));
    this.node.style.top = `${top}px`;
    this.node.style.left = `${left}px`;
  }

  /** @param {KeyboardEvent} event */
  onKeydown(event) {
    [this.byKey, this.held] = [true, false];
    if (!this.shown) return;
    const own = event.target === this.passages.owner.host;
    if (event.key === "Tab" && !event.shiftKey && !own) {
      event.preventDefault();
      this.node.focus();
    } else if (event.key === "Escape") this.hide();
  }

  openSelection() {
    this.held = false;
    const { passages, range } = this;
    this.hide();
    const quote = passages.article && range && quoteOf(passages.article, range);
    if (!quote) return;
    document.getSelection()?.removeAllRanges();
    passages.openNew(quote, range);
  }
}

/**
 * Return the part of a range within an article, or null. A triple click selects up to the start of
 * the next element.
 * @param {Range} range
 * @param {Element} article
 */
function clip(range, article) {
  if (!range.intersectsNode(article)) return null;
  const all = document.createRange();
  all.selectNodeContents(article);
  const part = range.cloneRange();
  if (part.compareBoundaryPoints(Range.START_TO_START, all) < 0) part.setStart(all.startContainer, all.startOffset);
  if (part.compareBoundaryPoints(Range.END_TO_END, all) > 0) part.setEnd(all.endContainer, all.endOffset);
  return part;
}

/**
 * Return the selected words without the white space around them, or null if there are none. Offsets
 * are the service's. A selection of more than `QUOTE_MAX` code points is cut after a whole word.
 * @param {Element} article
 * @param {Range} range
 * @returns {import("./panel.js").Selected | null}
 */
function quoteOf(article, range) {
  const read = textOf(article);
  let start = offsetOf(read, range.startContainer, range.startOffset);
  let end = offsetOf(read, range.endContainer, range.endOffset);
  while (start < end && !read.points[start].trim()) start += 1;
  while (end > start && !read.points[end - 1].trim()) end -= 1;
  if (start >= end) return null;
  const isCut = end - start > QUOTE_MAX;
  if (isCut) end = start + wholeWords(read.points.slice(start, start + QUOTE_MAX + 1));
  return { ...describe(read.points, start, end), start, end, isCut };
}

/**
 * Return the length of the whole words that `points` begins with, without the last point.
 * @param {string[]} points
 */
function wholeWords(points) {
  let end = points.length - 1;
  let at = 0;
  let last = 0;
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: "word" }).segment(points.join(""))) {
    at += [...segment].length;
    if (at > end) break;
    last = at;
  }
  end = last || end; // a single longer word is cut
  while (end > 1 && !points[end - 1].trim()) end -= 1;
  return end;
}
