// Inbox of a person: a bell with the number of unread items, and a list that the bell opens.

import { addressOf } from "./address.js";
import { shorten } from "./comment.js";
import { el } from "./markup.js";
import { relativeTime, directionOf, exactTime, number } from "./strings.js";

const LIMIT = 10;
const COUNT_SHOWN_MAX = 99;
const COUNT_DELAY_MS = 3_000; // least time between two requests for the number of unread items
const EXCERPT_CHARACTERS_MAX = 90;
const TITLE_CHARACTERS_MAX = 60;
const EDGE_PX = 8;
/** @type {Record<string, string>} translation keys by an item's reason */
const REASONS = { reply: "told_reply", mention: "told_mention", passage: "told_passage" };
/** @type {Record<string, string>} translation keys by the status that moderators gave a comment */
const DECIDED = {
  published: "moderation_published",
  held: "moderation_held",
  rejected: "moderation_rejected",
  removed: "moderation_removed",
  deleted: "moderation_deleted",
  erased: "moderation_erased",
};
const SVG = "http://www.w3.org/2000/svg";
const BELL = "M8 1.5a4 4 0 0 1 4 4v3l1.5 3h-11L4 8.5v-3a4 4 0 0 1 4-4ZM6.5 13.5a1.5 1.5 0 0 0 3 0";

/**
 * @typedef {{position: number, at: string, reason: string, comment: string, discussion: string,
 *   read: boolean}} Item
 */
/** @typedef {{position: number, unread: number, items: Item[], next: string | null}} Page */
/** @typedef {import("./contract.js").Comment} Comment */
/** @typedef {{resource: string, title: string | null, url: string | null}} Place */

export class Inbox {
  unread = 0;
  /** Number of times that the panel was opened. */
  opening = 0;
  /** @type {number | undefined} */
  timer = undefined;
  /** @type {Map<string, Promise<Place | null>>} other discussions by id */
  places = new Map();

