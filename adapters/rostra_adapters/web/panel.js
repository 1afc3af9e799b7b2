// Panel with one passage's question and comments: beside the text if there is room, else at the
// bottom of the window.

import { composer } from "./compose.js";
import { Listing } from "./listing.js";
import { el } from "./markup.js";
import { randomId } from "./storage.js";
import { directionOf } from "./strings.js";

const SIDE_PX_MIN = 264;
const SIDE_PX_MAX = 416;
const GAP_PX = 48; // room for the badges
const EDGE_PX = 12;
const WORDS_FROM_TOP = 0.08;
const FREE_ABOVE = 0.38;

/**
 * A passage whose `id` is null until the first comment marks it.
 * @typedef {import("./contract.js").NewPassage & {id: null, question: null, open: true}} Unmarked
 */
/**
 * Selected words. `isCut`: the selection was longer than a passage may be.
 * @typedef {import("./contract.js").NewPassage & {isCut: boolean}} Selected
 */
/** @typedef {import("./contract.js").Passage | (Unmarked & {isCut: boolean})} Marked */

export class Panel {
  /**
   * @param {import("./passages.js").Passages} passages
   * @param {Marked} passage
   * @param {Range | undefined} range
   * @param {HTMLElement | null} badge gets the focus when the panel closes
   */
  constructor(passages, passage, range, badge) {
    this.passages = passages;
    this.passage = passage;
    this.range = range;
    this.badge = badge;
    this.key = randomId();
    const { owner } = passages;
    const { t } = owner;
    this.listing = new Listing(owner, passage.id ?? "new");
    this.head = el("blockquote", { id: "passage-words", text: passage.exact, dir: "auto", tabindex: -1 });
    const close = el(
      "button",
      { type: "button", class: "close", "aria-label": t("close"), onclick: () => this.leave() },
      "×",
    );
    const all = el("button", { type: "button", class: "all", text: t("all"), onclick: () => this.leaveToAll() });
    this.node = el(
      "div",
      {
        class: "panel",
        part: "panel",
        popover: "manual",
        role: "dialog",
        "aria-labelledby": "passage-words",
        lang: owner.language,
        dir: directionOf(owner.language),
        title: "",
        onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && this.leave(),
      },
      el(
        "div",
        { class: "passage" },
        close,
        this.head,
        passage.question && el("p", { class: "question", text: passage.question, dir: "auto" }),
        "isCut" in passage &&
          passage.isCut &&
          el("p", { class: "cut", text: t("cut", { n: lengthOf(passage.exact) }) }),
      ),
      this.form(),
      this.listing.node,
      all,
    );
    owner.root.append(this.node);
  }

  /** Show the panel and load the comments. */
  async begin() {
    this.node.showPopover();
    this.passages.marks.point(this.range ?? null);
    this.place();
    this.reveal();
    const first = this.passage.id ? this.head : this.node.querySelector("textarea");
    first?.focus({ preventScroll: true });
    if (this.passage.id) await this.listing.load();
    else this.listing.showState();
  }

  /** True if a form in the panel has a text. */
  get isWritten() {
    return [...this.node.querySelectorAll("textarea")].some((one) => one.value);
  }

  form() {
    const { owner } = this.passages;
    const { t } = owner;
    if (!owner.writable) return owner.person ? null : el("p", { class: "state", text: t("sign_in") });
    if (!this.passage.open) return el("p", { class: "state", text: t("passage_closed") });
    const { form } = composer(owner, {
      label: t("write_inline"),
      draft: `passage:${this.passage.id ?? this.passage.exact}`,
      send: t("send"),
      submit: (body, key, mentions) => this.submit(body, key, mentions),
      mayMention: true,
      onAccept: async (done) => {
        await this.listing.showOwn(done);
        await this.passages.load(done.position);
      },
    });
    return form;
  }

  /** @param {string} body @param {string} key @param {string[]} [mentions] */
  async submit(body, key, mentions) {
    const { owner } = this.passages;
    if (!this.passage.id) await this.mark();
    return owner.api.post(owner.discussionId, { body, passage: this.passage.id, mentions }, key);
  }

  /** Mark the selected words as a passage, unless they are one already. */
  async mark() {
    const { owner } = this.passages;
    const { passage } = this;
    if (passage.id !== null) return;
    const { exact, prefix, suffix, start, end } = passage;
    const done = await owner.api.mark(owner.discussionId, { exact, prefix, suffix, start, end }, this.key);
    await this.passages.load(done.position);
    this.passage = { ...passage, id: done.id, comments: 0, replies: 0 };
    this.listing.passage = done.id;
    this.badge = this.passages.shown.get(done.id)?.badge ?? null;
    await this.listing.load();
  }

  /**
   * Use the passage's new range after a change of the article.
   * @param {Range | undefined} range
   */
  setRange(range) {
    if (!range) return;
    this.range = range;
    this.badge = this.passages.shown.get(this.passage.id ?? "")?.badge ?? this.badge;
    this.passages.marks.point(range);
  }

  place() {
    const { node, range } = this;
    const { article } = this.passages;
    if (!article) return;
    const column = article.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const leftward = getComputedStyle(article).direction === "rtl";
    const room = (leftward ? column.left : width - column.right) - GAP_PX - EDGE_PX;
    const beside = range !== undefined && room >= SIDE_PX_MIN;
    node.classList.toggle("beside", beside);
    for (const side of ["top", "left", "width"]) node.style.removeProperty(side);
    if (!beside) return;
    const wide = Math.min(room, SIDE_PX_MAX);
    node.style.width = `${wide}px`;
    node.style.left = `${scrollX + (leftward ? column.left - GAP_PX - wide : column.right + GAP_PX)}px`;
    node.style.top = `${Math.max(EDGE_PX, range.getBoundingClientRect().top + scrollY - EDGE_PX)}px`;
  }

  /** Scroll until the words, and the panel beside or below them, are in sight. */
  reveal() {
    const words = this.range?.getBoundingClientRect();
    if (!words) return;
    const beside = this.node.classList.contains("beside");
    // A panel at the bottom grows, up to the style sheet's limit, when its comments are loaded.
    const lowest = beside ? innerHeight / 2 : innerHeight * FREE_ABOVE - words.height - EDGE_PX;
    if (words.top >= EDGE_PX && words.top <= lowest) return;
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
    scrollBy({ top: words.top - innerHeight * WORDS_FROM_TOP, behavior });
  }

  leave() {
    const { badge, passages } = this;
    passages.close();
    (badge ?? passages.owner.count).focus({ preventScroll: Boolean(badge) });
  }

  leaveToAll() {
    const { owner } = this.passages;
    this.passages.close();
    owner.count.focus();
    owner.host.scrollIntoView({ block: "start" });
  }
}

/** Return the length in code points. @param {string} text */
function lengthOf(text) {
  return [...text].length;
}
