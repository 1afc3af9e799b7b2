// One comment of the desk: words, parent, flags, the author's record, and buttons for acts.

import { el, markup } from "../markup.js";
import { relativeTime, exactTime } from "../strings.js";
import { isPossible } from "./acts.js";

/** @typedef {import("./shapes.js").Queued} Queued */
/** @typedef {import("./shapes.js").Action} Action */

/** @type {[action: Action, key: string][]} */
const ACTS = [
  ["approve", "a"],
  ["reject", "r"],
  ["hold", "h"],
  ["remove", "d"],
  ["restore", "s"],
  ["pin", "p"],
  ["unpin", "p"],
];

export class Item {
  /** @type {Queued} */
  shape;
  /** True once another moderator or the author has changed the comment. */
  isGone = false;
  /** True once an undo has put the comment back into the list. */
  isBack = false;

  /**
   * @param {import("./pile.js").Pile} pile
   * @param {Queued} shape
   */
  constructor(pile, shape) {
    this.pile = pile;
    this.desk = pile.desk;
    const { t } = this.desk;
    this.node = el("li", {});
    this.article = el("article", { tabindex: -1, "data-comment": shape.id, onfocusin: () => pile.enter(this) });
    this.check = el("input", {
      type: "checkbox",
      "aria-label": t("select"),
      onchange: () => pile.select(this, this.check.checked),
    });
    this.choice = el("label", { class: "check" }, this.check);
    this.by = el("div", { class: "by" }, this.choice);
    this.where = el("div", { class: "where" });
    this.thread = el("div", {});
    this.words = el("div", { class: "words", dir: "auto" });
    this.flags = el("ul", { class: "flags" });
    this.record = el("p", { class: "record" });
    this.buttons = el("div", { class: "does" });
    this.note = el("p", { class: "note", hidden: true });
    this.article.append(this.by, this.where, this.thread, this.words, this.flags, this.record, this.note, this.buttons);
    this.node.append(this.article);
    this.update(shape);
  }

  get name() {
    const { author } = this.shape;
    return author?.name ?? author?.id ?? this.desk.t("somebody");
  }

  /** @param {Queued} shape */
  update(shape) {
    this.shape = shape;
    this.article.setAttribute("aria-label", this.name);
    this.#showBy();
    this.#showWhere();
    this.#showWords();
    this.#showFlags();
    this.#showButtons();
  }

  /** Show a newer copy of the comment, unless it looks the same. @param {Queued} shape */
  refresh(shape) {
    if (appearanceOf(shape) !== appearanceOf(this.shape)) this.update(shape);
  }

  /** @param {string} text */
  showNote(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }

  /** Mark the comment as changed by somebody else, so that further acts skip it. */
  setGone() {
    if (this.isGone) return;
    this.isGone = true;
    this.article.classList.add("gone");
    this.showNote(this.desk.t("gone"));
  }

  /** Read and show the author's record, unless it is shown already. */
  async showRecord() {
    const { author } = this.shape;
    if (!author || this.record.textContent) return;
    const found = await this.desk.record(author.id);
    if (found && !this.record.textContent) this.record.textContent = this.desk.recordText(found);
  }

  forgetRecord() {
    this.record.textContent = "";
  }

  async showThread() {
    const { parent } = this.shape;
    const { t, api } = this.desk;
    if (!parent || this.thread.firstChild) return this.thread.replaceChildren();
    const above = await api.comment(parent);
    const words = above.html ? markup(above.html, above.body) : el("p", { text: t(above.status) });
    const name = el("b", { text: above.author?.name ?? t("somebody"), dir: "auto" });
    this.thread.replaceChildren(el("blockquote", { dir: "auto" }, name, words));
    this.desk.say(this.thread.textContent ?? "");
  }

