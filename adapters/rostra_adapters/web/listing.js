// List of the comments of a discussion or of one passage: its pages, and its new comments.

import { CommentView } from "./comment.js";
import { el } from "./markup.js";

const PAGE = 20;
// Above this number, new comments are loaded as a page, not one by one.
const FRESH_MAX = 40;
// Length of the part of an id that names the discussion.
const DISCUSSION_CHARACTERS = 18;

/** @typedef {import("./contract.js").Comment} Shape */

export class Listing {
  /**
   * @param {import("./reader.js").Reader} owner
   * @param {string | null} passage id of the only passage to list; null for all comments
   */
  constructor(owner, passage = null) {
    const { t } = owner;
    this.owner = owner;
    this.passage = passage;
    /** @type {Map<string, CommentView>} */
    this.views = new Map();
    // Replies that are loaded but not drawn, by id.
    /** @type {Map<string, Shape>} */
    this.folded = new Map();
    /** @type {Set<string>} */
    this.fresh = new Set();
    // True if events were missed, so that the ids of new comments are unknown.
    this.stale = false;
    // Number of new comments with unknown ids, as far as the service counted them.
    this.unnamed = 0;
    /** @type {string | null | undefined} */
    this.cursor = undefined;
    // Position up to which the list has all comments, on this page or a later one.
    this.since = 0;
    /** @type {Promise<void> | null} */
    this.busy = null;
    // Acts that the Retry button repeats, by name.
    /** @type {Map<string, () => unknown>} */
    this.failed = new Map();
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

  /** Load the next page, or the first. If a reader `asked` for it, focus its first new comment. */
  load(asked = false) {
    if (this.busy) return this.busy;
    const loading = this.loadNext(asked).finally(() => {
      // If another load is busy, the list was reloaded meanwhile.
      if (this.busy === loading) this.busy = null;
    });
    return (this.busy = loading);
  }

  /** @param {boolean} asked @returns {Promise<void>} */
  async loadNext(asked) {
    const { owner, list } = this;
    this.dropFailure("list");
    if (!owner.discussionId) return this.showState();
    this.more.setAttribute("aria-busy", "true");
    try {
      const page = await this.page();
      // The list was reloaded meanwhile.
      if (list !== this.list) return;
      if (!this.passage) owner.setOrder(page.order);
      const first = this.add(page.comments);
      for (const { id } of page.comments) this.dropFresh(id);
      if (!this.cursor) this.since = page.position;
      this.cursor = page.next;
      this.more.hidden = !page.next;
      this.showState();
      if (asked) first?.focus({ preventScroll: true });
      owner.recordPosition(page.position);
    } catch (problem) {
      if (list !== this.list) return;
      if (problem.status === 410 && this.cursor) return this.reload();
      this.showFailure("list", problem, () => this.load(asked));
    } finally {
      if (list === this.list) this.more.removeAttribute("aria-busy");
    }
  }

  /** @returns {Promise<import("./contract.js").CommentPage>} */
  async page() {
    const { owner, cursor, list } = this;
    const about = { limit: PAGE, passage: this.passage, cursor };
    try {
      return await owner.api.comments(owner.discussionId, {
        ...about,
        order: this.passage ? undefined : owner.order,
      });
    } catch (problem) {
      // The element may name an order that the site does not offer: use the site's default.
      if (problem.status !== 400 || cursor || !owner.order || list !== this.list) throw problem;
      owner.order = undefined;
      return this.page();
    }
  }

  /** Load the list again, from the first page. */
  async reload() {
    this.views.clear();
    this.folded.clear();
    const { list } = this;
    this.list = el("div", { part: "list" });
    list.replaceWith(this.list);
    this.fresh.clear();
    this.dropFailure("fresh");
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
    // One `<ol>` for each page: the browser skips the rendering of each one that is out of sight.
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
    this.state.hidden = n + this.failed.size > 0;
  }

  /**
   * Show a problem, and a button that does again all that failed.
   * @param {string} name another failure of this name is replaced
   * @param {any} problem
   * @param {() => unknown} act
   */
  showFailure(name, problem, act) {
    const { owner, failed, trouble } = this;
    const onclick = async () => {
      const acts = [...failed.values()];
      failed.clear();
      trouble.replaceChildren();
      for (const one of acts) await one();
    };
    this.state.hidden = true;
    failed.set(name, act);
    trouble.replaceChildren(
      owner.why("failed", problem),
      " ",
      el("button", { type: "button", text: owner.t("retry"), onclick }),
    );
  }

  /** Forget a failure, and its button unless something else failed. @param {string} name */
  dropFailure(name) {
    this.failed.delete(name);
    if (!this.failed.size) this.trouble.replaceChildren();
  }

  // -- one comment

  /**
   * Load and show a comment and all comments above it in its thread. Return its view, or null if
   * the discussion has no such comment.
   * @param {string} id
   * @param {number} [position]
   * @returns {Promise<CommentView | null | undefined>}
   */
  async reach(id, position) {
    const { list } = this;
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
      // The list was reloaded meanwhile.
      if (list !== this.list) return this.reach(id, position);
      if (!shape && !above.length) return null;
      // The service does not show the parent to this reader.
      if (!shape) break;
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
    // Another call may have added it meanwhile.
    const known = this.views.get(shape.id);
    if (known) return known.update(shape);
    const parent = this.parentOf(shape);
    if (parent) parent.addEarly(shape);
    else {
      if (!this.list.firstElementChild) this.list.append(el("ol", { class: "list" }));
      this.list.firstElementChild?.prepend(new CommentView(this, shape).node);
    }
  }

  /**
   * Show this reader's accepted comment in all open lists, and focus it.
   * @param {import("./contract.js").Done} done
   */
  async showOwn(done) {
    const { owner } = this;
    const view = await this.reach(done.id, done.position);
    this.dropFresh(done.id);
    for (const other of owner.listings) {
      if (other === this || (other.passage && other.passage !== view?.shape.passage)) continue;
      await other.reach(done.id);
      other.dropFresh(done.id);
    }
    if (view?.shape.parent) await owner.refresh(view.shape.parent, done.position);
    await owner.recount(done.position);
    owner.say(owner.t(done.status === "held" ? "held" : "posted"));
    view?.article.focus({ preventScroll: true });
    view?.article.scrollIntoView({ block: "nearest" });
  }

  // -- new comments

  /** @param {string} id */
  dropFresh(id) {
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
   * Apply a live event to a reply that is not drawn yet.
   * @param {string} name
   * @param {import("./contract.js").News} data
   */
  updateReply(name, data) {
    const { children: _, next_children: __, my_vote: ___, ...now } = data;
    const gone =
      name === "removed" ? { body: null, html: null, ...(data.status !== "erased" && { author: null }) } : {};
    Object.assign(this.folded.get(data.id) ?? {}, now, gone);
  }

  /** @param {string} id */
  addFresh(id) {
    if (this.views.has(id)) return;
    this.fresh.add(id);
    this.showFresh();
  }

  /** Announce that events were missed, at least `comments` new comments among them. */
  markStale(comments = 0) {
    this.stale = true;
    this.unnamed += comments;
    this.showFresh();
  }

  /** Announce new comments with a button that shows them. */
  showFresh() {
    const { t } = this.owner;
    const n = this.fresh.size;
    if (!n && !this.stale) return this.announce.replaceChildren();
    const many = n + this.unnamed;
    const text = this.stale && !many ? t("fresh_some") : t("fresh", { n: many });
    const button = this.announce.firstElementChild;
    if (button?.textContent === text) return;
    if (button) button.textContent = text;
    else this.announce.append(el("button", { type: "button", text, onclick: () => this.loadFresh() }));
    this.owner.say(text);
  }

  /**
   * Show the announced comments: replies in their threads, others on top of the list. Comments that
   * are shown already do not move. Reload the list if ids are unknown or too many.
   */
  async loadFresh() {
    const wanted = [...this.fresh];
    this.dropFailure("fresh");
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
      // Without a cursor the list is not loaded, so that its comments are not shown.
      if (!this.passage && !this.fresh.size && this.cursor !== undefined)
        this.owner.recordPosition(this.owner.follower?.position ?? 0);
      (reached.findLast((view) => view && !view.shape.parent) ?? reached.find(Boolean))?.article.focus();
    } catch (problem) {
      this.showFailure("fresh", problem, () => this.loadFresh());
    }
  }
}

/**
 * Return whether a comment belongs to a discussion, by their ids: the first 60 bits and the version
 * are equal. A page's address may name any comment of any site of the service.
 * @param {string} comment @param {string} discussion
 */
export function belongs(comment, discussion) {
  return comment.slice(0, DISCUSSION_CHARACTERS) === discussion.slice(0, DISCUSSION_CHARACTERS);
}
