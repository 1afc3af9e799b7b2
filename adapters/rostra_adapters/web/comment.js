// One comment with its actions and the replies below it.

import { addressOf } from "./address.js";
import { composer } from "./compose.js";
import { el, markup } from "./markup.js";
import { relativeTime, duration, exactTime } from "./strings.js";
import { Votes } from "./voting.js";

const REPLIES_MORE = 20;
const REASON_CHARACTERS_MAX = 500;
const QUOTED_CHARACTERS_MAX = 70;
const YOUNG_MS = 3_600_000;

/** @typedef {import("./contract.js").Comment} Shape */

export class CommentView {
  /** @type {Shape} */
  shape;
  /** @type {HTMLTimeElement} */
  time;
  /** @type {Votes | null} */
  votes = null;
  /** @type {HTMLElement | null} shows the time left for an edit */
  left = null;
  /** @type {ReturnType<typeof composer> | null} */
  editing = null;
  /** @type {string | null} */
  cursor = null;
  /** @type {Shape[]} replies that are loaded but not drawn */
  folded = [];
  open = false;
  /** State of a reply that is shown before its page of replies was loaded. */
  early = false;

  // State of a vote that is being sent.
  voting = false;
  /** @type {number | undefined} */
  wanted = undefined;
  /** @type {import("./contract.js").Totals | null} */
  confirmed = null;

  /**
   * @param {import("./listing.js").Listing} listing
   * @param {import("./contract.js").Comment} shape
   */
  constructor(listing, shape) {
    this.listing = listing;
    this.owner = listing.owner;
    const { t } = this.owner;
    this.node = el("li", {});
    this.article = el("article", {
      "data-comment": shape.id,
      id: listing.passage ? null : `comment-${shape.id}`,
      part: "comment",
      tabindex: -1,
    });
    this.by = el("div", { class: "by" });
    this.quote = el("div", {});
    const follow = (/** @type {MouseEvent} */ event) => this.owner.onMentionClick(event);
    this.words = el("div", { class: "words", part: "body", dir: "auto", onclick: follow });
    this.actions = el("div", { class: "does" });
    this.note = el("p", { class: "note", hidden: true });
    this.under = el("div", {});
    this.children = el("ul", { class: "children", hidden: true });
    this.fold = el("button", { type: "button", class: "fold", hidden: true, onclick: () => this.toggle() });
    this.more = el("button", {
      type: "button",
      class: "fold",
      hidden: true,
      text: t("more_replies"),
      onclick: () => this.load(true),
    });
    this.article.append(this.by, this.quote, this.words, this.actions, this.note, this.under);
    this.node.append(this.article, this.fold, this.children, this.more);
    listing.views.set(shape.id, this);
    this.update(shape);
    this.folded = shape.children ?? []; // not drawn until a reader opens the thread
    listing.fold(this.folded);
    this.cursor = shape.next_children ?? null;
    this.showFold();
  }

  get mine() {
    return Boolean(this.owner.person && this.shape.author?.id === this.owner.person.id);
  }

  /**
   * Show the comment's current state. Shown replies and an unconfirmed vote are not changed.
   * @param {Shape} shape
   */
  update(shape) {
    const current = this.voting ? this.shape : {};
    const { up, down, score, my_vote } = { ...shape, my_vote: shape.my_vote ?? this.shape?.my_vote ?? 0, ...current };
    this.shape = { ...shape, up, down, score, my_vote };
    this.article.classList.toggle("new", this.owner.isNew(this.shape));
    this.article.setAttribute("aria-label", shape.author?.name ?? this.owner.t("somebody"));
    this.showBy();
    this.showQuote();
    this.showWords();
    this.showActions();
    this.showFold();
  }

  /**
   * Show new totals, of the person's own vote or of a live event. Ignore those of live events while
   * a vote is being sent.
   * @param {import("./contract.js").Totals} now
   */
  showTotals(now) {
    if (this.voting && now.my_vote === undefined) return;
    Object.assign(this.shape, now);
    this.votes?.show();
  }

