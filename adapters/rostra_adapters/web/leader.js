// Leader of an origin's pages: it reads the stream of live updates and sends all pages its events.

import { events, pause } from "./stream.js";

// Per stream, by the service's default.
const DISCUSSIONS_MAX = 20;
// Delay of planning, which collects wishes that arrive together.
const SETTLED_MS = 100;
const WAIT_FIRST_MS = 500;
const WAIT_MOST_MS = 30_000;
// Beats without wishes before a page counts as crashed.
const SILENT_BEATS_MAX = 2;
export const BEAT_MS = 10_000;

/** @typedef {Pick<import("./api.js").Api, "fetch" | "get">} Source */

/**
 * Request of a discussion on a page for all events after `position` (0: from now on).
 * @typedef {{key: string, discussion: string, position: number, isVisible: boolean}} Wish
 */

/**
 * Message between pages. `open` names the wishes that the stream covers. `looked` reports the
 * position of a discussion's last change, the position up to which the log was read, and the number
 * of new comments. `isExpired` is true if the stream cannot resume from the pages' positions.
 * @typedef {{type: "who"} | {type: "wishes", page: string, wishes: Wish[]}
 *   | {type: "open", keys: string[]} | {type: "shut"}
 *   | {type: "event", id: number, name: string, data: string}
 *   | {type: "looked", discussion: string, changed: number, read: number, comments: number,
 *     isExpired: boolean}} Message
 */

/** @typedef {{discussions: string[], keys: Set<string>, after: number}} Plan */

export class Leader {
  /** @type {Map<string, {wishes: Wish[], beats: number}>} by page */
  #pages = new Map();
  /** @type {Plan | null} the plan of the current request, or of the last one */
  #plan = null;
  /** Position of the last event. */
  #reached = 0;
  #isOpen = false;
  #replanning = new AbortController();

  /**
   * @param {string} site
   * @param {string} rights of the token in the stream's requests
   * @param {() => Source | undefined} source
   * @param {(message: Message) => void} send sends to all pages, including this one
   */
  constructor(site, rights, source, send) {
    this.site = site;
    this.rights = rights;
    this.source = source;
    this.send = send;
  }