  #showBy() {
    const { t, language, clock } = this.desk;
    const { author, posted_at, edited_at, status, rule, pinned } = this.shape;
    const open = el("button", {
      type: "button",
      class: "name",
      text: this.name,
      dir: "auto",
      title: t("key_record"),
      onclick: () => author && this.desk.showPerson(author.id),
    });
    const marks = [
      author?.guest && t("is_guest"),
      author?.label,
      status !== "published" && t(`status_${status}`),
      pinned && t("pinned"),
      rule && t("rule", { rule }),
    ];
    for (const old of [...this.by.children].slice(1)) old.remove(); // the checkbox keeps its focus
    this.by.append(
      author ? open : el("b", { text: this.name }),
      ...marks.filter(Boolean).map((text) => el("span", { class: "mark", text: String(text) })),
      el("time", {
        datetime: posted_at,
        title: exactTime(posted_at, language),
        text: relativeTime(posted_at, language, clock.now()),
      }),
      ...(edited_at ? [el("span", { text: t("edited"), title: exactTime(edited_at, language) })] : []),
    );
  }

  async #showWhere() {
    const { desk } = this;
    const { t } = desk;
    const { discussion, parent } = this.shape;
    const about = await desk.discussion(discussion);
    const title = about?.title ?? about?.resource ?? "";
    const url =
      about?.url && /^https?:/.test(about.url) ? `${about.url.replace(/#.*$/, "")}#comment-${this.shape.id}` : "";
    this.where.replaceChildren(
      url ? el("a", { href: url, target: "_blank", rel: "noopener", text: title }) : el("span", { text: title }),
      ...(parent
        ? [
            el("button", {
              type: "button",
              text: t("in_reply"),
              "aria-keyshortcuts": "t",
              onclick: () => desk.attempt(() => this.showThread()),
            }),
          ]
        : []),
    );
  }

  #showWords() {
    const { t } = this.desk;
    const { html, body, pending } = this.shape;
    this.words.replaceChildren(html ? markup(html, body) : el("p", { class: "gone", text: t("no_words") }));
    if (!pending) return;
    const next = pending.html ? markup(pending.html, pending.body) : el("p", { text: t("no_words") });
    this.words.prepend(el("p", { class: "caption", text: t("shown_now") }));
    this.words.append(el("div", { class: "pending" }, el("p", { class: "caption", text: t("new_wording") }), next));
  }

  #showFlags() {
    const { t } = this.desk;
    this.flags.replaceChildren(
      ...this.shape.flags.map(({ by, reason }) =>
        el("li", { dir: "auto", text: t("flag", { by, reason: reason ?? "" }) }),
      ),
    );
  }

  #showButtons() {
    const { t, focused } = this.desk;
    const had = this.buttons.contains(focused) ? focused?.dataset.does : undefined;
    const button = (/** @type {string} */ name, /** @type {string} */ key, /** @type {() => void} */ act) =>
      el(
        "button",
        { type: "button", "data-does": name, "aria-keyshortcuts": key, onclick: act },
        t(name),
        el("kbd", { "aria-hidden": true, text: key }),
      );
    const possible = ACTS.filter(([action]) => isPossible(action, this.shape));
    this.buttons.replaceChildren(
      ...possible.map(([action, key]) => button(action, key, () => this.desk.act(action, [this]))),
      ...(this.shape.author ? [button("ban", "b", () => this.desk.ban(this.shape.author?.id ?? ""))] : []),
    );
    if (!had) return;
    const again = /** @type {HTMLElement | null} */ (this.buttons.querySelector(`[data-does="${had}"]`));
    (again ?? this.article).focus();
  }
}

/**
 * Return a key of all that the desk shows of a comment. It shows no votes and counts no replies.
 * The version alone is no key: reports, names, labels and erasures are not events of the comment.
 * @param {Queued} shape
 */
function appearanceOf(shape) {
  return JSON.stringify({ ...shape, up: 0, down: 0, score: 0, replies: 0, descendants: 0 });
}
