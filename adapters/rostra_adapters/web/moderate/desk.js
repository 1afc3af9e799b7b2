// The moderators' desk of a site: sign-in, views, keys, acts and undo.

import { Api } from "../api.js";
import { Clock } from "../clock.js";
import { el } from "../markup.js";
import { followScheme } from "../scheme.js";
import { directionOf, createTranslator } from "../strings.js";
import { applyResult, isPossible, opposite, perform } from "./acts.js";
import { identityOf, Credentials } from "./credentials.js";
import { askBan, askReason } from "./dialogs.js";
import { areKeysOn, isElsewhere, showKeys } from "./keys.js";
import { changeLabel, countText, endBan, LogView, PersonView, QueueView, SearchView } from "./views.js";
import { wordsOf } from "./words.js";

/** @typedef {import("./shapes.js").Queued} Queued */
/** @typedef {import("./shapes.js").Action} Action */
/** @typedef {import("./shapes.js").PersonRecord} PersonRecord */
/** @typedef {import("./item.js").Item} Item */
/** @typedef {import("../session.js").Session} Session */
/** @typedef {QueueView | SearchView | PersonView | LogView} View */

const QUEUES = ["held", "flagged", "pending", "removed", "recent"];
const VIEWS = [...QUEUES, "log", "search"];
const COUNTED = ["held", "flagged", "pending"];
const UNDO_MS = 10_000;
const REFRESH_MS = 5_000;
const CACHED_MAX = 500;
const FORBIDDEN = [401, 403];

/** @type {Record<string, Action>} */
const ACTION_KEYS = { a: "approve", r: "reject", h: "hold", d: "remove", s: "restore" };

export class Desk {
  life = new AbortController();
  clock = new Clock();
  /** @type {View | null} */
  view = null;
  /** @type {string} name of the view; on a person's page, of the view before it */
  name = "held";
  /** @type {(() => Promise<void>) | null} undoes the latest act */
  undoing = null;
  /** @type {number | undefined} */
  undoTimer;
  /** @type {Map<string, Promise<PersonRecord | null>>} */
  records = new Map();
  /** @type {Map<string, Promise<any>>} */
  discussions = new Map();
  isSignedIn = false;
  isRefreshing = false;
  isActing = false;
  /** Number of acts begun so far. */
  acts = 0;
  /** Position of the latest act. Reads send it as `min_position`, so that they show the act. */
  position = 0;

  /** @type {import("../strings.js").Translate} */
  t;
  /** @type {string} */
  language;
  /** @type {HTMLElement} */
  frameNode;
  /** @type {HTMLElement} */
  heading;
  /** @type {HTMLElement} */
  account;
  /** @type {HTMLElement} */
  tabs;
  /** @type {HTMLElement} */
  body;
  /** @type {HTMLElement} */
  trouble;
  /** @type {HTMLElement} */
  toast;
  /** @type {HTMLElement} */
  polite;

