// <rostra-discussion site resource>: a discussion on any page.

import { Api } from "./api.js";
import { composer } from "./compose.js";
import { guestForm } from "./guests.js";
import { Listing } from "./listing.js";
import { el } from "./markup.js";
import { Session, personOf } from "./session.js";
import { follow } from "./stream.js";
import { speech } from "./strings.js";
import style from "./style.css" with { type: "css" };

/** @typedef {() => string | null | Promise<string | null>} GetToken */
/** @typedef {import("./comment.js").CommentView} CommentView */

const ORDERS = ["newest", "oldest", "most_voted"];
const TICK_MS = 10_000;
const SLICE_MS = 8;
const RECOUNT_MS = 100;
/** @type {import("./contract.js").Rules} what holds until the service has said so */
const RULES = {
  orders: ORDERS,
  voting: "both",
  edit_seconds: 900,
  self_votes: false,
  guests: false,
  open_on_first: false,
  may_mark: false,
};

/**
 * Attributes: `site`, `resource`; `base` (the service, by default where this script is from);
 * `token`; `orders` (space-separated, of those that the site offers); `order` (the first shown);
 * `for` (a selector of the article, for inline feedback); `guests` (`off`: not on this page);
 * `lang`; `theme` (`light`, `dark`).
 * Property `getToken`: called whenever a token is needed. Events: `rostra-position`, whose `detail`
 * is the position that is shown; `rostra-token-refused`.
 */
export class RostraDiscussion extends HTMLElement {
  static observedAttributes = ["site", "resource", "token", "lang", "orders", "for"];

  /** @type {GetToken | null} */
  #getToken = null;
  /** @type {import("./contract.js").Rules} */
  rules = RULES;
  /** @type {AbortController | null} */
  life = null;
  /** @type {import("./passages.js").Passages | null} */
  passages = null;
  /** @type {import("./contract.js").Discussion | null} */
  discussion = null;
  /** Empty where there is none yet. */
  discussionId = "";
  /** @type {import("./session.js").Person | null} */
  person = null;
  /** @type {string | undefined} the order that is shown; the service's own if undefined */
  order = undefined;
  /** @type {Promise<void> | null} a comment that is on its way */
  sending = null;
  /** @type {number | null} */
  recounting = null;
  position = 0;

  // What follows is set by start(), before anything reads it.
  /** @type {string} */
  site;
  /** @type {string} */
  resource;
  /** @type {string} */
  language;
  /** @type {import("./strings.js").Translate} */
  t;
  /** @type {Session} */
  session;
  /** @type {Api} */
  api;
  /** @type {Listing} */
  main;
  /** @type {HTMLElement} */
  count;
  /** @type {HTMLElement} */
  tabs;
  /** @type {HTMLElement} */
  form;
  /** @type {HTMLElement} */
  polite;
  /** @type {ShadowRoot} */
  root;

  constructor() {
    super();
    this.root = this.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = [style];
    // It may have been set before this script was there.
    if (Object.hasOwn(this, "getToken")) {
      const own = /** @type {{getToken?: GetToken | null}} */ (this);
      const given = own.getToken ?? null;
      delete own.getToken;
      this.#getToken = given;
    }
  }

  /** @type {GetToken | null} */
  get getToken() {
    return this.#getToken;
  }

  set getToken(given) {
    this.#getToken = given;
    this.session?.forget();
    this.personChanged();
  }

  connectedCallback() {
    this.start();
  }

  disconnectedCallback() {
    this.stop();
  }

  /** @param {string} name @param {string | null} before @param {string | null} now */
  attributeChangedCallback(name, before, now) {
    if (!this.life || before === now) return;
    if (name !== "token") return void this.start();
    this.session?.forget();
    this.personChanged();
  }

  stop() {
    this.life?.abort();
    this.life = null;
    this.passages?.stop();
    this.passages = null;
  }

