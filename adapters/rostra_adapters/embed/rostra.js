// <rostra-discussion site resource>: a discussion on any page.

import { Api, personOf } from "./api.js";
import { CommentView } from "./comment.js";
import { composer } from "./compose.js";
import { el } from "./markup.js";
import { follow } from "./stream.js";
import { words } from "./strings.js";
import { sheet } from "./style.js";

const ORDERS = ["newest", "oldest", "most_voted", "best", "hot", "controversial"];
const EDIT_SECONDS = 900;
const PAGE = 20;

/**
 * Attributes: `site`, `resource`; `base` (the service, by default where this script is from);
 * `token`; `orders` (space-separated); `order` (the first shown); `for` (a selector of the article,
 * for inline feedback); `guests`; `edit-seconds`; `lang`; `theme` (`light`, `dark`); `title`, `url`
 * (of the discussion, where readers may open one). Property `getToken`: called for each request.
 * Event `rostra-position`: `detail` is the position that is shown.
 */
export class RostraDiscussion extends HTMLElement {
  static observedAttributes = ["site", "resource", "token", "lang"];

  constructor() {
    super();
    /** @type {null | (() => string | null | Promise<string | null>)} */
    this.getToken = null;
    this.views = new Map();
    this.guestToken = null;
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
  }

  connectedCallback() {
    this.start();
  }

  disconnectedCallback() {
    this.stop();
  }

  attributeChangedCallback(_, before, now) {
    if (this.isConnected && before !== now && this.life) this.start();
  }

  stop() {
    this.life?.abort();
    this.life = null;
    this.passages?.stop();
  }

  /** From the beginning, as the attributes are now. */
  async start() {
    this.stop();
    const life = (this.life = new AbortController());
    await Promise.resolve(); // attributes that come together are one change
    if (life.signal.aborted) return;
    this.site = this.getAttribute("site") ?? "";
    this.resource = this.getAttribute("resource") ?? location.origin + location.pathname;
    this.language = this.getAttribute("lang") || this.closest("[lang]")?.getAttribute("lang") || navigator.language || "en";
    this.t = words(this.language);
    this.editSeconds = Number(this.getAttribute("edit-seconds") ?? EDIT_SECONDS);
    this.order = this.order ?? this.getAttribute("order") ?? "newest";
    this.passage = null;
    const base = this.getAttribute("base") ?? new URL(import.meta.url).origin;
    this.api = new Api(base, () => this.token());
    const token = await this.token();
    if (life.signal.aborted) return;
    this.person = token ? personOf(token) : null;
    this.frame();
    try {
      const found = await this.found();
      if (life.signal.aborted) return;
      this.discussion = found;
      this.id = this.discussion?.id;
      this.show();
      await this.load();
      if (life.signal.aborted) return;
      await this.goToAddress();
      if (this.id && !life.signal.aborted) this.listen(life.signal);
    } catch (problem) {
      if (!life.signal.aborted) this.failed(problem);
    }
  }

  async token() {
    return this.guestToken ?? (this.getToken ? await this.getToken() : this.getAttribute("token"));
  }

  /** The discussion; opened where there is none, if readers may. */
  async found() {
    try {
      return await this.api.discussion(this.site, this.resource);
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      if (!this.person) return null;
      try {
        return await this.api.open(this.site, this.resource, this.getAttribute("title") ?? document.title, this.getAttribute("url") ?? location.href);
      } catch {
        return null;
      }
    }
  }

  get writable() {
    return Boolean(this.person && this.discussion?.open);
  }

  // -- the frame

  frame() {
    const { t } = this;
    const orders = (this.getAttribute("orders") ?? "newest oldest most_voted").split(/\s+/).filter((one) => ORDERS.includes(one));
    this.count = el("h2", { part: "count", text: t("discussion"), tabindex: -1 });
    this.tabs = el("div", { class: "tabs", role: "group", "aria-label": t("orders") },
      ...orders.map((order) => el("button", { type: "button", "data-order": order, text: t(order), onclick: () => this.reorder(order) })));
    this.state = el("p", { class: "state", text: t("loading") });
    this.aside = el("div", {});
    this.form = el("div", {});
    this.announce = el("div", { class: "announce" });
    this.list = el("ol", { class: "list", part: "list" });
    this.more = el("button", { type: "button", text: t("more"), hidden: true, onclick: () => this.load() });
    this.polite = el("div", { class: "hidden", role: "status", "aria-live": "polite" });
    const section = el("section", { "aria-label": t("discussion"), lang: this.language },
      el("header", { class: "top" }, this.count, this.tabs), this.aside, this.form, this.announce,
      this.state, this.list, this.more, this.polite);
    this.shadowRoot.replaceChildren(section);
    this.views.clear();
    this.fresh = new Set();
    this.cursor = undefined;
    this.position = 0;
  }

