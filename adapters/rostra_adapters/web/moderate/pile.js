// A list of comments with pages, a current comment for keys, a selection, and changes by others.

import { el } from "../markup.js";
import { watchVisibility } from "../near.js";
import { Item } from "./item.js";

/** @typedef {import("./shapes.js").Queued} Queued */
/** @typedef {import("./shapes.js").Action} Action */
/** @typedef {import("./shapes.js").QueuePage} QueuePage */
/** @typedef {(cursor: string | null) => Promise<QueuePage>} Fetch */

const OLDEST_FIRST = ["held", "flagged", "pending"];

/** @type {Record<string, (shape: Queued) => boolean>} by queue: tests if a comment is in it */
const BELONGS = {
  held: ({ status, pending }) => status === "held" || Boolean(pending),
  flagged: ({ flags }) => flags.length > 0,
  pending: ({ pending }) => Boolean(pending),
  removed: ({ status }) => status === "removed",
};

export class Pile {
  /** @type {Map<string, Item>} in the order of the list */
  items = new Map();
  /** @type {Set<Item>} */
  selected = new Set();
  /** @type {Item | null} the comment that keys act on */
  current = null;
  /** @type {string | null} */
  next = null;
  /** @type {string[]} ids of new comments that the list does not show yet */
  fresh = [];

  /**
   * @param {import("./desk.js").Desk} desk
   * @param {Fetch} fetch
   * @param {string} queue the queue's name; "" for a list that is no queue
   */
  constructor(desk, fetch, queue = "") {
    this.desk = desk;
    this.fetch = fetch;
    this.queue = queue;
    const { t } = desk;
    this.all = el("input", { type: "checkbox", onchange: () => this.selectAll(this.all.checked) });
    this.bulk = el("div", { class: "bulk", role: "group", "aria-label": t("selection") });
    this.announce = el("div", { class: "announce" });
    this.list = el("ul", { class: "list", "aria-label": t("comments_list") });
    this.empty = el("p", { class: "state", hidden: true, tabindex: -1, text: t(`none_${queue || "found"}`) });
    this.more = el("button", { type: "button", class: "more", hidden: true, text: t("more") });
    this.more.addEventListener("click", () => desk.attempt(() => this.load()));
    this.node = el("div", {}, this.bulk, this.announce, this.list, this.empty, this.more);
    this.#showBulk();
  }

  /** @returns {Promise<QueuePage>} */
  async load() {
    const asked = this.next !== null;
    const page = await this.fetch(this.next);
    const first = this.#append(page.comments);
    this.next = page.next ?? null; // the results of a search are one page
    this.#showState();
    if (asked) first?.article.focus();
    return page;
  }

  /** Empty the list and load its first page. */
  async reload() {
    for (const item of this.items.values()) item.node.remove();
    this.items.clear();
    this.selected.clear();
    [this.current, this.next, this.fresh] = [null, null, []];
    const page = await this.load();
    this.#showFresh();
    return page;
  }