  /** From the beginning, as the attributes are now. */
  async start() {
    this.stop();
    const life = (this.life = new AbortController());
    await Promise.resolve(); // attributes that come together are one change
    if (life.signal.aborted) return;
    this.site = this.getAttribute("site") ?? "";
    this.resource = this.getAttribute("resource") ?? location.origin + location.pathname;
    const wanted =
      this.getAttribute("lang") || this.closest("[lang]")?.getAttribute("lang") || navigator.language || "en";
    ({ t: this.t, language: this.language } = speech(wanted));
    this.order ??= this.getAttribute("order") ?? undefined;
    this.session = new Session(this, this.site);
    this.api = new Api(this.getAttribute("base") ?? new URL(import.meta.url).origin, this.session);
    this.position = 0;
    this.person = await this.session.person();
    if (life.signal.aborted) return;
    const asked = this.ask(); // while that is on its way the frame is drawn
    this.frame();
    await this.read(life.signal, asked);
  }

  ask() {
    return { ruled: this.api.rules(this.site, this.resource).catch(() => null), finding: this.found() };
  }

  /** @param {AbortSignal} signal @param {ReturnType<RostraDiscussion["ask"]>} [asked] */
  async read(signal, { ruled, finding } = this.ask()) {
    this.main.trouble.replaceChildren();
    try {
      const found = await finding;
      if (signal.aborted) return;
      this.discussion = found;
      this.discussionId = found?.id ?? "";
      this.showCount();
      await this.main.load();
      this.ruled(await ruled);
      if (signal.aborted) return;
      window.addEventListener("hashchange", () => this.goToAddress(), { signal });
      const ticking = setInterval(() => this.tick(), TICK_MS);
      signal.addEventListener("abort", () => clearInterval(ticking));
      await this.goToAddress();
      if (this.discussionId && !signal.aborted) this.live(signal);
    } catch (problem) {
      if (!signal.aborted) this.main.failed(problem, () => this.read(signal));
    }
  }

  /**
   * The discussion, null where there is none yet.
   * @returns {Promise<import("./contract.js").Discussion | null>}
   */
  async found() {
    try {
      return await this.api.discussion(this.site, this.resource);
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      return null;
    }
  }

  /** Where there is none yet, the first comment opens it, if readers may. */
  async opened() {
    if (this.discussionId) return this.discussionId;
    const made = await this.api.open(this.site, this.resource);
    this.discussionId = made.id;
    this.discussion = await this.api.get(`/v1/discussions/${made.id}`, { min_position: made.position });
    if (this.life) this.live(this.life.signal);
    return this.discussionId;
  }

  /** @param {AbortSignal} signal */
  live(signal) {
    this.inline(signal).catch((problem) => console.warn("rostra: passages", problem));
    /** @type {import("./stream.js").Listener} */
    const tell = {
      event: (name, data) => this.heard(name, data),
      connected: (now) => this.toggleAttribute("connected", now),
      lost: () => this.listings.forEach((one) => one.lost()),
    };
    follow(this.api, `/v1/discussions/${this.discussionId}/live`, this.position, tell, signal);
  }

  /**
   * Inline feedback; a page without it does not load what it needs.
   * @param {AbortSignal} signal
   */
  async inline(signal) {
    if (!this.getAttribute("for")) return;
    const { Passages } = await import("./passages.js");
    if (signal.aborted) return;
    this.passages = new Passages(this);
    await this.passages.load();
  }

  /** Whether this reader may write here. */
  get writable() {
    return Boolean(this.person && (this.discussion ? this.discussion.open : this.rules.open_on_first));
  }

  /** The whole discussion's list, and that of a passage where one is open. */
  get listings() {
    const panel = this.passages?.panel;
    return panel ? [this.main, panel.listing] : [this.main];
  }

  /** What has the focus in here. */
  get focused() {
    return /** @type {HTMLElement | null} */ (this.root.activeElement);
  }

  // -- the frame

  frame() {
    const { t } = this;
    this.count = el("h2", { part: "count", text: t("discussion"), tabindex: -1 });
    this.tabs = el("div", { class: "tabs", role: "group", "aria-label": t("orders") });
    this.form = el("div", {});
    this.polite = el("div", { class: "hidden", role: "status", "aria-live": "polite" });
    this.main = new Listing(this);
    const section = el(
      "section",
      { "aria-label": t("discussion"), lang: this.language },
      el("header", { class: "top" }, this.count, this.tabs),
      this.form,
      this.main.node,
      this.polite,
    );
    this.root.replaceChildren(section);
    this.showOrders();
    this.showForm();
  }

