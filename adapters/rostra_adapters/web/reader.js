// Controller of one discussion in one element: it loads, shows and updates the discussion.

import { addressOf, isHashRouted, commentInAddress, commentInHash, showAddress } from "./address.js";
import { Api } from "./api.js";
import { Clock } from "./clock.js";
import { composer, forgetOldDrafts } from "./compose.js";
import { guestBar, guestForm } from "./guests.js";
import { languageOf, tableOf } from "./languages.js";
import { Listing } from "./listing.js";
import { follow } from "./live.js";
import { el } from "./markup.js";
import { near, watchVisibility } from "./near.js";
import { reasonOf } from "./problems.js";
import { followScheme } from "./scheme.js";
import { Session } from "./session.js";
import { onStorageChange } from "./storage.js";
import { directionOf, createTranslator } from "./strings.js";
import { baseOf, normaliseUrl, pageResource } from "./urls.js";

/** @typedef {import("./comment.js").CommentView} CommentView */
/** @typedef {import("./contract.js").Done} Done */
/** @typedef {import("./contract.js").News} News */

const ORDERS = ["newest", "oldest", "most_voted"];
const TICK_MS = 10_000;
const SLICE_MS = 8;
const RECOUNT_MS = 100;
/** @type {import("./contract.js").Rules} default rules, until the service has answered */
const RULES = {
  orders: ORDERS,
  voting: "both",
  edit_seconds: 900,
  body_bytes_max: 16_384,
  self_votes: false,
  guests: false,
  open_on_first: false,
  may_mark: false,
  mails: false,
};

/** State that an element passes from one `Reader` to the next. */
export class Memory {
  clock = new Clock();
  /** @type {Session | null} */
  session = null;
  /** @type {string | null} attribute `order` as last read; a change of it resets `order` */
  orderAsked = null;
  /** @type {string | undefined} */
  order = undefined;
  /** Request to focus the next comment form that is drawn. */
  focusesForm = false;
}

export class Reader {
  /** @type {import("./contract.js").Rules} */
  rules = RULES;
  life = new AbortController();
  /** @type {import("./passages.js").Passages | null} */
  passages = null;
  /** @type {import("./contract.js").Discussion | null} */
  discussion = null;
  /** Id of the discussion; empty if there is none yet. */
  discussionId = "";
  /** @type {import("./session.js").Person | null} */
  person = null;
  /** @type {Promise<void> | null} the submission in progress */
  sending = null;
  /** @type {number | null} */
  recounting = null;
  position = 0;
  /** @type {Promise<void>} resolves once the passages are loaded or have failed to load */
  passagesLoaded = Promise.resolve();
  /** @type {import("./live.js").Member | null} */
  follower = null;
  /** @type {import("./people.js").People | null} */
  people = null;
  /** Ids of comments that were new to the person during this visit. */
  news = new Set();

  // Set by `start()` and `frame()` before any other code reads them.
  /** @type {string} */
  language;
  /** @type {import("./strings.js").Translate} */
  t;
  /** @type {Listing} */
  main;
  /** @type {HTMLElement} */
  count;
  /** @type {HTMLElement} */
  tabs;
  /** @type {HTMLElement} */
  peopleBar;
  /** @type {HTMLElement} */
  form;
  /** @type {HTMLElement} */
  polite;

  /**
   * @param {import("./rostra.js").RostraDiscussion} host
   * @param {string} wish the attributes as JSON; other ones need another reader
   * @param {Memory} memory
   * @param {() => void} restart replaces this reader by a new one
   */
  constructor(host, wish, memory, restart) {
    this.host = host;
    this.wish = wish;
    this.strings = host.strings;
    this.memory = memory;
    this.restart = restart;
    this.root = /** @type {ShadowRoot} */ (host.shadowRoot);
    this.site = host.getAttribute("site") ?? "";
    const resource = host.getAttribute("resource");
    this.given = resource || pageResource();
    /** Normalised resource, under which a new discussion is opened. */
    this.resource = normaliseUrl(this.given);
    const asked = host.getAttribute("order");
    if (asked !== memory.orderAsked) Object.assign(memory, { orderAsked: asked, order: undefined });
    /** @type {string | undefined} the list's order; undefined for the service's default */
    this.order = memory.order ?? asked ?? undefined;
    this.clock = memory.clock;
    if (memory.session?.site !== this.site) memory.session = new Session(host, this.site, this.clock);
    this.session = memory.session;
    this.session.onLateToken = () => this.onPersonChange();
    const { signal } = this.life;
    this.api = new Api(baseOf(host), this.session, this.clock, signal, () => this.onPersonChange());
    this.scheme = new CSSStyleSheet();
    this.root.adoptedStyleSheets = [this.root.adoptedStyleSheets[0], this.scheme];
    this.start().catch((problem) => console.error("rostra:", problem));
  }