  /** @param {import("./moderate.js").RostraModeration} host */
  constructor(host) {
    this.host = host;
    this.root = /** @type {ShadowRoot} */ (host.shadowRoot);
    this.site = host.getAttribute("site") ?? "";
    const { signal } = this.life;
    this.credentials = new Credentials(host);
    const base = (host.getAttribute("base") ?? new URL("../..", import.meta.url).href).replace(/\/$/, "");
    const session = /** @type {Session} */ (/** @type {unknown} */ (this.credentials));
    this.api = new Api(base, session, this.clock, signal, (other) => other || this.#signIn());
    this.scheme = new CSSStyleSheet();
    this.root.adoptedStyleSheets = [...this.root.adoptedStyleSheets.slice(0, 2), this.scheme];
    this.#start().catch((problem) => signal.aborted || console.error("rostra:", problem));
  }

  stop() {
    this.life.abort();
    clearTimeout(this.undoTimer);
    this.root.replaceChildren();
  }

  get focused() {
    return /** @type {HTMLElement | null} */ (this.root.activeElement);
  }

  async #start() {
    const { signal } = this.life;
    followScheme(this.host, this.scheme, signal);
    const wanted = this.host.getAttribute("lang") || this.host.closest("[lang]")?.getAttribute("lang");
    const { table, language } = await wordsOf(wanted || navigator.language || "en");
    if (signal.aborted) return;
    ({ t: this.t, language: this.language } = createTranslator(language, table));
    this.#buildFrame();
    document.addEventListener("keydown", (event) => this.#onKey(event), { signal });
    const looking = setInterval(() => this.#refresh(), REFRESH_MS);
    signal.addEventListener("abort", () => clearInterval(looking));
    document.addEventListener("visibilitychange", () => this.#refresh(), { signal });
    await this.#enter();
  }

  /** Show the desk if the moderator is signed in, else the sign-in form. */
  async #enter() {
    const token = await this.credentials.token();
    if (!token) return this.#signIn();
    this.site ||= identityOf(token).site;
    if (!this.site) return this.#signIn();
    this.isSignedIn = true;
    this.#showTabs();
    await this.show(this.name);
  }

  // -- the frame

  #buildFrame() {
    const { t } = this;
    this.tabs = el("nav", { class: "tabs", "aria-label": t("views") });
    this.body = el("div", {});
    this.trouble = el("div", { class: "trouble", role: "alert" });
    this.toast = el("div", { class: "toast", hidden: true });
    this.polite = el("div", { class: "hidden", role: "status", "aria-live": "polite" });
    this.heading = el("h2", { tabindex: -1, text: t("moderation") });
    this.account = el("div", { class: "who" });
    this.frameNode = el(
      "section",
      { "aria-label": t("moderation"), lang: this.language, dir: directionOf(this.language) },
      el("header", { class: "top" }, this.heading, this.account, this.tabs),
      this.trouble,
      this.body,
      this.toast,
      this.polite,
    );
    this.root.replaceChildren(this.frameNode);
  }

  /** @param {import("./shapes.js").Counts} [counts] */
  #showTabs(counts) {
    const { t } = this;
    this.heading.textContent = t("moderation_of", { site: this.site });
    const known = /** @type {Record<string, number> | undefined} */ (/** @type {unknown} */ (counts));
    if (!this.tabs.childElementCount) {
      const made = VIEWS.map((name, at) =>
        el(
          "button",
          {
            type: "button",
            "data-view": name,
            "aria-keyshortcuts": String(at + 1),
            onclick: () => this.attempt(() => this.show(name)),
          },
          t(name),
          el("span", { class: "count" }),
        ),
      );
      this.tabs.replaceChildren(...made);
      const out = el("button", { type: "button", text: t("sign_out"), onclick: () => this.#leave() });
      const keys = el("button", {
        type: "button",
        "aria-keyshortcuts": "?",
        text: t("keys"),
        onclick: () => showKeys(this),
      });
      this.account.replaceChildren(keys, ...(this.credentials.isByHand ? [out] : []));
    }
    for (const tab of /** @type {Iterable<HTMLElement>} */ (this.tabs.children)) {
      const name = tab.dataset.view ?? "";
      tab.setAttribute("aria-pressed", String(name === this.name));
      const count = /** @type {HTMLElement} */ (tab.lastElementChild);
      if (known && COUNTED.includes(name)) {
        const n = known[name];
        count.textContent = n ? countText(n) : "";
        count.hidden = !n;
      }
    }
  }

  /** @param {string} [why] */
  #signIn(why) {
    if (this.life.signal.aborted) return;
    this.isSignedIn = false;
    this.view = null;
    const { t } = this;
    this.tabs.replaceChildren();
    this.account.replaceChildren();
    this.#hideToast();
    if (!this.credentials.isByHand) {
      this.body.replaceChildren(el("p", { class: "state", text: t("not_signed_in") }));
      return;
    }
    const site = el("input", { type: "text", name: "site", value: this.site, autocomplete: "off" });
    const field = el("input", { type: "password", name: "token", required: true, autocomplete: "off" });
    const said = el("p", { class: "error", role: "alert", text: why ?? "" });
    const onsubmit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const token = field.value.trim();
      this.site = site.value.trim() || identityOf(token).site;
      if (!this.site) return void (said.textContent = t("site_missing"));
      this.credentials.store(token);
      this.attempt(() => this.#enter());
    };
    this.body.replaceChildren(
      el(
        "form",
        { class: "sign-in", onsubmit },
        el("p", { text: t("sign_in_about") }),
        el("p", {}, el("code", { text: "rostra token --scope moderate --sub mia --site SITE" })),
        el("label", { class: "field" }, t("token"), field),
        el("label", { class: "field" }, t("site_optional"), site),
        said,
        el("button", { type: "submit", class: "primary", text: t("sign_in") }),
      ),
    );
    field.focus();
  }

  #leave() {
    this.credentials.store(null);
    this.records.clear();
    this.discussions.clear();
    this.#signIn();
  }

  // -- views