  /**
   * What holds for this discussion is known by now.
   * @param {import("./contract.js").Rules | null} rules
   */
  ruled(rules) {
    if (!rules) return;
    this.rules = rules;
    this.showOrders();
    this.showForm();
    for (const view of this.main.views.values()) if (view.mine || rules.voting !== "both") view.showDoes();
  }

  showCount() {
    this.count.textContent = this.t("comments", { n: this.discussion?.comments ?? 0 });
  }

  tabElements() {
    return /** @type {HTMLElement[]} */ ([...this.tabs.children]);
  }

  /** Those that the site offers, or of these what the page asks for; what is shown is one of them. */
  showOrders() {
    const asked = this.getAttribute("orders")?.split(/\s+/);
    const usual = [...ORDERS, ...this.rules.orders.filter((one) => !ORDERS.includes(one))];
    const orders = (asked ?? usual).filter((one) => this.rules.orders.includes(one) || one === this.order);
    if (
      orders.join() !==
      this.tabElements()
        .map((tab) => tab.dataset.order)
        .join()
    ) {
      this.tabs.replaceChildren(
        ...orders.map((order) =>
          el("button", {
            type: "button",
            "data-order": order,
            text: this.t(order),
            onclick: () => this.reorder(order),
          }),
        ),
      );
    }
    for (const tab of this.tabElements()) tab.setAttribute("aria-pressed", String(tab.dataset.order === this.order));
  }

  /** @param {string} order */
  ordered(order) {
    this.order = order;
    this.showOrders();
  }

  /** @param {string} order */
  async reorder(order) {
    this.ordered(order);
    await this.main.reload();
  }

  /** A form to write in, or why there is none; one that stands there already is left alone. */
  showForm() {
    const { t } = this;
    const closed = this.discussion && !this.discussion.open;
    const kind = closed
      ? "closed"
      : this.writable
        ? `write ${this.person?.id}`
        : this.person
          ? "none"
          : `guest ${this.rules.guests}`;
    if (kind === this.form.dataset.kind) return;
    this.form.dataset.kind = kind;
    if (closed) this.form.replaceChildren(el("p", { class: "state", text: t("closed") }));
    else if (this.writable) this.form.replaceChildren(this.composer().form);
    else if (this.person) this.form.replaceChildren();
    else this.form.replaceChildren(...guestForm(this));
  }

  composer() {
    /** @type {(body: string, key: string) => Promise<void>} */
    const submit = async (body, key) => this.main.posted(await this.api.post(await this.opened(), { body }, key));
    return composer(this, { label: this.t("write"), draft: "top", send: this.t("send"), submit });
  }

  /**
   * What went wrong, in a sentence of `name`.
   * @param {string} name
   * @param {any} problem
   */
  why(name, problem) {
    return this.t(name, { why: problem.status ? problem.message.replace(/[^.!?。]$/, "$&.") : this.t("offline") });
  }

  /**
   * What a screen reader says, when it has time.
   * @param {string} text
   */
  say(text) {
    this.polite.textContent = "";
    requestAnimationFrame(() => (this.polite.textContent = text));
  }

  /** @param {number} position */
  shown(position) {
    this.position = Math.max(this.position, position);
    this.dispatchEvent(new CustomEvent("rostra-position", { detail: this.position, bubbles: true, composed: true }));
  }

  /** A few at a time: there may be thousands. */
  async tick() {
    let until = performance.now() + SLICE_MS;
    for (const view of this.listings.flatMap((one) => [...one.views.values()])) {
      if (performance.now() > until) {
        await new Promise((done) => setTimeout(done));
        until = performance.now() + SLICE_MS;
      }
      view.tick();
    }
  }

  // -- who reads