  show() {
    this.showCount();
    this.showOrder();
    this.showForm();
    const article = this.getAttribute("for") && document.querySelector(this.getAttribute("for"));
    if (article && this.id) this.mark(article).catch((problem) => console.warn("rostra: passages", problem));
  }

  /** Inline feedback; a page without it does not load what it needs. */
  async mark(article) {
    const { signal } = this.life;
    const { Passages } = await import("./passages.js");
    if (signal.aborted) return;
    this.passages = new Passages(this, article);
    await this.passages.load();
  }

  showCount() {
    const n = this.discussion?.comments ?? 0;
    this.count.textContent = n === 1 ? this.t("comment") : this.t("comments", { n: new Intl.NumberFormat(this.language).format(n) });
  }

  showOrder() {
    for (const tab of this.tabs.children) tab.setAttribute("aria-pressed", String(tab.dataset.order === this.order));
  }

  showForm() {
    const { t } = this;
    if (this.discussion && !this.discussion.open) return this.form.replaceChildren(el("p", { class: "state", text: t("closed") }));
    if (!this.person) return this.form.replaceChildren(...this.signIn());
    if (!this.discussion) return this.form.replaceChildren();
    const about = this.passage;
    const { form } = composer(this, {
      label: t(about ? "write_inline" : "write"),
      draft: about ? `passage:${about.id}` : "top",
      send: t("send"),
      submit: async (body, key) => this.posted(await this.api.post(this.id, about ? { body, passage: about.id } : { body }, key)),
    });
    this.form.replaceChildren(form);
  }

  signIn() {
    const { t } = this;
    const said = el("p", { class: "state", text: t("sign_in") });
    if (!this.hasAttribute("guests")) return [said];
    const name = el("input", { type: "text", id: "guest", maxlength: 100, autocomplete: "nickname", required: true, dir: "auto" });
    const error = el("div", { class: "error", role: "alert" });
    const form = el("form", {
      class: "write",
      onsubmit: async (event) => {
        event.preventDefault();
        try {
          this.guestToken = (await this.api.guest(this.site, name.value)).token;
          await this.start();
        } catch (problem) {
          error.textContent = t("failed", { why: problem.message });
        }
      },
    }, el("label", { for: "guest", text: t("name") }), name, error,
      el("div", { class: "foot" }, el("button", { class: "primary", type: "submit", text: t("guest") })));
    return [said, form];
  }

  failed(problem) {
    const again = el("button", { type: "button", text: this.t("retry"), onclick: () => this.start() });
    this.state.replaceChildren(this.t("failed", { why: problem.status ? problem.message : this.t("offline") }), " ", again);
    this.state.hidden = false;
  }

  /** What a screen reader says. */
  say(text) {
    this.polite.textContent = "";
    requestAnimationFrame(() => (this.polite.textContent = text));
    this.state.textContent = text;
    this.state.hidden = false;
  }

  // -- comments

  query() {
    return { order: this.order, limit: PAGE, passage: this.passage?.id };
  }

  /** The next page, the first one if there was none. */
  async load() {
    if (!this.id) {
      this.state.textContent = this.t("none");
      return;
    }
    this.more.disabled = true;
    try {
      const { list } = this;
      const page = await this.api.comments(this.id, { ...this.query(), cursor: this.cursor });
      if (list !== this.list) return; // begun anew meanwhile
      this.position = Math.max(this.position, page.position);
      this.add(page.comments);
      this.cursor = page.next;
      this.more.hidden = !page.next;
      this.state.hidden = this.list.childElementCount > 0;
      this.state.textContent = this.list.childElementCount ? "" : this.t("none");
    } catch (problem) {
      if (problem.status === 410 && this.cursor) return this.reload();
      this.failed(problem);
    } finally {
      this.more.disabled = false;
    }
    this.dispatchEvent(new CustomEvent("rostra-position", { detail: this.position, bubbles: true, composed: true }));
  }

  add(shapes) {
    const made = document.createDocumentFragment();
    for (const shape of shapes) {
      const known = this.views.get(shape.id);
      if (known) known.update(shape);
      else made.append(new CommentView(this, shape).node);
    }
    this.list.append(made);
  }

  async reload() {
    this.views.clear();
    this.list.replaceChildren();
    this.fresh.clear();
    this.showFresh();
    this.cursor = undefined;
    this.state.textContent = this.t("loading");
    this.state.hidden = false;
    await this.load();
  }

  async reorder(order) {
    this.order = order;
    this.showOrder();
    await this.reload();
  }