  /** @param {string} name */
  async show(name) {
    this.name = name;
    const view =
      name === "log" ? new LogView(this) : name === "search" ? new SearchView(this) : new QueueView(this, name);
    await this.#open(view);
    if (this.view === view && name !== "search") this.heading.focus({ preventScroll: true });
  }

  /** @param {string} person */
  showPerson(person) {
    return this.attempt(() => this.#open(new PersonView(this, person)));
  }

  /** Leave a person's page for the previous view. In other views, clear the selection. */
  goBack() {
    if (this.view instanceof PersonView) return this.attempt(() => this.show(this.name));
    this.view?.pile?.selectAll(false);
  }

  /** @param {View} view */
  async #open(view) {
    this.trouble.replaceChildren();
    this.view = view;
    this.#showTabs();
    this.tabs.querySelector('[aria-pressed="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.body.replaceChildren(view.node);
    this.body.setAttribute("aria-busy", "true");
    try {
      const page = await view.load();
      if ("counts" in page && page.counts) this.#showTabs(page.counts);
      if (this.view !== view) return; // the moderator opened another view meanwhile
      this.say(this.t("shown", { n: view.pile?.items.size ?? 0 }));
    } finally {
      this.body.removeAttribute("aria-busy");
    }
  }

  /** Refresh the view and the counts with changes by others, if the page is visible. */
  async #refresh() {
    const { view } = this;
    if (!view || !this.isSignedIn || this.isRefreshing || this.isActing || document.visibilityState !== "visible")
      return;
    this.isRefreshing = true;
    try {
      await view.refresh();
      if (!(view instanceof QueueView)) await this.queue({ status: "held", limit: 1 });
      this.host.toggleAttribute("connected", true);
    } catch {
      this.host.toggleAttribute("connected", false); // the next refresh retries
    } finally {
      this.isRefreshing = false;
    }
  }

  // -- reads

  /**
   * @param {Record<string, unknown>} query
   * @returns {Promise<import("./shapes.js").QueuePage>}
   */
  async queue(query) {
    const min_position = this.position || null;
    const page = await this.api.get("/v1/moderation", { site: this.site, min_position, ...query });
    if (this.isSignedIn) this.#showTabs(page.counts);
    return page;
  }

  /**
   * Return a person's record, cached unless `anew` is true; null if the record cannot be read.
   * @param {string} person
   * @param {boolean} [anew]
   * @returns {Promise<PersonRecord | null>}
   */
  record(person, anew = false) {
    if (anew) this.records.delete(person);
    const path = `/v1/persons/${encodeURIComponent(person)}`;
    return readOnce(this.records, person, () =>
      this.api.get(path, { site: this.site, min_position: this.position || null }),
    );
  }

  /** @param {PersonRecord} record */
  recordText({ comments, removed, rejected, flagged, first_at, banned, trusted }) {
    const { t, language } = this;
    const day = first_at && new Date(first_at).toLocaleDateString(language, { dateStyle: "medium" });
    const since = day ? t("since", { time: day }) : "";
    const statusText = banned ? t("banned") : trusted ? t("trusted") : "";
    const counts = [
      t("n_comments", { n: comments }),
      removed && t("n_removed", { n: removed }),
      rejected && t("n_rejected", { n: rejected }),
      flagged && t("n_flagged", { n: flagged }),
    ];
    return [...counts, statusText, since].filter(Boolean).join(" · ");
  }

  /** @param {string} id @returns {Promise<any>} */
  discussion(id) {
    return readOnce(this.discussions, id, () => this.api.get(`/v1/discussions/${id}`));
  }

  // -- acts

  /**
   * @param {Action} action
   * @param {Item[]} items
   * @param {string} [reason]
   */
  act(action, items, reason) {
    return this.attempt(async () => {
      const able = items.filter((item) => !item.isGone && isPossible(action, item.shape));
      if (!able.length) return this.say(this.t("not_possible"));
      const before = able.map((item) => item.shape);
      const results = await this.#runAct(() => perform(this.api, action, before, reason));
      this.#raisePosition(results);
      /** @type {Item[]} */
      const done = [];
      const refused = results.filter((result, at) => {
        const item = able[at];
        if (result.result === "rejected") return this.#showRefusal(item, result);
        item.pile.change(item, applyResult(before[at], action, result));
        item.forgetRecord();
        this.records.delete(item.shape.author?.id ?? "");
        done.push(item);
        return false;
      });
      const undo = undoOf(action, able, before, done);
      const text = [
        done.length && this.t(`done_${action}`, { n: done.length }),
        refused.length && this.t("refused", { n: refused.length }),
      ];
      this.#showToast(text.filter(Boolean).join(" "), undo && (() => this.#undo(undo)));
      for (const item of done) if (item.node.isConnected) item.showRecord();
      this.#refresh();
    });
  }

