// Inline feedback: the article's marked passages, shown where they stand, and marked by readers.

import { Article, describe } from "./anchoring.js";
import { el } from "./markup.js";
import { offsetOf, rangeOf, textOf } from "./text.js";

const NAME = "rostra-passage";
const QUOTE_MAX = 1_000;
const SLICE_MS = 20;

// Of the page itself, since what is marked is there.
const marks = new CSSStyleSheet();
marks.replaceSync(`
::highlight(${NAME}) { background-color: var(--rostra-highlight, rgb(240 190 90 / .35)); }
.rostra-badge {
  all: unset; cursor: pointer; display: inline-block; vertical-align: super; margin-inline-start: .2em;
  min-width: 1.5rem; height: 1.5rem; line-height: 1.5rem; text-align: center; border-radius: 1rem;
  background: var(--rostra-accent, #8a2a14); color: var(--rostra-on-accent, #fff); font: 600 .7rem/1.5rem system-ui, sans-serif;
}
.rostra-badge::after { content: attr(data-count); padding-inline: .35em; }
.rostra-badge:focus-visible { outline: 2px solid; outline-offset: 2px; }
`);

export class Passages {
  /**
   * @param {import("./rostra.js").RostraDiscussion} owner
   * @param {Element} article
   */
  constructor(owner, article) {
    this.owner = owner;
    this.article = article;
    this.shown = new Map(); // id → {passage, range, badge}
    this.life = new AbortController();
    if (!document.adoptedStyleSheets.includes(marks)) document.adoptedStyleSheets.push(marks);
    const { signal } = this.life;
    document.addEventListener("selectionchange", () => this.selected(), { signal });
    article.addEventListener("click", (event) => this.clicked(event), { signal });
    this.pick = el("button", { type: "button", class: "pick primary", hidden: true, text: owner.t("on_this"), onclick: () => this.mark() });
    owner.shadowRoot.append(this.pick);
    // The article may be changed by its own page.
    this.watch = new MutationObserver(() => this.later());
    this.watch.observe(article, { childList: true, characterData: true, subtree: true });
  }

  stop() {
    this.life.abort();
    this.watch.disconnect();
    this.pick.remove();
    for (const { badge } of this.shown.values()) badge?.remove();
    this.shown.clear();
    CSS.highlights?.delete(NAME);
  }

  async load(minPosition) {
    const { api, id } = this.owner;
    const page = await api.passages(id, { min_position: minPosition });
    this.passages = page.passages;
    await this.draw();
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.draw(), 200);
  }

  /** Find each passage in the article as it stands here, without holding the page up. */
  async draw() {
    const read = textOf(this.article);
    const text = new Article(read.points);
    const now = new Map();
    let until = performance.now() + SLICE_MS;
    for (const passage of this.passages ?? []) {
      if (performance.now() > until) {
        await new Promise((done) => setTimeout(done));
        until = performance.now() + SLICE_MS;
      }
      const found = text.anchor(passage, passage.start === null ? undefined : { start: passage.start });
      const range = found && rangeOf(read, found.start, found.end);
      if (range) now.set(passage.id, { passage, range });
    }
    if (this.life.signal.aborted) return;
    this.show(now);
  }

  show(now) {
    this.watch.disconnect();
    for (const { badge } of this.shown.values()) badge?.remove();
    if (CSS.highlights) CSS.highlights.set(NAME, new Highlight(...[...now.values()].map((one) => one.range)));
    for (const one of now.values()) one.badge = this.badge(one);
    this.shown = now;
    this.watch.observe(this.article, { childList: true, characterData: true, subtree: true });
  }

  /** A small button at the passage's end: by keyboard, and where nothing is highlighted. It stands
   * beside the article's own nodes and holds no text, so that offsets stay what they are. */
  badge({ passage, range }) {
    const { t } = this.owner;
    const n = passage.comments + passage.replies;
    const badge = el("button", {
      type: "button", class: "rostra-badge", "data-count": n || "+", "data-rostra": passage.id,
      "aria-label": t("marked", { n }), title: passage.question ?? t("marked", { n }),
      onclick: (event) => (event.stopPropagation(), this.owner.about(passage)),
    });
    const at = range.cloneRange();
    at.collapse(false);
    const before = range.cloneRange();
    at.insertNode(badge);
    range.setStart(before.startContainer, before.startOffset);
    range.setEndBefore(badge);
    return badge;
  }

  clicked(event) {
    if (!document.getSelection()?.isCollapsed) return;
    const caret = document.caretPositionFromPoint?.(event.clientX, event.clientY);
    const place = caret ? { node: caret.offsetNode, offset: caret.offset } : null;
    if (!place) return;
    for (const { passage, range } of this.shown.values()) {
      if (range.comparePoint(place.node, place.offset) === 0) return void this.owner.about(passage);
    }
  }

  /** A passage was marked, moved or commented on. */
  changed(data) {
    const known = this.passages?.find((one) => one.id === data.id);
    if (known) Object.assign(known, data);
    else if (data.exact) this.passages?.push(data);
    this.later();
  }

  // -- marking

  selected() {
    const selection = document.getSelection();
    const range = selection?.rangeCount ? selection.getRangeAt(0) : null;
    const words = range && !range.collapsed && this.article.contains(range.commonAncestorContainer);
    if (!words || !this.owner.writable || !selection.toString().trim()) {
      this.pick.hidden = true;
      return;
    }
    this.range = range.cloneRange();
    const box = range.getBoundingClientRect();
    const host = this.owner.getBoundingClientRect();
    this.pick.hidden = false;
    // Beside the words, though the button is the component's own: positions count from its box.
    this.pick.style.position = "fixed";
    this.pick.style.top = `${Math.min(innerHeight - 48, Math.max(8, box.bottom + 8))}px`;
    this.pick.style.insetInlineStart = "auto";
    this.pick.style.left = `${Math.min(Math.max(8, box.left), Math.max(8, host.right - 180))}px`;
  }

  async mark() {
    const read = textOf(this.article);
    let start = offsetOf(read, this.range.startContainer, this.range.startOffset);
    let end = offsetOf(read, this.range.endContainer, this.range.endOffset);
    while (start < end && !read.points[start].trim()) start += 1;
    while (end > start && !read.points[end - 1].trim()) end -= 1;
    if (start >= end) return;
    end = Math.min(end, start + QUOTE_MAX);
    const quote = describe(read.points, start, end);
    this.pick.hidden = true;
    document.getSelection()?.removeAllRanges();
    const { api, id, t } = this.owner;
    try {
      const done = await api.mark(id, { ...quote, start, end }, crypto.randomUUID());
      await this.load(done.position);
      const passage = this.passages.find((one) => one.id === done.id);
      if (passage) await this.owner.about(passage);
    } catch (problem) {
      this.owner.say(t("failed", { why: problem.message }));
    }
  }
}