  /** @param {string} wish @param {unknown} strings */
  isFor(wish, strings) {
    return wish === this.wish && strings === this.strings;
  }

  stop() {
    this.life.abort();
    this.passages?.stop();
    this.passages = null;
    this.root.replaceChildren();
    this.host.toggleAttribute("connected", false);
  }

  async start() {
    const { signal } = this.life;
    followScheme(this.host, this.scheme, signal);
    if (!commentInAddress()) await near(this.findTriggers(), signal);
    if (signal.aborted) return;
    forgetOldDrafts();
    const { table, language } = await tableOf(languageOf(this.host));
    if (signal.aborted) return;
    ({ t: this.t, language: this.language } = createTranslator(language, table, this.strings ?? {}));
    this.frame();
    // After the frame, since the page may change its token until then.
    this.person = await this.session.person();
    if (signal.aborted) return;
    onStorageChange(this.session.place, () => this.onPersonChange(), signal);
    this.showPeopleBar();
    this.showForm();
    await this.read(signal);
  }

  /** Return the elements that start loading when one is near the viewport: host and article. */
  findTriggers() {
    const article = this.host.getAttribute("for") && this.articleOf();
    return article ? [this.host, article] : [this.host];
  }

  /** @returns {Element | null} */
  articleOf() {
    try {
      return document.querySelector(this.host.getAttribute("for") ?? "");
    } catch {
      return null; // invalid selector
    }
  }

  ask() {
    return { ruled: this.api.rules(this.site, this.resource).catch(() => null), finding: this.findDiscussion() };
  }

  /** @param {AbortSignal} signal @param {ReturnType<Reader["ask"]>} [asked] */
  async read(signal, { ruled, finding } = this.ask()) {
    try {
      const found = await finding;
      if (signal.aborted) return;
      this.discussion = found;
      this.discussionId = found?.id ?? "";
      this.showCount();
      await Promise.all([this.main.load(), ruled.then((rules) => signal.aborted || this.applyRules(rules))]);
    } catch (problem) {
      if (!signal.aborted) this.main.showFailure("discussion", problem, () => this.read(signal));
      return;
    }
    if (!signal.aborted) await this.enter(signal);
  }

  /**
   * Go to the comment in the page's address, and follow the discussion.
   * @param {AbortSignal} signal
   */
  async enter(signal) {
    window.addEventListener("hashchange", () => this.attempt("link", () => this.goTo(commentInHash())), { signal });
    const ticking = setInterval(() => this.tick(), TICK_MS);
    signal.addEventListener("abort", () => clearInterval(ticking));
    await this.attempt("link", () => this.goTo(commentInAddress()));
    if (this.discussionId && !signal.aborted) this.startLive(signal);
    await this.attempt("people", () => this.showPeople());
  }

  /**
   * Do something that may fail. After a failure, offer to do it again.
   * @param {string} name
   * @param {() => Promise<void>} act
   */
  async attempt(name, act) {
    const { signal } = this.life;
    try {
      if (!signal.aborted) await act();
    } catch (problem) {
      if (!signal.aborted) this.main.showFailure(name, problem, () => this.attempt(name, act));
    }
  }

  /**
   * Return the discussion, or null if there is none yet.
   * @returns {Promise<import("./contract.js").Discussion | null>}
   */
  async findDiscussion() {
    for (const name of new Set([this.given, this.resource])) {
      try {
        return await this.api.discussion(this.site, name);
      } catch (problem) {
        // Only this problem proves that there is none: another server may also answer 404.
        if (problem.problem !== "not-found") throw problem;
      }
    }
    return null;
  }