  /** Only the comments on a passage; null: all. */
  async about(passage) {
    this.passage = passage;
    const { t } = this;
    this.aside.replaceChildren();
    if (passage) {
      const back = el("button", { type: "button", text: t("all"), onclick: () => this.about(null) });
      this.aside.append(el("div", { class: "passage" }, el("blockquote", { text: passage.exact, dir: "auto" }),
        passage.question && el("p", { text: passage.question, dir: "auto" }) || "", back));
      this.scrollIntoView({ block: "start", behavior: calm() ? "auto" : "smooth" });
    }
    this.showForm();
    await this.reload();
    this.count.focus({ preventScroll: true });
  }

  /** A comment of this reader's has been taken. */
  async posted(done) {
    const shape = await this.api.comment(done.id, { min_position: done.position });
    if (!this.views.has(shape.id)) {
      const above = shape.parent && this.views.get(shape.parent);
      const view = new CommentView(this, shape);
      if (above) {
        above.children.append(view.node);
        above.shape.replies += 1;
        above.toggle(true);
      } else {
        this.list.prepend(view.node);
      }
    }
    this.state.textContent = "";
    this.say(this.t(done.status === "held" ? "held" : "posted"));
    await this.recount(done.position);
    this.views.get(shape.id)?.article.scrollIntoView({ block: "nearest" });
  }

  async refresh(comment, position) {
    const view = this.views.get(comment);
    if (view) view.update({ ...view.shape, ...(await this.api.comment(comment, { min_position: position })) });
    await this.recount(position);
  }

  async recount(position) {
    this.discussion = await this.api.get(`/v1/discussions/${this.id}`, { min_position: position });
    this.showCount();
  }

  // -- permalinks

  permalink(event, comment, copy = false) {
    event.preventDefault();
    history.replaceState(null, "", `#comment-${comment}`);
    this.point(comment);
    if (copy) {
      navigator.clipboard?.writeText(location.href).then(() => this.say(this.t("copied")), () => {});
    }
  }

  point(comment) {
    for (const view of this.views.values()) view.article.classList.toggle("here", view.shape.id === comment);
    this.views.get(comment)?.article.focus();
  }

  /** To the comment that the page's address names, whereever it stands. */
  async goToAddress() {
    const named = /^#comment-([0-9a-f-]{36})$/.exec(location.hash)?.[1];
    if (!named || !this.id) return;
    const above = [];
    for (let at = named; at && !this.views.has(at); ) {
      const shape = await this.api.comment(at).catch(() => null);
      if (!shape) return;
      above.unshift(shape);
      at = shape.parent;
    }
    for (const shape of above) {
      const parent = this.views.get(shape.parent);
      const view = new CommentView(this, shape);
      if (parent) parent.children.append(view.node);
      else this.list.prepend(view.node);
    }
    for (let view = this.views.get(named); view; view = this.views.get(view.shape.parent)) {
      if (view.shape.id !== named) view.toggle(true);
    }
    this.point(named);
    this.views.get(named)?.article.scrollIntoView({ block: "center" });
  }

  // -- live

  listen(signal) {
    const tell = {
      event: (name, data) => this.heard(name, data),
      connected: (now) => this.toggleAttribute("connected", now),
      lost: () => this.reload(),
    };
    follow(this.api, `/v1/discussions/${this.id}/live`, this.position, tell, signal);
  }

  heard(name, data) {
    const view = this.views.get(data.id);
    if (name === "vote") view?.totals(data);
    else if (name === "removed") this.gone(view, data);
    else if (name === "passage") this.passages?.changed(data);
    else if (name === "comment") this.heardComment(view, data);
  }

  heardComment(view, data) {
    if (view) {
      const { children: _, next_children: __, ...rest } = data;
      view.update({ ...view.shape, ...rest, my_vote: view.shape.my_vote });
      return;
    }
    if (this.person && data.author?.id === this.person.id) return; // shown by whoever posted it, or on reload
    if (this.passage && data.passage !== this.passage.id) return;
    this.fresh.add(data.id);
    this.showFresh();
    this.recount(undefined).catch(() => {});
  }

  gone(view, data) {
    this.fresh.delete(data.id);
    this.showFresh();
    if (view) view.update({ ...view.shape, status: data.status, body: null, html: null, author: null });
    this.recount(undefined).catch(() => {});
  }

  /** New comments are announced; they come when the reader says so. */
  showFresh() {
    const n = this.fresh.size;
    if (!n) return this.announce.replaceChildren();
    const text = n === 1 ? this.t("fresh_1") : this.t("fresh", { n });
    const button = this.announce.firstElementChild;
    if (button) button.textContent = text;
    else this.announce.append(el("button", { type: "button", text, onclick: () => this.takeFresh() }));
    this.polite.textContent = text;
  }

  async takeFresh() {
    const wanted = [...this.fresh];
    if (this.order !== "newest") this.order = "newest";
    this.showOrder();
    await this.reload();
    const first = wanted.map((id) => this.views.get(id)).find(Boolean);
    (first?.article ?? this.count).focus();
  }
}

function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

customElements.define("rostra-discussion", RostraDiscussion);
