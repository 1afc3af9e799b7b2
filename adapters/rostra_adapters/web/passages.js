// Inline feedback: the article's marked passages, shown at their words. The article's own nodes
// never change: ranges highlight the words, and a separate layer holds the badges with counts.

import { Article } from "./anchoring.js";
import { shorten } from "./comment.js";
import { Marks } from "./marks.js";
import { el } from "./markup.js";
import { Panel } from "./panel.js";
import { Pick } from "./pick.js";
import { number } from "./strings.js";
import { rangeOf, textOf } from "./text.js";

const SLICE_MS = 20;
const SETTLED_MS = 200;
const QUOTED_CHARACTERS_MAX = 60;
const BADGE_GAP_PX = 2;

/** @typedef {import("./contract.js").Passage} Passage */
/** @typedef {{passage: Passage, range: Range, start: number, end: number}} Place */

export class Passages {
  /** @type {number | undefined} */
  timer = undefined;
  /** @type {number | null} */
  placing = null;
  /** @type {Element | null} */
  found = null;
  /** @type {object} the last call of draw() */
  turn = {};

  /** @param {import("./reader.js").Reader} owner */
  constructor(owner) {
    this.owner = owner;
    /** @type {Passage[]} */
    this.passages = [];
    /** @type {Map<string, Place & {badge: HTMLButtonElement}>} by the passage's id */
    this.shown = new Map();
    /** @type {Panel | null} */
    this.panel = null;
    this.marks = new Marks();
    this.life = new AbortController();
    this.layer = el("div", { class: "badges", role: "group", "aria-label": owner.t("passages") });
    owner.root.prepend(this.layer);
    this.pick = new Pick(this);
    // The page may change its article, or add it later.
    this.watch = new MutationObserver((changes) => this.onPageChange(changes));
    this.watch.observe(document.body, { childList: true, characterData: true, subtree: true });
    this.sizes = new ResizeObserver(() => this.schedulePlace());
    for (const one of [document.body, owner.host]) this.sizes.observe(one);
    const { signal } = this.life;
    window.addEventListener("resize", () => this.schedulePlace(), { signal });
    document.addEventListener("scroll", (event) => event.target !== document && this.schedulePlace(), {
      signal,
      capture: true,
      passive: true,
    });
    document.addEventListener("click", (event) => this.onClick(event), { signal });
  }

  stop() {
    this.life.abort();
    this.watch.disconnect();
    this.sizes.disconnect();
    clearTimeout(this.timer);
    this.pick.node.remove();
    this.panel?.node.remove();
    this.layer.remove();
    this.marks.clear();
  }

  get article() {
    if (!this.found?.isConnected) {
      this.found = this.owner.articleOf();
      if (this.found) this.sizes.observe(this.found);
    }
    return this.found;
  }

  /** @param {string | null} id */
  byId(id) {
    return id ? this.passages.find((one) => one.id === id) : undefined;
  }

  /** @param {number} [minPosition] */
  async load(minPosition) {
    const { api, discussionId } = this.owner;
    this.passages = (await api.passages(discussionId, { min_position: minPosition })).passages;
    for (const view of this.owner.main.views.values()) view.showQuote();
    await this.draw();
  }

  /** @param {MutationRecord[]} changes */
  onPageChange(changes) {
    const { article } = this;
    const about = (/** @type {MutationRecord} */ { target }) =>
      article?.contains(target) || (target.nodeType === Node.ELEMENT_NODE && target.contains(article));
    if (!article ? this.shown.size : changes.some(about)) this.scheduleDraw();
  }