  /** Return the discussion's id. If there is none yet, open it, or throw if readers may not. */
  async ensureOpen() {
    if (this.discussionId) return this.discussionId;
    const made = await this.api.open(this.site, this.resource);
    const { signal } = this.life;
    this.discussion = await this.api.get(`/v1/discussions/${made.id}`, { min_position: made.position });
    this.discussionId = made.id;
    // Another reader may have opened the discussion meanwhile.
    if (this.discussion?.comments) await this.main.load();
    else this.main.cursor = null; // there is nothing to load
    if (!signal.aborted) [this.startLive(signal), this.attempt("people", () => this.showPeople())];
    return this.discussionId;
  }

  /** @param {AbortSignal} signal */
  startLive(signal) {
    this.passagesLoaded = this.loadPassages(signal).catch((problem) => console.warn("rostra: passages", problem));
    const { discussionId: discussion, api } = this;
    /** @type {import("./live.js").Member} */
    const member = (this.follower = {
      api,
      discussion,
      position: this.discussion?.read ?? this.position,
      isVisible: true,
      onEvent: (/** @type {string} */ name, /** @type {News} */ data) => this.onEvent(name, data),
      onConnection: (/** @type {boolean} */ now) => signal.aborted || this.host.toggleAttribute("connected", now),
      onLoss: (/** @type {number} */ comments) =>
        this.listings.forEach((one) => one.markStale(one.passage ? 0 : comments)),
    });
    const changed = follow(api.base, this.site, this.person?.rights ?? "", member, signal);
    const seen = (/** @type {boolean} */ now) => {
      if (member.isVisible !== now) [(member.isVisible = now), changed()];
    };
    watchVisibility([this.host], "0px", signal, seen);
  }

  /**
   * Load inline feedback if the element has the attribute `for`. Others do not load the module.
   * @param {AbortSignal} signal
   */
  async loadPassages(signal) {
    if (!this.host.getAttribute("for")) return;
    const { Passages } = await import("./passages.js");
    if (signal.aborted) return;
    this.passages = new Passages(this);
    await this.passages.load();
  }

  /** Load the inbox and other features for a person who may write. Others may get a button. */
  async showPeople() {
    if (this.person?.mayWrite) await this.loadPeople();
    else this.showPeopleBar();
  }

  /**
   * Reserve a row for the features that load last, so that nothing below them moves.
   * Other readers get a button for notification by mail, if the service sends mails.
   */
  showPeopleBar() {
    if (this.peopleBar.firstChild) return;
    if (this.person?.mayWrite) this.peopleBar.replaceChildren(el("div", { class: "row" }));
    else if (this.rules.mails && this.discussionId)
      this.peopleBar.replaceChildren(
        el("button", { type: "button", text: this.t("notify"), onclick: () => this.loadPeople() }),
      );
  }

  async loadPeople() {
    if (!this.discussionId || this.people) return;
    const { peopleOf } = await import("./people.js");
    const people = await peopleOf(this);
    if (this.people || this.life.signal.aborted) return;
    this.people = people;
    await people.begin();
  }

  /**
   * Return whether a comment is new in this visit, and remember new ones.
   * @param {import("./contract.js").Comment} shape
   */
  isNew(shape) {
    if (shape.new) this.news.add(shape.id);
    return this.news.has(shape.id);
  }

  /** Return whether the person may write in this discussion. */
  get writable() {
    return Boolean(this.person?.mayWrite && (this.discussion ? this.discussion.open : this.rules.open_on_first));
  }

  /** Lists that are shown: the discussion's, and that of an open passage. */
  get listings() {
    const panel = this.passages?.panel;
    return panel ? [this.main, panel.listing] : [this.main];
  }

  /** Focused element within the shadow root. */
  get focused() {
    return /** @type {HTMLElement | null} */ (this.root.activeElement);
  }

  // -- the frame