  /** Update a young comment's age and the time left for an edit; at its end remove the button. */
  tick() {
    const now = this.owner.clock.now();
    const age = now - new Date(this.shape.posted_at).getTime();
    const text = age < YOUNG_MS ? relativeTime(this.shape.posted_at, this.owner.language, now) : this.time.textContent;
    if (this.time.textContent !== text) this.time.textContent = text;
    if (!this.left) return;
    const left = this.remainingEditTime();
    this.left.textContent = duration(left, this.owner.language, "short");
    this.editing?.label(this.editLabel());
    if (left > 0) return;
    const button = this.left.parentElement;
    this.left = null;
    if (this.owner.focused === button) this.article.focus();
    button?.remove();
  }

  showBy() {
    const { t, language, clock } = this.owner;
    const { author, posted_at, edited_at, pinned, id } = this.shape;
    const had = this.owner.focused?.matches("a") && this.by.contains(this.owner.focused);
    this.time = el("time", {
      datetime: posted_at,
      title: exactTime(posted_at, language),
      text: relativeTime(posted_at, language, clock.now()),
    });
    const link = el(
      "a",
      { href: addressOf(id), onclick: (/** @type {MouseEvent} */ event) => this.owner.onPermalinkClick(event, this) },
      this.time,
    );
    this.by.replaceChildren();
    this.by.append(
      ...[
        el("b", { text: author ? (author.name ?? author.id) : t("somebody"), dir: "auto" }),
        author?.guest && el("span", { class: "mark", text: t("is_guest") }),
        this.mine && el("span", { class: "mark", text: t("you") }),
        link,
        edited_at && el("span", { text: t("edited"), title: exactTime(edited_at, language) }),
        this.owner.isNew(this.shape) && el("span", { class: "mark", text: t("new") }),
        pinned && el("span", { class: "mark", text: t("pinned") }),
      ].filter((node) => node instanceof Node),
    );
    if (had) link.focus();
  }

  /** Show the quoted passage of a top-level comment, in the list of the whole discussion. */
  showQuote() {
    const passage = !this.listing.passage && !this.shape.parent && this.owner.passages?.byId(this.shape.passage);
    if (!passage) return this.quote.replaceChildren();
    const text = this.owner.t("inline", { quote: shorten(passage.exact, QUOTED_CHARACTERS_MAX) });
    this.quote.replaceChildren(
      el("button", { type: "button", class: "quote", text, onclick: () => this.owner.passages?.open(passage.id) }),
    );
  }

  showWords() {
    const { t } = this.owner;
    const { status, html, body, pending } = this.shape;
    const said = status === "published" ? [] : [el("p", { class: "gone", text: t(status) })];
    this.words.replaceChildren(...said, ...(html ? [markup(html, body)] : []));
    if (!pending) return;
    const waits = el("p", { class: "gone", text: t("pending") });
    this.words.append(
      el("div", { class: "pending", part: "pending" }, waits, markup(pending.html ?? "", pending.body)),
    );
  }

  showActions() {
    const { t, person, writable, language } = this.owner;
    const { status } = this.shape;
    const shown = status === "published" || status === "erased";
    const had = this.actions.contains(this.owner.focused) ? this.owner.focused?.dataset.does : undefined;
    /** @type {(name: string, act: EventListener, ...more: Node[]) => HTMLElement} */
    const button = (name, act, ...more) =>
      el("button", { type: "button", "data-does": name, onclick: act }, t(name), ...more);
    this.actions.replaceChildren();
    [this.votes, this.left] = [null, null];
    if (shown) this.actions.append((this.votes = new Votes(this)).node);
    if (status === "published" && writable) this.actions.append(button("reply", () => this.reply()));
    if (this.mine && status === "published") {
      if (this.remainingEditTime() > 0) {
        this.left = el("small", { text: duration(this.remainingEditTime(), language, "short") });
        this.actions.append(button("edit", () => this.edit(), this.left));
      }
      this.actions.append(button("remove", () => this.remove()));
    } else if (person?.mayWrite && status === "published") {
      this.actions.append(button("flag", () => this.flag()));
    }
    if (shown) this.actions.append(button("link", () => this.owner.copyLink(this)));
    if (had) this.focusOn(had);
  }