  /** @param {Queued[]} shapes */
  #append(shapes) {
    /** @type {Item[]} */
    const made = [];
    for (const shape of shapes) {
      const known = this.items.get(shape.id);
      if (known) known.update(shape);
      else {
        const item = new Item(this, shape);
        this.items.set(shape.id, item);
        made.push(item);
        watchVisibility([item.node], "0px", this.desk.life.signal, (isSeen) => isSeen && item.showRecord());
      }
    }
    this.list.append(...made.map((item) => item.node));
    return made[0];
  }

  #showState() {
    this.empty.hidden = this.items.size > 0;
    this.list.hidden = !this.items.size;
    this.more.hidden = this.next === null;
    this.#showBulk();
  }

  // -- the comment that keys act on

  /** @param {Item} item */
  enter(item) {
    if (this.current === item) return;
    this.current?.article.classList.remove("here");
    this.current = item;
    item.article.classList.add("here");
  }

  /** @param {number} by 1 for the next comment, -1 for the previous one */
  async move(by) {
    const all = [...this.items.values()];
    if (!all.length) return;
    const at = this.current ? all.indexOf(this.current) : -1;
    if (at + by >= all.length && this.next !== null) return void (await this.load());
    this.focus(all[Math.min(all.length - 1, Math.max(0, at + by))]);
  }

  /** @param {Item | undefined} item */
  focus(item) {
    if (!item) return void this.empty.focus();
    this.enter(item);
    item.article.focus({ preventScroll: true });
    item.node.scrollIntoView({ block: "nearest" });
  }

  /** Return the items for an act: the selection, else the current item, else the first one. */
  get chosen() {
    if (this.selected.size) return [...this.items.values()].filter((item) => this.selected.has(item));
    const current = this.current ?? [...this.items.values()][0];
    return current ? [current] : [];
  }

  // -- the selection

  /** @param {Item} item @param {boolean} [is] */
  select(item, is = !this.selected.has(item)) {
    if (is) this.selected.add(item);
    else this.selected.delete(item);
    item.check.checked = is;
    item.article.classList.toggle("selected", is);
    this.#showBulk();
  }

  /** @param {boolean} is */
  selectAll(is) {
    for (const item of this.items.values()) this.select(item, is && !item.isGone);
    if (is) this.desk.say(this.desk.t("selected", { n: this.selected.size }));
  }

  #showBulk() {
    const { t, focused } = this.desk;
    const had = this.bulk.contains(focused) && focused !== this.all ? focused?.dataset.does : undefined;
    const n = this.selected.size;
    this.all.checked = n > 0 && n === this.items.size;
    this.all.indeterminate = n > 0 && n < this.items.size;
    const acts = /** @type {const} */ (["approve", "reject", "hold", "remove", "restore"]);
    const button = (/** @type {Action} */ action) =>
      el("button", {
        type: "button",
        "data-does": action,
        text: t(action),
        onclick: () => this.desk.act(action, this.chosen),
      });
    const choice = el("label", { class: "choice" }, this.all, n ? t("selected", { n }) : t("select_all"));
    if (!this.bulk.contains(this.all)) this.bulk.replaceChildren(choice);
    this.bulk.firstChild?.replaceWith(choice);
    for (const old of [...this.bulk.children].slice(1)) old.remove();
    if (n) this.bulk.append(...acts.map(button));
    this.bulk.hidden = !this.items.size;
    if (had) /** @type {HTMLElement | null} */ (this.bulk.querySelector(`[data-does="${had}"]`))?.focus();
  }

  // -- changes

  /**
   * Show a changed comment, or remove a comment that no longer belongs to the queue.
   * @param {Item} item
   * @param {Queued} shape
   */
  change(item, shape) {
    item.update(shape);
    this.select(item, false);
    if (BELONGS[this.queue]?.(shape) ?? true) return;
    this.remove(item);
  }

  /** @param {Item} item */
  remove(item) {
    const all = [...this.items.values()];
    const at = all.indexOf(item);
    const had = item.node.contains(this.desk.focused);
    this.items.delete(item.shape.id);
    this.selected.delete(item);
    item.node.remove();
    if (this.current === item) {
      item.article.classList.remove("here");
      const following = all[at + 1] ?? all[at - 1];
      this.current = null;
      if (following) this.enter(following);
      if (had) this.focus(following);
    }
    this.#showState();
    if (this.items.size === 0 && this.next !== null) this.desk.attempt(() => this.reload());
  }

  /** @param {Item} item a comment that an undo puts back into the list */
  restore(item, shape = item.shape) {
    item.update(shape);
    item.isBack = true;
    if (this.items.has(shape.id)) return;
    this.items = new Map([[shape.id, item], ...this.items]);
    this.list.prepend(item.node);
    this.#showState();
  }

  /**
   * Merge a new copy of the first page. New comments on top are only announced, so that the list
   * does not move while a moderator reads it.
   * @param {QueuePage} page
   */
  merge({ comments, next }) {
    const now = new Map(comments.map((shape) => [shape.id, shape]));
    const isWhole = next === null;
    const shown = [...this.items.values()];
    const covered = isWhole ? shown : shown.slice(0, comments.length);
    for (const item of covered) {
      const shape = now.get(item.shape.id);
      if (!shape) this.#dropMissing(item, isWhole);
      else item.refresh(shape);
    }
    const added = comments.filter(({ id }) => !this.items.has(id));
    if (!OLDEST_FIRST.includes(this.queue)) this.fresh = this.items.size ? added.map(({ id }) => id) : [];
    if (added.length && !this.items.size) return void this.desk.attempt(() => this.reload());
    if (added.length && OLDEST_FIRST.includes(this.queue) && this.next === null) {
      this.#append(added);
      this.next = next;
      this.#showState();
    }
    this.#showFresh();
  }

  /** @param {Item} item @param {boolean} isWhole */
  #dropMissing(item, isWhole) {
    // The comment may be on a later page.
    if (!isWhole && (item.isBack || !OLDEST_FIRST.includes(this.queue))) return;
    if (item === this.current || this.selected.has(item)) item.setGone();
    else this.remove(item);
  }

  #showFresh() {
    const n = this.fresh.length;
    const show = () =>
      this.desk.attempt(async () => {
        await this.reload();
        this.focus([...this.items.values()][0]);
      });
    this.announce.replaceChildren(
      ...(n ? [el("button", { type: "button", text: this.desk.t("fresh", { n }), onclick: show })] : []),
    );
  }
}