  frame() {
    const { t } = this;
    this.count = el("h2", { part: "count", text: t("discussion"), tabindex: -1 });
    this.tabs = el("div", { class: "tabs", role: "group", "aria-label": t("orders") });
    this.peopleBar = el("div", { class: "back" });
    this.form = el("div", {});
    this.polite = el("div", { class: "hidden", role: "status", "aria-live": "polite" });
    this.main = new Listing(this);
    const section = el(
      "section",
      // An empty title suppresses the tooltip of a `title` of the host or an element around it.
      { "aria-label": t("discussion"), lang: this.language, dir: directionOf(this.language), title: "" },
      el("header", { class: "top" }, this.count, this.tabs),
      this.peopleBar,
      this.form,
      this.main.node,
      this.polite,
    );
    this.root.replaceChildren(section);
    this.showOrders();
    this.showForm();
  }

  /**
   * Apply the rules of this discussion; null (unknown) changes nothing.
   * @param {import("./contract.js").Rules | null} rules
   */
  applyRules(rules) {
    if (!rules) return;
    this.rules = rules;
    this.showOrders();
    this.showPeopleBar();
    this.showForm();
    for (const view of this.main.views.values()) if (view.mine || rules.voting !== "both") view.showActions();
  }

  showCount() {
    this.count.textContent = this.t("comments", { n: this.discussion?.comments ?? 0 });
  }

  tabElements() {
    return /** @type {HTMLElement[]} */ ([...this.tabs.children]);
  }

  /**
   * Draw a tab for each order that the site offers and the attribute `orders`, if present, names.
   * The current order may have a tab although the site does not offer it.
   */
  showOrders() {
    const asked = this.host.getAttribute("orders")?.split(/\s+/);
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
  setOrder(order) {
    this.order = this.memory.order = order;
    this.showOrders();
  }

  /** @param {string} order */
  async reorder(order) {
    this.setOrder(order);
    await this.main.reload();
  }

  /** Show the comment form, or the reason for its absence. Leave a form of the same kind. */
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
    else if (this.writable) {
      const { form, focus } = this.composer();
      this.form.replaceChildren(...guestBar(this), form);
      if (this.memory.focusesForm) focus();
      this.memory.focusesForm = false;
    } else if (this.person) this.form.replaceChildren();
    else this.form.replaceChildren(...guestForm(this));
  }

  composer() {
    /** @type {(body: string, key: string, mentions?: string[]) => Promise<Done>} */
    const submit = async (body, key, mentions) => this.api.post(await this.ensureOpen(), { body, mentions }, key);
    const onAccept = (/** @type {Done} */ done) => this.main.showOwn(done);
    const { t } = this;
    return composer(this, { label: t("write"), draft: "top", send: t("send"), submit, onAccept, mayMention: true });
  }

  /**
   * Return the message `name` with the reason of a problem inserted.
   * @param {string} name
   * @param {any} problem
   */
  why(name, problem) {
    return this.t(name, { why: reasonOf(problem, this.t, this.language) });
  }

  /**
   * Announce a text by the polite live region, which does not interrupt a screen reader.
   * @param {string} text
   */
  say(text) {
    this.polite.textContent = "";
    requestAnimationFrame(() => (this.polite.textContent = text));
  }

  /**
   * Record the position of what is shown, unless comments before it are announced only.
   * @param {number} position
   */
  recordPosition(position) {
    if (this.main.fresh.size || this.main.stale) return;
    this.position = Math.max(this.position, position);
    this.people?.onListShown();
    this.host.dispatchEvent(
      new CustomEvent("rostra-position", { detail: this.position, bubbles: true, composed: true }),
    );
  }

  /** Update the times of all comments, in short slices, since there may be thousands. */
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

  // -- the person

  /** Apply a change of the page's token or of its callback. */
  onTokenChange() {
    this.session.forget();
    this.onPersonChange();
  }

  /** Restart if another person reads, or if the person's rights changed. */
  async onPersonChange() {
    const person = await this.session.person();
    if (this.life.signal.aborted || !this.form) return;
    if (person?.rights !== this.person?.rights) this.restart();
  }

  // -- comments