  /** Return the milliseconds left for an edit; at most 0 if the time is over. */
  remainingEditTime() {
    return new Date(this.shape.posted_at).getTime() + this.owner.rules.edit_seconds * 1000 - this.owner.clock.now();
  }

  editLabel() {
    const { t, language } = this.owner;
    return `${t("edit")} · ${t("left", { n: duration(this.remainingEditTime(), language) })}`;
  }

  /**
   * Show a message under the comment, and announce it to screen readers.
   * @param {string} text
   */
  showNote(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
    this.owner.say(text);
  }

  /**
   * Show a form under the comment. If `node` is null, remove the form and focus the button `does`,
   * or else the comment.
   * @param {HTMLElement | null} node
   * @param {string} [does]
   */
  put(node, does) {
    this.note.hidden = true;
    this.editing = null;
    this.under.replaceChildren(...(node ? [node] : []));
    if (!node) this.focusOn(does);
  }

  /**
   * Close a form under the comment, unless another form has replaced it meanwhile.
   * @param {HTMLElement} node
   * @param {string} [does]
   */
  close(node, does) {
    if (node.parentElement === this.under) this.put(null, does);
  }

  /** @param {string} [does] name of the button to focus; by default the comment */
  focusOn(does) {
    /** @type {HTMLElement | null} */
    const button = does ? this.actions.querySelector(`[data-does="${does}"]`) : null;
    (button ?? this.article).focus();
  }

  reply() {
    const { t, api } = this.owner;
    const { id, author } = this.shape;
    const form = composer(this.owner, {
      label: t("write_reply", { name: author?.name ?? t("somebody") }),
      draft: `reply:${id}`,
      send: t("send"),
      submit: (body, key, mentions) => api.post(this.owner.discussionId, { body, parent: id, mentions }, key),
      mayMention: true,
      onAccept: (done) => {
        form.form.remove();
        return this.listing.showOwn(done);
      },
      cancel: () => this.put(null, "reply"),
    });
    this.put(form.form);
    form.focus();
  }

  edit() {
    const { t, api } = this.owner;
    const { id, body, pending } = this.shape;
    const form = composer(this.owner, {
      label: this.editLabel(),
      draft: `edit:${id}`,
      send: t("save"),
      body: pending?.body ?? body,
      submit: (text) => api.edit(id, text),
      onAccept: async (done) => {
        await this.owner.refresh(id, done.position);
        this.close(form.form);
        this.owner.say(t(done.pending ? "pending" : "saved"));
      },
      cancel: () => this.put(null, "edit"),
    });
    this.put(form.form);
    this.editing = form;
    form.focus();
  }

  remove() {
    const { t, api } = this.owner;
    const act = async () => {
      try {
        const done = await api.remove(this.shape.id);
        await this.owner.refresh(this.shape.id, done.position);
        this.close(question);
        this.owner.say(t("deleted"));
      } catch (problem) {
        this.showNote(this.owner.why("failed", problem));
      }
    };
    const yes = el("button", { type: "button", class: "primary", text: t("yes"), onclick: act });
    const no = el("button", { type: "button", text: t("cancel"), onclick: () => this.put(null, "remove") });
    const onkeydown = (/** @type {KeyboardEvent} */ event) =>
      event.key === "Escape" && (event.stopPropagation(), this.put(null, "remove"));
    const question = el(
      "div",
      { class: "state", role: "group", "aria-label": t("sure"), onkeydown },
      `${t("sure")} `,
      yes,
      no,
    );
    this.put(question);
    yes.focus();
  }

