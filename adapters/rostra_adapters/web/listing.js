// A list of comments: of a whole discussion, or of one passage; page by page, and what is new.

import { CommentView } from "./comment.js";
import { el } from "./markup.js";

const PAGE = 20;
const FRESH_MAX = 40; // more than this are read as a page, not one by one
const DISCUSSION_CHARACTERS = 18; // of a UUID as text

/** @typedef {import("./contract.js").Comment} Shape */

export class Listing {
  /**
   * @param {import("./reader.js").Reader} owner
   * @param {string | null} passage the id of the passage that is shown alone
   */
  constructor(owner, passage = null) {
    const { t } = owner;
    this.owner = owner;
    this.passage = passage;
    /** @type {Map<string, CommentView>} */
    this.views = new Map();
    /** @type {Map<string, Shape>} */
    this.folded = new Map(); // id → what it is, of replies that are known and not drawn
    /** @type {Set<string>} */
    this.fresh = new Set();
    this.stale = false; // there is news that nobody can name any more
    this.unnamed = 0; // new comments among it, as far as they were counted
    /** @type {string | null | undefined} */
    this.cursor = undefined;
    /** @type {Promise<void> | null} */
    this.busy = null;
    this.announce = el("div", { class: "announce" });
    this.state = el("p", { class: "state", text: t("loading") });
    this.list = el("div", { part: "list" });
    this.more = el("button", {
      type: "button",
      class: "more",
      text: t("more"),
      hidden: true,
      onclick: () => this.load(true),
    });
    this.trouble = el("div", { class: "trouble", role: "alert" });
    this.node = el("div", {}, this.announce, this.state, this.list, this.more, this.trouble);
  }

  /** @param {Element} node */
  viewOf(node) {
    return this.views.get(node.firstElementChild?.getAttribute("data-comment") ?? "");
  }

  /** The next page, the first one if there was none; `asked` by the reader, who is led to it. */
  load(asked = false) {
    this.busy ??= this.loaded(asked).finally(() => (this.busy = null));
    return this.busy;
  }

  /** @param {boolean} asked @returns {Promise<void>} */
  async loaded(asked) {
    const { owner } = this;
    this.trouble.replaceChildren();
    if (!owner.discussionId) return this.showState();
    this.more.setAttribute("aria-busy", "true");
    try {
      const { list } = this;
      const page = await this.page();
      if (list !== this.list) return; // begun anew meanwhile
      const first = this.add(page.comments);
      this.cursor = page.next;
      this.more.hidden = !page.next;
      this.showState();
      if (asked) first?.focus({ preventScroll: true });
      owner.shown(page.position);
    } catch (problem) {
      if (problem.status === 410 && this.cursor) return this.reload();
      this.failed(problem, () => this.load(asked));
    } finally {
      this.more.removeAttribute("aria-busy");
    }
  }

  /** @returns {Promise<import("./contract.js").CommentPage>} */
  async page() {
    const { owner, cursor } = this;
    const about = { limit: PAGE, passage: this.passage, cursor };
    try {
      const page = await owner.api.comments(owner.discussionId, {
        ...about,
        order: this.passage ? undefined : owner.order,
      });
      if (!this.passage) owner.ordered(page.order);
      return page;
    } catch (problem) {
      // The page may ask for an order that the site does not offer.
      if (problem.status !== 400 || cursor || !owner.order) throw problem;
      owner.order = undefined;
      return this.page();
    }
  }

  /** Loads again what is shown, from the first page. */
  async reload() {
    this.views.clear();
    this.folded.clear();
    const { list } = this;
    this.list = el("div", { part: "list" });
    list.replaceWith(this.list);
    this.fresh.clear();
    this.stale = false;
    this.unnamed = 0;
    this.showFresh();
    this.cursor = undefined;
    this.more.hidden = true;
    this.busy = null;
    this.state.textContent = this.owner.t("loading");
    this.state.hidden = false;
    await this.load();
  }

  /** @param {Shape[]} shapes */
  add(shapes) {
    // A list for each page: a browser passes over those that are out of sight, each as a whole.
    const made = el("ol", { class: "list" });
    for (const shape of shapes) {
      const known = this.views.get(shape.id);
      if (known) known.update(shape);
      else made.append(new CommentView(this, shape).node);
    }
    if (made.firstChild) this.list.append(made);
    return made.querySelector("article");
  }

  showState() {
    const n = this.list.childElementCount;
    this.state.textContent = n ? "" : this.owner.t(this.passage ? "no_comments" : "none");
    this.state.hidden = n > 0;
  }

  /** @param {any} problem @param {() => void} again */
  failed(problem, again) {
    const { t } = this.owner;
    this.state.hidden = true;
    this.trouble.replaceChildren(
      this.owner.why("failed", problem),
      " ",
      el("button", { type: "button", text: t("retry"), onclick: again }),
    );
  }

  // -- one comment, wherever it stands