  scheduleDraw() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.draw(), SETTLED_MS);
  }

  /**
   * Find each passage in the article on this page, and show it. A pause after each `SLICE_MS` leaves
   * the page responsive.
   */
  async draw() {
    const turn = (this.turn = {});
    /** @type {Map<string, Place>} */
    const now = new Map();
    if (this.article) {
      const read = textOf(this.article);
      const text = new Article(read.points);
      let until = performance.now() + SLICE_MS;
      for (const passage of this.passages) {
        if (performance.now() > until) {
          await new Promise((done) => setTimeout(done));
          until = performance.now() + SLICE_MS;
        }
        const found = text.anchor(passage, passage.start === null ? undefined : { start: passage.start });
        const range = found && rangeOf(read, found.start, found.end);
        if (range) now.set(passage.id, { passage, range, start: found.start, end: found.end });
      }
    }
    if (!this.life.signal.aborted && turn === this.turn) this.show(now);
  }

  /** @param {Map<string, Place>} now */
  show(now) {
    const places = [...now.values()].sort((one, other) => one.start - other.start);
    this.marks.show(places.map((one) => one.range));
    const ordered = places.map((one) => ({
      ...one,
      badge: this.shown.get(one.passage.id)?.badge ?? el("button", { type: "button", class: "badge" }),
    }));
    for (const [id, { badge }] of this.shown) if (!now.has(id)) badge.remove();
    this.shown = new Map(ordered.map((one) => [one.passage.id, one]));
    ordered.forEach((one, index) => {
      this.label(one);
      if (this.layer.children[index] !== one.badge)
        this.layer.insertBefore(one.badge, this.layer.children[index] ?? null);
    });
    this.place();
    this.panel?.setRange(this.shown.get(this.panel.passage.id ?? "")?.range);
  }

  /**
   * Update the badge of a passage: the button that opens the passage by keyboard, by touch, and in
   * browsers without highlights.
   * @param {{passage: Passage, badge: HTMLButtonElement}} shown
   */
  label({ passage, badge }) {
    const { t } = this.owner;
    const n = passage.comments + passage.replies;
    badge.dataset.passage = passage.id;
    badge.textContent = n ? number(n, this.owner.language, { notation: "compact" }) : "+";
    badge.setAttribute("aria-label", t("marked", { n, quote: shorten(passage.exact, QUOTED_CHARACTERS_MAX) }));
    badge.title = passage.question ?? "";
    badge.classList.toggle("new", Boolean(passage.new));
    if (passage.new) badge.setAttribute("aria-label", `${badge.ariaLabel}, ${t("news", { n: passage.new })}`);
    badge.onclick = () => this.open(passage.id);
  }

  schedulePlace() {
    this.placing ??= requestAnimationFrame(() => {
      this.placing = null;
      if (!this.life.signal.aborted) this.place();
    });
  }

  /**
   * Move each badge to the article's margin, beside the last line of its words. Then place the open
   * panel.
   */
  place() {
    if (!this.article || !this.shown.size) return;
    const home = this.owner.host.getBoundingClientRect();
    const column = this.article.getBoundingClientRect();
    const leftward = getComputedStyle(this.article).direction === "rtl";
    const width = document.documentElement.clientWidth;
    /** @type {[badge: HTMLElement, top: number | undefined, left: number][]} */
    const places = [];
    let lowest = -Infinity;
    for (const { range, badge } of this.shown.values()) {
      const line = [...range.getClientRects()].findLast((one) => one.width > 0);
      const size = badge.offsetWidth || 24;
      const high = badge.offsetHeight || 24;
      const top = line && Math.max(line.top + (line.height - high) / 2, lowest);
      if (top !== undefined) lowest = top + high + BADGE_GAP_PX;
      const left = leftward ? Math.max(0, column.left - size - 8) : Math.min(column.right + 8, width - size);
      places.push([badge, top === undefined ? top : top - home.top, left - home.left]);
    }
    for (const [badge, top, left] of places) {
      badge.hidden = top === undefined;
      badge.style.top = `${top}px`;
      badge.style.left = `${left}px`;
    }
    this.panel?.place();
  }

  // -- one passage

  /** @param {MouseEvent} event */
  onClick(event) {
    if (event.defaultPrevented || !document.getSelection()?.isCollapsed) return;
    const { target } = event;
    if (!(target instanceof Element) || !this.article?.contains(target)) return;
    if (target.closest("a, button, input, select, textarea, summary, label")) return;
    const under = (/** @type {DOMRect} */ { left, right, top, bottom }) =>
      event.clientX >= left && event.clientX <= right && event.clientY >= top && event.clientY <= bottom;
    for (const [id, { range }] of this.shown) if ([...range.getClientRects()].some(under)) return this.open(id);
  }

  /**
   * Open the panel with the question and comments of a passage.
   * @param {string} id
   */
  open(id) {
    const shown = this.shown.get(id);
    const passage = this.byId(id);
    if (passage) this.openPanel(passage, shown?.range, shown?.badge ?? null);
  }

  /**
   * Open the panel for selected words. The first comment makes the words a passage, unless they are
   * one already.
   * @param {import("./panel.js").Selected} quote
   * @param {Range} range
   */
  openNew(quote, range) {
    const same = [...this.shown.values()].find((one) => one.start === quote.start && one.end === quote.end);
    if (same) this.open(same.passage.id);
    else this.openPanel({ ...quote, id: null, question: null, open: true }, range, null);
  }

  /**
   * @param {import("./panel.js").Marked} passage
   * @param {Range | undefined} range
   * @param {HTMLElement | null} badge
   */
  openPanel(passage, range, badge) {
    this.panel?.node.remove();
    this.panel = new Panel(this, passage, range, badge);
    this.panel.begin();
  }

  /** Close the panel. */
  close() {
    this.panel?.node.remove();
    /** @type {Panel | null} */
    this.panel = null;
    this.marks.point(null);
  }

  /**
   * Apply a live event of a passage: it was marked, moved, commented on or unmarked.
   * @param {import("./contract.js").News} data
   */
  onNews(data) {
    const { owner, panel } = this;
    const known = this.byId(data.id);
    if (known) Object.assign(known, data);
    else if (data.exact) this.passages.push(data);
    // Only an unmarked passage has a status.
    if (data.status) this.passages = this.passages.filter((one) => one.id !== data.id);
    // Others keep their button, which may have the focus.
    if (!known || data.status)
      for (const view of owner.main.views.values()) if (view.shape.passage === data.id) view.showQuote();
    if (data.status && panel?.passage.id === data.id && !panel.isWritten) {
      if (panel.node.contains(owner.focused)) owner.count.focus({ preventScroll: true });
      this.close();
    }
    this.scheduleDraw();
  }
}