  /** @param {string} page @param {Wish[]} wishes all wishes of the page */
  onWishes(page, wishes) {
    if (wishes.length) this.#pages.set(page, { wishes, beats: 0 });
    else this.#pages.delete(page);
    const plan = this.#plan;
    if (!plan) return this.#replanning.abort();
    // The stream has delivered the events up to this position already. A wish from an earlier
    // position needs a new request.
    const from = Math.max(plan.after, this.#reached) || Infinity;
    const isCovered = (/** @type {Wish} */ wish) =>
      plan.discussions.includes(wish.discussion) && (!wish.position || wish.position >= from);
    const wanted = this.#select();
    const added = wanted.wishes.filter((wish) => !plan.keys.has(wish.key));
    if (!added.every(isCovered)) return this.#replanning.abort();
    for (const wish of added) plan.keys.add(wish.key);
    if (this.#isOpen && added.length) this.send({ type: "open", keys: [...plan.keys] });
  }

  /** Lead until `signal` is aborted. @param {AbortSignal} signal */
  async run(signal) {
    const beat = setInterval(() => this.#beat(), BEAT_MS);
    signal.addEventListener("abort", () => clearInterval(beat));
    this.send({ type: "who" });
    let wait = WAIT_FIRST_MS;
    while (!signal.aborted) {
      await pause(SETTLED_MS, signal);
      this.#replanning = new AbortController();
      const either = AbortSignal.any([signal, this.#replanning.signal]);
      const plan = (this.#plan = this.#makePlan());
      const source = this.source();
      if (!plan || !source) {
        await pause(BEAT_MS, either);
        continue;
      }
      try {
        for await (const one of events((given) => this.#request(source, plan, given), plan.after, either)) {
          wait = WAIT_FIRST_MS;
          this.#forward(one, plan);
        }
      } catch (error) {
        if (either.aborted) continue;
        if (await this.#onFailure(error, source, plan)) wait = WAIT_MOST_MS;
      }
      this.#shut();
      await pause(wait * (0.5 + Math.random()), either);
      wait = Math.min(wait * 2, WAIT_MOST_MS);
    }
  }

  /** @param {Source} source @param {Plan} plan @param {RequestInit & {headers: Record<string, string>}} given */
  #request(source, plan, given) {
    const named = plan.discussions.map((one) => `&discussion=${one}`).join("");
    return source.fetch(`/v1/live?site=${encodeURIComponent(this.site)}${named}`, given, this.rights);
  }

  /** @param {"open" | import("./stream.js").Event} one @param {Plan} plan */
  #forward(one, plan) {
    if (one === "open") {
      this.#isOpen = true;
      this.send({ type: "open", keys: [...plan.keys] });
      return;
    }
    this.#reached = Math.max(this.#reached, one.id);
    this.send({ type: "event", ...one });
  }

  #shut() {
    this.#isOpen = false;
    this.send({ type: "shut" });
  }

  /**
   * Ask for the discussions' changes if the stream was refused or has expired. Return whether the
   * next request must wait long.
   * @param {any} error
   * @param {Source} source
   * @param {Plan} plan
   */
  async #onFailure({ status, name }, source, plan) {
    // Too many streams from this address, or a proxy that blocks streams.
    const isRefused = status === 429 || status === 503 || name === "TimeoutError";
    if (isRefused || status === 410) await this.#look(source, plan.discussions, status === 410);
    return isRefused || (status !== 410 && status >= 400 && status < 500);
  }

  /**
   * Ask for each discussion's last change, report it to all pages, and continue from there.
   * @param {Source} source
   * @param {string[]} discussions
   * @param {boolean} isExpired
   */
  async #look(source, discussions, isExpired) {
    for (const discussion of discussions) {
      let read = 0;
      try {
        const since = isExpired ? 0 : this.#oldestPosition(discussion);
        const found = await (since
          ? this.#fetchNews(source, discussion, since)
          : this.#fetchPosition(source, discussion));
        read = found.read;
        this.send({ type: "looked", discussion, ...found, isExpired });
      } catch ({ status }) {
        // The next call may succeed.
        if (status !== 404) continue;
      }
      if (isExpired && read) this.#reached = Math.min(this.#reached, read);
      for (const { wishes } of this.#pages.values())
        for (const wish of wishes)
          if (wish.discussion === discussion && (isExpired || wish.position < read)) wish.position = read;
    }
  }

  /** Return the position that all pages have reached in a discussion. @param {string} discussion */
  #oldestPosition(discussion) {
    const wishes = [...this.#pages.values()].flatMap((page) => page.wishes);
    const positions = wishes.filter((one) => one.discussion === discussion).map((one) => one.position);
    return Math.min(...positions);
  }

  /** @param {Source} source @param {string} discussion */
  async #fetchPosition(source, discussion) {
    const found = await source.get(`/v1/discussions/${discussion}`);
    return { changed: found.position, read: found.read ?? found.position, comments: 0 };
  }

  /** @param {Source} source @param {string} discussion @param {number} since */
  async #fetchNews(source, discussion, since) {
    try {
      const { position, comments, edited, removed, votes } = await source.get(`/v1/discussions/${discussion}/news`, {
        since,
      });
      return { changed: comments + edited + removed + votes ? position : since, read: position, comments };
    } catch (problem) {
      if (problem.status !== 410) throw problem;
      // The log has lost its end.
      return this.#fetchPosition(source, discussion);
    }
  }

  /** Drop silent pages. Ask all for their wishes, which also shows that the leader is alive. */
  #beat() {
    for (const [page, known] of this.#pages) {
      known.beats += 1;
      if (known.beats > SILENT_BEATS_MAX) this.#pages.delete(page);
    }
    this.send({ type: "who" });
  }

  /**
   * Return the discussions for the stream, with their wishes. Visible discussions have priority,
   * then those of the current plan.
   */
  #select() {
    const all = [...this.#pages.values()].flatMap(({ wishes }) => wishes);
    const weight = (/** @type {Wish} */ { discussion, isVisible }) =>
      Number(isVisible) * 2 + Number(this.#plan?.discussions.includes(discussion) ?? false);
    all.sort((one, other) => weight(other) - weight(one));
    const discussions = [...new Set(all.map(({ discussion }) => discussion))].slice(0, DISCUSSIONS_MAX);
    return { discussions, wishes: all.filter(({ discussion }) => discussions.includes(discussion)) };
  }

  /** @returns {Plan | null} */
  #makePlan() {
    const { discussions, wishes } = this.#select();
    if (!wishes.length) return null;
    const positions = wishes.map(({ key, position }) =>
      this.#plan?.keys.has(key) ? Math.max(position, this.#reached) : position,
    );
    const known = positions.filter(Boolean);
    return {
      discussions,
      keys: new Set(wishes.map(({ key }) => key)),
      after: known.length ? Math.min(...known) : this.#reached,
    };
  }
}