  /**
   * Raise `position` so that later reads show these acts.
   * @param {{position?: number}[]} results
   */
  #raisePosition(results) {
    this.position = Math.max(this.position, ...results.map(({ position }) => position ?? 0));
  }

  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  async #runAct(work) {
    this.isActing = true;
    this.acts += 1;
    try {
      return await work();
    } finally {
      this.isActing = false;
    }
  }

  /**
   * @param {Item} item
   * @param {import("./shapes.js").Result} result
   */
  #showRefusal(item, { problem }) {
    const isLate = problem?.type.endsWith("/precondition-failed");
    if (isLate) item.setGone();
    else item.showNote(problem?.detail ?? problem?.title ?? "");
    item.pile.select(item, false);
    return true;
  }

  /** @param {Map<Action, Item[]>} undo */
  async #undo(undo) {
    let n = 0;
    for (const [action, items] of undo) {
      const before = items.map((item) => item.shape);
      const results = await this.#runAct(() => perform(this.api, action, before));
      this.#raisePosition(results);
      results.forEach((result, at) => {
        const item = items[at];
        if (result.result === "rejected") return;
        n += 1;
        const shape = applyResult(before[at], action, result);
        item.isGone = false;
        if (item.pile === this.view?.pile) item.pile.restore(item, shape);
        if (item.pile.queue && item.node.isConnected) item.pile.change(item, shape);
      });
    }
    this.#showToast(this.t("undone", { n }), null);
    const [first] = [...undo.values()].flat();
    if (first?.node.isConnected) first.pile.focus(first);
    this.#refresh();
  }

  /**
   * Act on a person, and offer an undo if there is an inverse act.
   * @param {string} person
   * @param {string} action
   * @param {object} terms
   * @param {object | null} [inverse]
   */
  async actOnPerson(person, action, terms, inverse = null) {
    const send = (/** @type {object} */ body) =>
      this.api.ask(
        "POST",
        `/v1/persons/${encodeURIComponent(person)}/moderation?site=${encodeURIComponent(this.site)}`,
        body,
      );
    await this.attempt(async () => {
      this.#raisePosition([await this.#runAct(() => send({ action, ...terms }))]);
      const back = async () => {
        this.#raisePosition([await this.#runAct(() => send(/** @type {object} */ (inverse)))]);
        await this.#showPersonResult(person, "undone_person", null);
      };
      await this.#showPersonResult(person, `done_${action}`, inverse && back);
    });
  }

  /**
   * @param {string} person
   * @param {string} name
   * @param {(() => Promise<void>) | null} back
   */
  async #showPersonResult(person, name, back) {
    this.records.delete(person);
    const record = await this.record(person, true);
    this.#showToast(this.t(name, { name: record?.name ?? person }), back);
    for (const item of this.view?.pile?.items.values() ?? []) {
      if (item.shape.author?.id !== person) continue;
      item.forgetRecord();
      item.showRecord();
    }
    await this.view?.refresh();
  }

  /** Ban a person, or end their ban. @param {string} person */
  ban(person) {
    return this.attempt(async () => {
      const record = await this.record(person, true);
      if (record?.banned) return endBan(this, record);
      const terms = await askBan(this, record?.name ?? person);
      if (terms) await this.actOnPerson(person, "ban", terms, { action: "unban", restore: true });
    });
  }

  /** @param {string} person */
  label(person) {
    return this.attempt(async () => {
      const record = await this.record(person, true);
      if (record) await changeLabel(this, record);
    });
  }

  // -- messages

  /** @param {string} text */
  say(text) {
    this.polite.textContent = text;
  }

  /**
   * Run `work`, and show an error if it fails. If the service refuses the token, ask for another.
   * @param {() => unknown} work
   */
  async attempt(work) {
    try {
      await work();
    } catch (problem) {
      if (this.life.signal.aborted || problem.name === "AbortError") return;
      if (FORBIDDEN.includes(problem.status)) {
        const why = this.t("token_refused");
        if (!this.credentials.isByHand) this.trouble.textContent = why;
        else {
          this.credentials.store(null);
          this.#signIn(why);
        }
        return;
      }
      const text = problem.status ? problem.message : this.t("offline");
      this.trouble.textContent = this.t("failed", { why: text });
      return;
    }
    if (this.trouble.textContent) this.trouble.replaceChildren();
  }

  /**
   * @param {string} text
   * @param {(() => Promise<void>) | null} undo
   */
  #showToast(text, undo) {
    this.say(undo ? `${text} ${this.t("undo_hint")}` : text);
    clearTimeout(this.undoTimer);
    this.undoing = undo;
    const button = el(
      "button",
      { type: "button", "aria-keyshortcuts": "z", onclick: () => this.#runUndo() },
      this.t("undo"),
      el("kbd", { "aria-hidden": true, text: "z" }),
    );
    this.toast.replaceChildren(el("span", { text }), ...(undo ? [button] : []));
    this.toast.hidden = false;
    this.undoTimer = window.setTimeout(() => this.#hideToast(), UNDO_MS);
  }

  #hideToast() {
    const had = this.toast.contains(this.focused);
    this.undoing = null;
    this.toast.hidden = true;
    this.toast.replaceChildren();
    if (had) this.heading.focus();
  }

  #runUndo() {
    const undo = this.undoing;
    if (!undo) return;
    this.#hideToast();
    return this.attempt(undo);
  }

  // -- keys

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    // A closed dialog remains in the document for a moment; `[open]` excludes it.
    if (!this.isSignedIn || isElsewhere(event) || !areKeysOn() || this.root.querySelector("dialog[open]")) return;
    const done = this.#commandFor(event.key);
    if (!done) return;
    event.preventDefault();
    this.attempt(done);
  }

  /**
   * Return the function that a key runs, or undefined for a key without one.
   * @param {string} key
   * @returns {(() => unknown) | undefined}
   */
  #commandFor(key) {
    const pile = this.view?.pile ?? null;
    const view = VIEWS[Number(key) - 1];
    if (view) return () => this.show(view);
    if (key === "?") return () => showKeys(this);
    if (key === "/") return () => this.show("search");
    if (key === "z") return () => this.#runUndo();
    if (key === "Escape") return () => this.goBack();
    const person = this.view instanceof PersonView ? this.view.person : pile?.chosen[0]?.shape.author?.id;
    if (key === "b" && person) return () => this.ban(person);
    if (key === "l" && person) return () => this.label(person);
    if (!pile) return undefined;
    const [first] = pile.chosen;
    if (key === "j" || key === "ArrowDown") return () => pile.move(1);
    if (key === "k" || key === "ArrowUp") return () => pile.move(-1);
    if (key === "*") return () => pile.selectAll(pile.selected.size < pile.items.size);
    if (!first) return undefined;
    if (key === "x") return () => pile.select(pile.current ?? first);
    if (key === "o" && person) return () => this.showPerson(person);
    if (key === "t") return () => first.showThread();
    if (key === "p") return () => this.act(first.shape.pinned ? "unpin" : "pin", pile.chosen);
    if (key === "w") return () => this.#withReason(pile.chosen);
    const action = ACTION_KEYS[key];
    return action && (() => this.act(action, pile.chosen));
  }

  /**
   * Ask for a reason, then reject the comments. Remove them instead if one cannot be rejected.
   * @param {Item[]} items
   */
  async #withReason(items) {
    const action = items.every(({ shape }) => isPossible("reject", shape)) ? "reject" : "remove";
    const reason = await askReason(this, this.t("reason_for", { n: items.length }), this.t(action));
    if (reason) await this.act(action, items, reason.reason);
  }
}

/**
 * Group items by the action that undoes their act. Return null if one of them has no such action.
 * @param {Action} action
 * @param {Item[]} items
 * @param {Queued[]} before
 * @param {Item[]} done
 * @returns {Map<Action, Item[]> | null}
 */
function undoOf(action, items, before, done) {
  /** @type {Map<Action, Item[]>} */
  const undo = new Map();
  for (const item of done) {
    const inverse = opposite(action, before[items.indexOf(item)]);
    if (!inverse) return null;
    undo.set(inverse, [...(undo.get(inverse) ?? []), item]);
  }
  return undo.size ? undo : null;
}

/**
 * Return the cached answer of `read`, or null if it fails. The next call repeats a failed read.
 * @template T
 * @param {Map<string, Promise<T | null>>} cache
 * @param {string} key
 * @param {() => Promise<T>} read
 */
function readOnce(cache, key, read) {
  if (cache.size > CACHED_MAX) cache.clear();
  const known = cache.get(key);
  if (known) return known;
  const reading = read().catch(() => {
    if (cache.get(key) === reading) cache.delete(key);
    return null;
  });
  cache.set(key, reading);
  return reading;
}
