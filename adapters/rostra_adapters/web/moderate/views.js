// Views of the desk, which shows one at a time: a queue, a search, a person, the moderation log.

import { el } from "../markup.js";
import { relativeTime, exactTime, number } from "../strings.js";
import { askLabel, askUnban, showDialog } from "./dialogs.js";
import { Pile } from "./pile.js";

/** @typedef {import("./desk.js").Desk} Desk */
/** @typedef {import("./shapes.js").Act} Act */
/** @typedef {import("./shapes.js").PersonRecord} PersonRecord */

const COUNTED_MAX = 1000;
const PAGE_ITEMS = 50;

export class QueueView {
  /** @param {Desk} desk @param {string} queue */
  constructor(desk, queue) {
    this.desk = desk;
    this.queue = queue;
    const fetch = (/** @type {string | null} */ cursor) => desk.queue({ status: queue, limit: PAGE_ITEMS, cursor });
    this.pile = new Pile(desk, fetch, queue);
    this.node = this.pile.node;
  }

  load() {
    return this.pile.load();
  }

  async refresh() {
    const { acts } = this.desk;
    const page = await this.desk.queue({ status: this.queue, limit: PAGE_ITEMS });
    if (acts === this.desk.acts) this.pile.merge(page); // else the page may be older than the list
  }
}

export class SearchView {
  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    const { t } = desk;
    this.field = el("input", { type: "search", name: "q", maxlength: 200, required: true, autocomplete: "off" });
    this.summary = el("p", { class: "state", role: "status" });
    this.pile = new Pile(desk, async () => ({ comments: [], next: null }));
    const onsubmit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      desk.attempt(() => this.find());
    };
    const form = el(
      "form",
      { class: "search", role: "search", onsubmit },
      el("label", { class: "field" }, t("search_words"), this.field),
      el("button", { type: "submit", class: "primary", text: t("search") }),
    );
    this.node = el("div", {}, form, this.summary, this.pile.node);
    this.pile.node.hidden = true;
  }

  async load() {
    this.field.focus();
    return { comments: [], next: null };
  }

  async refresh() {
    // The results of a search do not change.
  }

  async find() {
    const { t, api, site } = this.desk;
    this.summary.textContent = t("searching");
    this.pile.node.hidden = true;
    try {
      const found = await api.get("/v1/moderation/search", { site, q: this.field.value });
      this.pile.fetch = async () => found;
      await this.pile.reload();
      this.pile.node.hidden = false;
      const n = found.searched;
      this.summary.textContent = t(found.complete ? "searched" : "searched_partly", {
        n,
        found: found.comments.length,
      });
      if (found.comments.length) this.pile.focus([...this.pile.items.values()][0]);
    } catch (problem) {
      this.summary.textContent = "";
      throw problem;
    }
  }
}

export class PersonView {
  /** @type {PersonRecord | null} */
  record = null;

  /** @param {Desk} desk @param {string} person */
  constructor(desk, person) {
    this.desk = desk;
    this.person = person;
    const { t } = desk;
    const fetch = (/** @type {string | null} */ cursor) =>
      desk.api.get(`/v1/persons/${encodeURIComponent(person)}/comments`, {
        site: desk.site,
        limit: PAGE_ITEMS,
        cursor,
        min_position: desk.position || null,
      });
    this.pile = new Pile(desk, fetch);
    this.name = el("h3", { tabindex: -1, dir: "auto", text: person });
    this.facts = el("dl", { class: "facts" });
    this.buttons = el("div", { class: "does" });
    const back = el("button", { type: "button", class: "back", text: t("back"), onclick: () => desk.goBack() });
    this.node = el("div", {}, back, this.name, this.facts, this.buttons, this.pile.node);
  }

  async load() {
    this.name.focus();
    await this.show();
    return this.pile.load();
  }

  async refresh() {
    await this.show();
  }

  async show() {
    const { t, language } = this.desk;
    this.record = await this.desk.record(this.person, true);
    const { record } = this;
    if (!record) return;
    const { banned, label } = record;
    const job = record.job?.state === "running" && this.#progress(record.job);
    this.name.textContent = record.name ?? record.id;
    const until = banned?.until ? t("banned_until", { time: exactTime(banned.until, language) }) : t("banned_for_good");
    const time = (/** @type {string | null} */ at) => (at ? exactTime(at, language) : "–");
    /** @type {[string, string | number][]} */
    const facts = [
      [t("id"), record.id],
      ...(label ? /** @type {[string, string][]} */ ([[t("label"), label]]) : []),
      [t("standing"), banned ? until : t(record.trusted ? "trusted" : "not_trusted")],
      [t("comments_count"), countText(record.comments)],
      [t("removed"), countText(record.removed)],
      [t("rejected_count"), countText(record.rejected)],
      [t("held"), countText(record.held)],
      [t("flagged"), countText(record.flagged)],
      [t("votes_count"), number(record.votes, language)],
      ...(job ? /** @type {[string, string][]} */ ([[t("job"), job]]) : []),
      [t("first_at"), time(record.first_at)],
      [t("last_at"), time(record.last_at)],
    ];
    this.facts.replaceChildren(
      ...facts.map(([term, value]) => el("div", {}, el("dt", { text: term }), el("dd", { text: value }))),
    );
    this.#showButtons(record);
  }