  /**
   * The view of a comment, with all that it is an answer to; null where this discussion has none.
   * @param {string} id
   * @param {number} [position]
   * @returns {Promise<CommentView | null | undefined>}
   */
  async reach(id, position) {
    /** @type {Shape[]} */
    const above = [];
    /** @type {string | null} */
    let wanted = id;
    while (wanted && !this.views.has(wanted)) {
      if (!belongs(wanted, this.owner.discussionId)) return null;
      /** @type {Shape | null} */
      const shape = await this.owner.api.comment(wanted, { min_position: position }).catch((problem) => {
        if (problem.status === 404) return null;
        throw problem;
      });
      if (!shape && !above.length) return null;
      if (!shape) break; // below what this reader is not shown it stands alone
      above.unshift(shape);
      wanted = shape.parent;
    }
    for (const shape of above) this.put(shape);
    const view = this.views.get(id);
    for (let at = view && this.parentOf(view.shape); at; at = this.parentOf(at.shape)) at.toggle(true);
    this.showState();
    return view;
  }

  /** @param {Shape} shape */
  parentOf({ parent }) {
    return parent === null ? undefined : this.views.get(parent);
  }

  /** @param {Shape} shape */
  put(shape) {
    const known = this.views.get(shape.id); // another may have come first
    if (known) return known.update(shape);
    const parent = this.parentOf(shape);
    if (parent) parent.addEarly(shape);
    else {
      if (!this.list.firstElementChild) this.list.append(el("ol", { class: "list" }));
      this.list.firstElementChild?.prepend(new CommentView(this, shape).node);
    }
  }

  /**
   * A comment of this reader's has been taken: it is shown, and the reader led to it.
   * @param {import("./contract.js").Done} done
   */
  async posted(done) {
    const { owner } = this;
    const view = await this.reach(done.id, done.position);
    this.heardOf(done.id);
    for (const other of owner.listings) {
      if (other === this || (other.passage && other.passage !== view?.shape.passage)) continue;
      await other.reach(done.id);
      other.heardOf(done.id);
    }
    if (view?.shape.parent) await owner.refresh(view.shape.parent, done.position);
    await owner.recount(done.position);
    owner.say(owner.t(done.status === "held" ? "held" : "posted"));
    view?.article.focus({ preventScroll: true });
    view?.article.scrollIntoView({ block: "nearest" });
  }

  // -- what is new

  /** @param {string} id */
  heardOf(id) {
    if (this.fresh.delete(id)) this.showFresh();
  }

  /** @param {Shape[]} shapes */
  fold(shapes) {
    for (const shape of shapes) {
      this.folded.set(shape.id, shape);
      this.fold(shape.children ?? []);
    }
  }

  /**
   * A reply that is not drawn yet is another by now.
   * @param {string} name
   * @param {import("./contract.js").News} data
   */
  changeFolded(name, data) {
    const { children: _, next_children: __, my_vote: ___, ...now } = data;
    const gone =
      name === "removed" ? { body: null, html: null, ...(data.status !== "erased" && { author: null }) } : {};
    Object.assign(this.folded.get(data.id) ?? {}, now, gone);
  }

  /** @param {string} id */
  news(id) {
    if (this.views.has(id)) return;
    this.fresh.add(id);
    this.showFresh();
  }

  /** What happened in between was too long ago to be told. */
  lost(comments = 0) {
    this.stale = true;
    this.unnamed += comments;
    this.showFresh();
  }

  /** New comments are announced; they come when the reader says so. */
  showFresh() {
    const { t } = this.owner;
    const n = this.fresh.size;
    if (!n && !this.stale) return this.announce.replaceChildren();
    const many = n + this.unnamed;
    const text = this.stale && !many ? t("fresh_some") : t("fresh", { n: many });
    const button = this.announce.firstElementChild;
    if (button?.textContent === text) return;
    if (button) button.textContent = text;
    else this.announce.append(el("button", { type: "button", text, onclick: () => this.takeFresh() }));
    this.owner.say(text);
  }

  /** What is there stays where it is: replies come to their threads, other comments on top. */
  async takeFresh() {
    const wanted = [...this.fresh];
    try {
      if (this.stale || wanted.length > FRESH_MAX) {
        await this.reload();
        this.list.querySelector("article")?.focus();
        return;
      }
      /** @type {(CommentView | null | undefined)[]} */
      const reached = [];
      for (const id of wanted) {
        reached.push(await this.reach(id));
        this.fresh.delete(id);
      }
      this.showFresh();
      if (!this.passage && !this.fresh.size) this.owner.shown(this.owner.follower?.position ?? 0);
      (reached.findLast((view) => view && !view.shape.parent) ?? reached.find(Boolean))?.article.focus();
    } catch (problem) {
      this.failed(problem, () => this.takeFresh());
    }
  }
}

/**
 * Whether a comment is of a discussion. Ids carry their discussion: the first 60 bits and the version
 * are the same. A page's address may name any comment of any site that the service holds.
 * @param {string} comment @param {string} discussion
 */
export function belongs(comment, discussion) {
  return comment.slice(0, DISCUSSION_CHARACTERS) === discussion.slice(0, DISCUSSION_CHARACTERS);
}