  /** The page's token is another, or was refused; with the same person all stays as it is. */
  async personChanged() {
    const { life, session } = this;
    if (!life || !session) return;
    const person = await session.person();
    if (life !== this.life || session !== this.session || person?.id === this.person?.id) return;
    await this.start();
  }

  /** @param {string} token */
  async enter(token) {
    this.session.enter(token);
    this.person = personOf(token);
    await this.start();
    this.form.querySelector("textarea")?.focus();
  }

  // -- comments

  /** @param {string} comment @param {number} [position] */
  async refresh(comment, position) {
    const held = this.listings.map((one) => one.views.get(comment)).filter((view) => view !== undefined);
    if (!held.length) return;
    const shape = await this.api.comment(comment, { min_position: position });
    for (const view of held) view.update({ ...view.shape, pending: undefined, ...shape });
    await this.recount(position);
  }

  /** @param {number} [position] */
  async recount(position) {
    this.discussion = await this.api.get(`/v1/discussions/${this.discussionId}`, { min_position: position });
    this.showCount();
  }

  /** Once for all that comes together. */
  recounted() {
    this.recounting ??= setTimeout(() => {
      this.recounting = null;
      this.recount().catch(() => {});
    }, RECOUNT_MS);
  }

  /** @param {Event} event @param {CommentView} view @param {boolean} [copy] */
  permalink(event, view, copy = false) {
    event.preventDefault();
    history.replaceState(null, "", `#comment-${view.shape.id}`);
    this.point(view);
    if (copy)
      navigator.clipboard?.writeText(location.href).then(
        () => view.tell(this.t("copied")),
        () => {},
      );
  }

  /** @param {CommentView} view */
  point(view) {
    for (const listing of this.listings)
      for (const one of listing.views.values()) one.article.classList.toggle("here", one === view);
    view.article.focus();
  }

  /** To the comment that the page's address names, wherever it stands. */
  async goToAddress() {
    const named = /^#comment-([0-9a-f-]{36})$/.exec(location.hash)?.[1];
    if (!named || !this.discussionId) return;
    const view = await this.main.reach(named);
    if (!view) return void this.main.trouble.replaceChildren(this.t("unreachable"));
    this.point(view);
    view.article.scrollIntoView({ block: "center" });
  }

  // -- live

  /** @param {string} name @param {import("./contract.js").News} data */
  heard(name, data) {
    if (name === "passage") this.passages?.changed(data);
    for (const listing of this.listings) {
      const view = listing.views.get(data.id);
      if (!view && listing.folded.has(data.id)) listing.changeFolded(name, data);
      else if (name === "vote") view?.totals(data);
      else if (name === "removed") this.gone(listing, view, data);
      else if (name === "comment") this.said(listing, view, data);
    }
    if (name === "comment" || name === "removed") this.recounted();
  }

  /**
   * @param {Listing} listing
   * @param {CommentView | undefined} view
   * @param {import("./contract.js").News} data
   */
  said(listing, view, data) {
    const { children: _, next_children: __, ...rest } = data;
    if (view)
      view.update({ ...view.shape, ...rest, my_vote: view.shape.my_vote, pending: stillPending(view.shape, data) });
    else if (data.edited_at || (listing.passage && data.passage !== listing.passage))
      return; // is not new, or not here
    else if (this.sending && data.author?.id === this.person?.id) this.sending.then(() => listing.news(data.id));
    else listing.news(data.id);
  }

  /**
   * @param {Listing} listing
   * @param {CommentView | undefined} view
   * @param {import("./contract.js").News} news
   */
  gone(listing, view, { id, status }) {
    listing.heardOf(id);
    view?.update({
      ...view.shape,
      status,
      body: null,
      html: null,
      author: status === "erased" ? view.shape.author : null,
    });
  }
}

/**
 * What everybody hears does not tell of a wording that waits: it does until a later one is shown.
 * @param {import("./contract.js").Comment} shown
 * @param {import("./contract.js").Comment} now
 */
function stillPending({ pending }, { edited_at }) {
  return pending && (edited_at ?? "") < pending.at ? pending : undefined;
}

if (!customElements.get("rostra-discussion")) customElements.define("rostra-discussion", RostraDiscussion);