  /** @param {import("./shapes.js").BanJob} job */
  #progress({ comments, comments_total, votes }) {
    return this.desk.t("job_progress", { comments, total: comments_total, votes });
  }

  /** @param {PersonRecord} record */
  #showButtons(record) {
    const { desk } = this;
    const { t } = desk;
    const had = this.buttons.contains(desk.focused) ? desk.focused?.dataset.does : undefined;
    const button = (/** @type {string} */ name, /** @type {string} */ key, /** @type {() => void} */ act) =>
      el(
        "button",
        { type: "button", "data-does": name, "aria-keyshortcuts": key || null, onclick: act },
        t(name),
        key && el("kbd", { "aria-hidden": true, text: key }),
      );
    this.buttons.replaceChildren(
      record.banned
        ? button("unban", "b", () => desk.ban(this.person))
        : button("ban", "b", () => desk.ban(this.person)),
      record.trusted
        ? button("distrust", "", () => desk.actOnPerson(this.person, "distrust", {}))
        : button("trust", "", () => desk.actOnPerson(this.person, "trust", {})),
      button("label", "l", () => desk.label(this.person)),
    );
    if (had) /** @type {HTMLElement | null} */ (this.buttons.querySelector("button"))?.focus();
  }
}

export class LogView {
  /** @type {string | null} */
  next = null;
  /** @type {Promise<{comments: never[], next: null}> | null} */
  loading = null;
  pile = null;

  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    const { t } = desk;
    this.rows = el("tbody", {});
    this.more = el("button", { type: "button", class: "more", hidden: true, text: t("more") });
    this.more.addEventListener("click", () => desk.attempt(() => this.load()));
    this.empty = el("p", { class: "state", hidden: true, text: t("none_log") });
    const heads = ["when", "who", "what", "comment", "reason"].map((name) =>
      el("th", { scope: "col", text: t(`log_${name}`) }),
    );
    const table = el("table", { class: "log" }, el("thead", {}, el("tr", {}, ...heads)), this.rows);
    this.table = el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": t("log") }, table);
    this.node = el("div", {}, this.table, this.empty, this.more);
  }

  /** Load the first or the next page. Calls during a load share it. */
  load() {
    return (this.loading ??= this.#loadPage().finally(() => (this.loading = null)));
  }

  async #loadPage() {
    const page = await this.#page(this.next);
    this.rows.append(...this.#unknown(page.acts).map((act) => this.#row(act)));
    this.next = page.next;
    this.#showState();
    return { comments: [], next: null };
  }

  async refresh() {
    const page = await this.#page(null);
    if (this.loading) return; // the next refresh adds to the loaded rows
    const added = this.#unknown(page.acts);
    if (added.length && added.length === page.acts.length) {
      // The log may have further acts between this page and the rows.
      this.rows.replaceChildren();
      this.next = page.next;
    }
    this.rows.prepend(...added.map((act) => this.#row(act)));
    this.#showState();
  }

  /** Return the acts that have no row. @param {Act[]} acts */
  #unknown(acts) {
    const known = new Set([...this.rows.children].map((row) => /** @type {HTMLElement} */ (row).dataset.position));
    return acts.filter(({ position }) => !known.has(String(position)));
  }

  #showState() {
    this.more.hidden = !this.next;
    this.empty.hidden = this.rows.childElementCount > 0;
    this.table.hidden = !this.empty.hidden;
  }

  /** @param {string | null} cursor @returns {Promise<{acts: Act[], next: string | null}>} */
  #page(cursor) {
    const site = encodeURIComponent(this.desk.site);
    const min_position = this.desk.position || null;
    return this.desk.api.get(`/v1/sites/${site}/moderation-log`, { limit: PAGE_ITEMS, cursor, min_position });
  }

  /** @param {import("./shapes.js").Act} act */
  #row({ position, at, action, comment, person, by, role, reason }) {
    const { t, language, clock } = this.desk;
    const show = comment
      ? el("button", { type: "button", text: t("show"), onclick: () => this.desk.attempt(() => this.#show(comment)) })
      : el("button", { type: "button", text: person ?? "", onclick: () => person && this.desk.showPerson(person) });
    return el(
      "tr",
      { "data-position": position },
      el(
        "td",
        {},
        el("time", { datetime: at, title: exactTime(at, language), text: relativeTime(at, language, clock.now()) }),
      ),
      el("td", { dir: "auto", text: by ?? t(`role_${role ?? "service"}`) }),
      el("td", { text: t(`did_${action}`) }),
      el("td", {}, comment || person ? show : ""),
      el("td", { dir: "auto", text: reason ?? "" }),
    );
  }

  /** @param {string} comment */
  async #show(comment) {
    const { desk } = this;
    const { t, api, language } = desk;
    const { events } = await api.get(`/v1/comments/${comment}/history`);
    const rows = events.map((/** @type {{type: string, at: string, by: string | null, body: string | null}} */ one) =>
      el(
        "li",
        {},
        el("p", { class: "by" }, el("b", { text: one.by ?? "" }), one.type, " ", exactTime(one.at, language)),
        one.body && el("p", { class: "typed", dir: "auto", text: one.body }),
      ),
    );
    showDialog(
      desk,
      t("history"),
      el("ul", { class: "list" }, ...rows),
      el("div", { class: "foot" }, el("button", { type: "submit", class: "primary", text: t("close") })),
    );
  }
}

/** Return a count as text. The service counts no further than `COUNTED_MAX`. @param {number} n */
export function countText(n) {
  return n >= COUNTED_MAX ? `${COUNTED_MAX - 1}+` : String(n);
}

/**
 * @param {Desk} desk
 * @param {PersonRecord} record
 */
export async function changeLabel(desk, record) {
  const chosen = await askLabel(desk, record);
  if (chosen) await desk.actOnPerson(record.id, "label", chosen, { action: "label", label: record.label });
}

/**
 * @param {Desk} desk
 * @param {PersonRecord} record
 */
export async function endBan(desk, record) {
  const chosen = await askUnban(desk, record.name ?? record.id);
  if (chosen) await desk.actOnPerson(record.id, "unban", chosen);
}