  flag() {
    const { t, api } = this.owner;
    const form = composer(this.owner, {
      label: t("why"),
      draft: `flag:${this.shape.id}`,
      send: t("report"),
      charactersMax: REASON_CHARACTERS_MAX,
      submit: (reason) => api.flag(this.shape.id, reason),
      onAccept: () => {
        this.close(form.form, "flag");
        this.showNote(t("thanks"));
      },
      cancel: () => this.put(null, "flag"),
    });
    this.put(form.form);
    form.focus();
  }

  // -- replies

  /**
   * Append a page of replies in the service's order. Replies that were shown early (the person's
   * own, or the target of a link) move to their place in that order.
   * @param {Shape[]} shapes
   */
  addReplies(shapes) {
    const { focused } = this.owner; // an element that is moved loses the focus
    const made = document.createDocumentFragment();
    for (const shape of shapes) {
      const known = this.listing.views.get(shape.id);
      if (!known) made.append(new CommentView(this.listing, shape).node);
      else {
        known.update(shape);
        if (known.early) made.append(known.node);
        known.early = false;
      }
    }
    const first = made.querySelector("article");
    const early = [...this.children.children].find((node) => this.listing.viewOf(node)?.early);
    this.children.insertBefore(made, early ?? null);
    if (focused && this.owner.focused !== focused) focused.focus({ preventScroll: true });
    return first;
  }

  /**
   * Show a reply before its page of replies is loaded.
   * @param {Shape} shape
   */
  addEarly(shape) {
    this.unfold();
    // Otherwise `unfold()` has just drawn the reply.
    if (!this.listing.views.has(shape.id)) {
      const view = new CommentView(this.listing, shape);
      view.early = true;
      this.children.append(view.node);
    }
    this.toggle(true);
  }

  unfold() {
    const { folded, listing } = this;
    this.folded = [];
    for (const { id } of folded) listing.folded.delete(id);
    this.addReplies(folded);
  }

  toggle(open = !this.open) {
    this.open = open;
    if (open) this.unfold();
    this.showFold();
    if (open && !this.children.childElementCount && (this.shape.replies || this.cursor)) this.load();
  }

  showFold() {
    const { t } = this.owner;
    // Removed replies that others answered are shown, but not counted in `replies`.
    const known = this.children.childElementCount + (this.folded?.length ?? 0) + (this.cursor ? 1 : 0);
    const n = Math.max(this.shape.replies, known);
    this.fold.hidden = !n;
    this.fold.setAttribute("aria-expanded", String(this.open));
    this.fold.textContent = this.open ? t("hide") : t("replies", { n });
    this.children.hidden = !this.open;
    this.more.hidden = !this.open || !this.cursor;
  }

  /** @returns {Promise<void>} */
  async load(asked = false) {
    const { api } = this.owner;
    const isReplaced = () => this.listing.views.get(this.shape.id) !== this;
    try {
      const query = this.cursor ? { cursor: this.cursor, limit: REPLIES_MORE } : { limit: REPLIES_MORE };
      const page = await api.replies(this.shape.id, query);
      if (isReplaced()) return; // by a reload of the list
      const first = this.addReplies(page.comments);
      this.cursor = page.next;
      this.showFold();
      if (asked) first?.focus({ preventScroll: true });
    } catch (problem) {
      if (isReplaced()) return;
      if (problem.status === 410 && this.cursor) {
        this.cursor = null;
        return this.load(asked);
      }
      this.showNote(this.owner.why("failed", problem));
    }
  }
}

/** @param {string} text @param {number} most */
export function shorten(text, most) {
  const letters = [...text];
  if (letters.length <= most) return text;
  const head = letters.slice(0, most - 1).join("");
  return `${head.trimEnd()}…`;
}