  /** @param {string} comment @param {number} [position] */
  async refresh(comment, position) {
    const held = () => this.listings.map((one) => one.views.get(comment)).filter((view) => view !== undefined);
    if (!held().length) return;
    const shape = await this.api.comment(comment, { min_position: position });
    for (const view of held()) view.update({ ...view.shape, pending: undefined, ...shape });
    await this.recount(position);
  }

  /** @param {number} [position] */
  async recount(position) {
    this.discussion = await this.api.get(`/v1/discussions/${this.discussionId}`, { min_position: position });
    this.showCount();
  }

  /** Schedule a recount; calls within `RECOUNT_MS` share one. */
  scheduleRecount() {
    this.recounting ??= setTimeout(() => {
      this.recounting = null;
      this.recount().catch(() => {});
    }, RECOUNT_MS);
  }

  /** @param {MouseEvent} event @param {CommentView} view */
  onPermalinkClick(event, view) {
    // The browser handles clicks with another button or a modifier key.
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    showAddress(view.shape.id);
    this.point(view);
  }

  /** Go to the comment that a clicked mention links to. @param {MouseEvent} event */
  onMentionClick(event) {
    const { target } = event;
    const named = target instanceof HTMLElement && target.dataset.to;
    // The browser handles clicks with a modifier key.
    if (!named || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    showAddress(named);
    this.attempt("link", () => this.goTo(named));
  }

  /** @param {CommentView} view */
  async copyLink(view) {
    showAddress(view.shape.id);
    this.point(view);
    const address = addressOf(view.shape.id);
    try {
      await navigator.clipboard.writeText(address);
      view.showNote(this.t("copied"));
    } catch {
      if (isHashRouted()) view.showNote(address);
    }
  }

  /** @param {CommentView} view */
  point(view) {
    for (const listing of this.listings)
      for (const one of listing.views.values()) one.article.classList.toggle("here", one === view);
    view.article.focus();
  }

  /** Load and focus a comment; open each `<details>` around the host. @param {string} [named] */
  async goTo(named) {
    if (!named || !this.discussionId) return;
    this.main.dropFailure("link");
    const view = await this.main.reach(named);
    if (!view) {
      if (!this.main.failed.size) this.main.trouble.replaceChildren(this.t("unreachable"));
      return;
    }
    for (let at = this.host.closest("details"); at; at = at.parentElement?.closest("details") ?? null) at.open = true;
    this.point(view);
    view.article.scrollIntoView({ block: "center" });
  }

  // -- live

  /** @param {string} name @param {News} data */
  onEvent(name, data) {
    if (name === "passage" || data.status === "unmarked") this.passages?.onNews(data);
    for (const listing of this.listings) {
      const view = listing.views.get(data.id);
      if (!view && listing.folded.has(data.id)) listing.updateReply(name, data);
      else if (name === "vote") view?.showTotals(data);
      else if (name === "removed") this.onRemoval(listing, view, data);
      else if (name === "comment") this.onComment(listing, view, data);
    }
    if (name === "comment" || name === "removed") [this.scheduleRecount(), this.people?.onNews()];
  }

  /**
   * @param {Listing} listing
   * @param {CommentView | undefined} view
   * @param {News} data
   */
  onComment(listing, view, data) {
    const { children: _, next_children: __, ...rest } = data;
    if (view)
      view.update({ ...view.shape, ...rest, my_vote: view.shape.my_vote, pending: stillPending(view.shape, data) });
    else if (!(Number(data.appeared) > listing.since) || (listing.passage && data.passage !== listing.passage))
      return; // the list has it, or it belongs to another passage
    else if (this.sending && data.author?.id === this.person?.id) this.sending.then(() => listing.addFresh(data.id));
    else listing.addFresh(data.id);
  }

  /**
   * @param {Listing} listing
   * @param {CommentView | undefined} view
   * @param {News} news
   */
  onRemoval(listing, view, { id, status }) {
    listing.dropFresh(id);
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
 * Return a comment's pending wording, or undefined if the live event shows a later edit.
 * Live events contain no pending wordings.
 * @param {import("./contract.js").Comment} shown
 * @param {import("./contract.js").Comment} now
 */
function stillPending({ pending }, { edited_at }) {
  return pending && (edited_at ?? "") < pending.at ? pending : undefined;
}