  /** @param {import("./reader.js").Reader} owner @param {import("./strings.js").Translate} t */
  constructor(owner, t) {
    this.owner = owner;
    this.t = t;
    this.number = el("span", { class: "unread", hidden: true, "aria-hidden": "true" });
    this.bell = el("button", { type: "button", class: "bell", part: "bell" });
    this.bell.append(bell(), this.number);
    this.list = el("ul", {});
    this.state = el("p", { class: "state", text: t("inbox_empty") });
    this.more = el("button", { type: "button", class: "more", text: t("inbox_more") });
    this.all = el("button", { type: "button", text: t("read_all") });
    this.head = el("h3", { text: t("inbox"), tabindex: -1 });
    this.panel = el(
      "div",
      {
        class: "inbox",
        part: "inbox",
        popover: "auto",
        role: "dialog",
        "aria-label": t("inbox"),
        lang: owner.language,
        dir: directionOf(owner.language),
        title: "",
      },
      el("div", { class: "row" }, this.head, this.all),
      this.state,
      this.list,
      this.more,
    );
    this.bell.setAttribute("aria-expanded", "false");
    this.panel.addEventListener("beforetoggle", (event) => {
      const open = /** @type {ToggleEvent} */ (event).newState === "open";
      this.bell.setAttribute("aria-expanded", String(open));
      if (open) this.onOpen();
      else if (this.panel.contains(owner.focused)) this.bell.focus({ preventScroll: true });
    });
    // Otherwise a click on the bell would first dismiss the open panel, and then open it again.
    this.bell.popoverTargetElement = this.panel;
    this.node = el("div", { hidden: true }, this.bell, this.panel);
    const { signal } = owner.life;
    document.addEventListener("visibilitychange", () => this.scheduleCount(), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  async count() {
    this.show((await this.page({ unread: true, limit: 1 })).unread);
    this.node.hidden = false;
  }

  /** @param {Record<string, unknown>} query @returns {Promise<Page>} */
  page(query) {
    return this.owner.api.get("/v1/me/inbox", query);
  }

  /** Count after a delay, once for all events in that time. A hidden page does not count. */
  scheduleCount() {
    if (document.visibilityState !== "visible" || this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.count().catch(() => {});
    }, COUNT_DELAY_MS);
  }

  /** @param {number} unread */
  show(unread) {
    const { t, owner } = this;
    this.unread = unread;
    const most = `${number(COUNT_SHOWN_MAX, owner.language)}+`;
    this.number.textContent = unread > COUNT_SHOWN_MAX ? most : number(unread, owner.language);
    this.number.hidden = !unread;
    const label = unread ? t("inbox_unread", { n: unread }) : t("inbox");
    this.bell.setAttribute("aria-label", label);
    this.bell.title = label;
    this.all.hidden = !unread;
  }

  onOpen() {
    this.opening += 1;
    this.list.replaceChildren();
    this.load(null);
    // The panel has no size before it is shown.
    requestAnimationFrame(() => {
      if (!this.panel.matches(":popover-open")) return;
      this.place();
      this.head.focus();
    });
  }

  /** Place the panel below the bell, within the page's width. */
  place() {
    const { bottom, left, right } = this.bell.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const wide = this.panel.offsetWidth;
    const from = getComputedStyle(this.bell).direction === "rtl" ? left : right - wide;
    this.panel.style.left = `${scrollX + Math.max(EDGE_PX, Math.min(from, width - wide - EDGE_PX))}px`;
    this.panel.style.top = `${scrollY + bottom + EDGE_PX}px`;
  }

  /** @param {string | null} cursor @returns {Promise<void>} */
  async load(cursor) {
    const { owner, t, opening } = this;
    this.more.hidden = true;
    this.state.textContent = owner.t("loading");
    this.state.hidden = false;
    try {
      const page = await this.page({ limit: LIMIT, cursor });
      const shown = await Promise.all(page.items.map((item) => this.renderItem(item)));
      if (opening !== this.opening) return; // opened again meanwhile
      this.list.append(...shown.filter((one) => one !== null));
      this.show(page.unread);
      this.state.textContent = t("inbox_empty");
      this.state.hidden = this.list.childElementCount > 0;
      this.more.hidden = !page.next;
      this.more.onclick = () => this.load(page.next);
      if (!cursor) this.all.onclick = () => this.read({ up_to: page.position });
    } catch (problem) {
      if (opening === this.opening) this.state.textContent = owner.why("failed", problem);
    }
  }

  /** @param {Item} item */
  async renderItem(item) {
    const { owner, t } = this;
    const { language } = owner;
    const elsewhere = item.discussion !== owner.discussionId;
    const [comment, place] = await Promise.all([
      owner.api.comment(item.comment).catch(() => null),
      elsewhere ? this.placeOf(item.discussion) : null,
    ]);
    if (!comment) return null;
    const name = comment.author?.name ?? owner.t("somebody");
    const word = item.reason === "moderation" ? DECIDED[comment.status] : REASONS[item.reason];
    const reason = t(word ?? "told_new", { name });
    const link = el(
      "a",
      {
        href: elsewhere ? this.urlOf(item, place) : addressOf(item.comment),
        onclick: (/** @type {MouseEvent} */ event) => this.follow(event, item, elsewhere),
      },
      el("b", { text: reason, dir: "auto" }),
      el("time", {
        datetime: item.at,
        title: exactTime(item.at, language),
        text: relativeTime(item.at, language, owner.clock.now()),
      }),
      !item.read && el("span", { class: "mark", text: owner.t("new") }),
      place && el("i", { text: shorten(place.title ?? place.resource, TITLE_CHARACTERS_MAX), dir: "auto" }),
      comment.body && el("q", { text: shorten(comment.body, EXCERPT_CHARACTERS_MAX), dir: "auto" }),
    );
    return el("li", { "data-position": item.position, class: item.read ? null : "fresh" }, link);
  }

  /** @param {string} discussion @returns {Promise<Place | null>} */
  placeOf(discussion) {
    const known = this.places.get(discussion) ?? this.owner.api.get(`/v1/discussions/${discussion}`).catch(() => null);
    this.places.set(discussion, known);
    return known;
  }

  /**
   * Return the URL of another discussion's comment, on the publisher's page or else the service's.
   * @param {Item} item
   * @param {Place | null} place
   */
  urlOf({ comment, discussion }, place) {
    const page = [place?.url, place?.resource].find((one) => /^https?:/.test(one ?? ""));
    const { base } = this.owner.api;
    return page
      ? `${page.replace(/#.*/, "")}#comment-${comment}`
      : `${base}/v1/discussions/${discussion}/page?comment=${comment}`;
  }

  /** @param {MouseEvent} event @param {Item} item @param {boolean} elsewhere */
  follow(event, item, elsewhere) {
    const { owner } = this;
    if (!item.read) this.read({ positions: [item.position] });
    item.read = true;
    // The browser follows these clicks itself.
    if (elsewhere || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.panel.hidePopover();
    owner.attempt("link", () => owner.goTo(item.comment));
  }

  /** @param {{up_to: number} | {positions: number[]}} which */
  async read(which) {
    const { owner } = this;
    for (const one of this.list.children) {
      const position = Number(one.getAttribute("data-position"));
      if ("up_to" in which ? position > which.up_to : !which.positions.includes(position)) continue;
      one.classList.remove("fresh");
      one.querySelector(".mark")?.remove();
    }
    try {
      const headers = { "Content-Type": "application/json" };
      // The same click may leave the page, and must not abort the request.
      const given = { method: "POST", headers, body: JSON.stringify(which), keepalive: true };
      const answer = await owner.api.fetch("/v1/me/inbox/read", given);
      if (answer.ok) this.show((await answer.json()).unread);
      if ("up_to" in which) this.head.focus();
    } catch {
      // The items stay unread, and are shown as unread when the inbox is opened again.
    }
  }
}

function bell() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", BELL);
  svg.append(path);
  return svg;
}
