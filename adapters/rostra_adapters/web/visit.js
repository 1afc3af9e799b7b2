// New comments since a person's last visit: their number, a way from one to the next, and the read
// mark.

import { el } from "./markup.js";
import { watchVisibility } from "./near.js";
import { readStored, store } from "./storage.js";

const PAGE = 50;
const PAGES_MAX = 4;
const SEEN_MS = 1_000; // time in sight after which a list counts as read
const SEEN = "rostra:seen:";

export class Visit {
  /** @type {string[]} ids of new comments, the oldest first */
  ids = [];
  /** Number of the new comments in `ids` that were visited. */
  visited = 0;
  /** Position up to which the person has read, as far as this page knows. */
  mark = 0;
  inSight = false;
  /** @type {number | undefined} */
  timer = undefined;

  /** @param {import("./reader.js").Reader} owner @param {import("./strings.js").Translate} t */
  constructor(owner, t) {
    this.owner = owner;
    this.t = t;
    this.place = `${SEEN}${owner.discussionId}:${owner.person?.id}`;
    this.said = el("span", {});
    this.go = el("button", { type: "button", class: "primary", onclick: () => this.next() });
    this.node = el("div", { class: "since", part: "since", hidden: true }, this.said, this.go);
  }

  async begin() {
    const { owner } = this;
    const { signal } = owner.life;
    const since = readStored(this.place);
    const { comments, more } = await owner.api.get(`/v1/discussions/${owner.discussionId}/news`);
    if (comments) {
      this.ids = await this.find(comments);
      for (const id of this.ids) owner.news.add(id);
      if (this.ids.length) this.show(more ? `${comments}+` : comments, since);
    }
    // Passages load first: they count new comments by the read mark from before this visit.
    await owner.passagesLoaded;
    if (signal.aborted) return;
    owner.root.addEventListener("keydown", (event) => this.onKeydown(/** @type {KeyboardEvent} */ (event)), { signal });
    document.addEventListener("visibilitychange", () => this.check(), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.timer));
    watchVisibility([owner.main.node], "0px", signal, (now) => {
      this.inSight = now;
      this.check();
    });
  }

  /**
   * Return the ids of new comments. Most of them are among the latest comments.
   * @param {number} many
   */
  async find(many) {
    const { api, discussionId, rules } = this.owner;
    const order = rules.orders.includes("newest") ? "newest" : undefined;
    /** @type {import("./contract.js").Comment[]} */
    const found = [];
    let cursor = null;
    for (let page = 0; page < PAGES_MAX && found.length < many; page += 1) {
      /** @type {import("./contract.js").CommentPage} */
      const read = await api.comments(discussionId, { flat: true, order, limit: PAGE, cursor });
      for (const shape of read.comments) if (shape.new) found.push(shape);
      cursor = read.next;
      if (!cursor) break;
    }
    found.reverse(); // equal times remain in the order of the list
    return found.sort((one, other) => one.posted_at.localeCompare(other.posted_at)).map((shape) => shape.id);
  }

  /** @param {number | string} n @param {string | null} since */
  show(n, since) {
    const { owner, t } = this;
    const { language } = owner;
    const now = new Date(owner.clock.now());
    const then = since && new Date(since);
    const year = then && then.getFullYear() !== now.getFullYear() ? "numeric" : undefined;
    const date = then && new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year }).format(then);
    this.said.textContent = date ? t("since", { n, date }) : t("since_last", { n });
    this.go.textContent = t("next_new");
    this.node.hidden = false;
    for (const view of owner.main.views.values()) if (owner.isNew(view.shape)) view.update(view.shape);
  }

  /** @param {KeyboardEvent} event */
  onKeydown(event) {
    const { target } = event;
    const types = target instanceof Element && target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "n" || types || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.node.hidden && !this.owner.main.fresh.size) return;
    event.preventDefault();
    this.next();
  }

  /**
   * Move to the next new comment. After the last one, show comments that arrived meanwhile, or
   * start again. Hide the bar if none of the new comments is there any more.
   * @param {boolean} [isAgain] true if the search has begun again
   */
  async next(isAgain = false) {
    const { owner, t } = this;
    owner.main.dropFailure("visit");
    try {
      while (this.visited < this.ids.length) {
        const view = await owner.main.reach(this.ids[this.visited]);
        this.visited += 1;
        if (!view) continue; // it was removed meanwhile
        this.said.textContent = t("nth_new", { n: this.visited, of: this.ids.length });
        if (this.visited === this.ids.length) this.go.textContent = t("again");
        owner.point(view);
        view.article.scrollIntoView({ block: "center" });
        owner.say(this.said.textContent);
        return;
      }
      this.visited = 0;
      if (owner.main.fresh.size) await owner.main.loadFresh();
      else if (this.ids.length && !isAgain) await this.next(true);
      else this.node.hidden = true;
    } catch (problem) {
      owner.main.showFailure("visit", problem, () => this.next());
    }
  }

  /** Start the wait for a new read mark if the list is in sight and ahead of the mark. */
  check() {
    clearTimeout(this.timer);
    if (!this.inSight || document.visibilityState !== "visible" || this.owner.position <= this.mark) return;
    // A failed request is repeated when more is shown.
    this.timer = setTimeout(() => this.put().catch(() => {}), SEEN_MS);
  }

  async put() {
    const { owner } = this;
    const { position } = owner;
    const path = `/v1/discussions/${owner.discussionId}/read`;
    const done = await owner.api.ask("PUT", path, { position });
    this.mark = Math.max(this.mark, done.position);
    store(this.place, new Date(owner.clock.now()).toISOString());
    this.check(); // more may be shown by now
  }
}
