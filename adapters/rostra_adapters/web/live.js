// Live updates. All discussions on all pages of an origin share one stream, since a browser opens
// only six connections to a host. One page is the leader: it holds a lock, reads the stream and
// forwards the events to the other pages. Hidden pages do not participate.

import { BEAT_MS, Leader } from "./leader.js";
import { belongs } from "./listing.js";
import { randomId } from "./storage.js";

// Message format; pages with another version use another channel.
const VERSION = 1;
// A leader that is silent for so long counts as hung.
const SILENCE_MOST_MS = 45_000;

/** @typedef {import("./leader.js").Message} Message */
/** @typedef {import("./leader.js").Source} Source */

/**
 * A discussion that is shown.
 * @typedef {object} Member
 * @property {Source} api
 * @property {string} discussion
 * @property {number} position up to which all events are shown; the group updates it
 * @property {boolean} isVisible
 * @property {(name: string, data: import("./contract.js").News) => void} onEvent
 * @property {(now: boolean) => void} onConnection
 * @property {(comments: number) => void} onLoss called when events are missing, so that the
 *   discussion must be read again; `comments` is the known number of new comments
 */

/** @type {Map<string, Group>} */
const groups = new Map();
let isWatched = false;
let isAway = false;

/**
 * Follow a discussion until `signal` is aborted. Return a function to call when the
 * discussion's visibility changes.
 * @param {string} base
 * @param {string} site
 * @param {string} rights of the reader's token; only readers with equal rights share a stream
 * @param {Member} member
 * @param {AbortSignal} signal
 * @returns {() => void}
 */
export function follow(base, site, rights, member, signal) {
  watchPage();
  const name = JSON.stringify(["rostra:live", VERSION, base, site, rights]);
  const group = groups.get(name) ?? new Group(name, site, rights);
  groups.set(name, group);
  const key = randomId();
  group.members.set(key, member);
  group.update();
  signal.addEventListener("abort", () => {
    group.members.delete(key);
    group.update();
    if (!group.members.size && groups.get(name) === group) groups.delete(name);
  });
  return () => group.update();
}

class Group {
  /** @type {Map<string, Member>} by a key that is unique among pages */
  members = new Map();
  #page = randomId();
  /** @type {AbortController | null} set while this page participates */
  #life = null;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** @type {Leader | null} set while this page leads */
  #leader = null;
  /** @type {AbortController | null} aborts the wait for the lock, or the leading */
  #leading = null;
  #lastMessageAt = 0;
  #isSending = false;
  /** @type {Set<string>} the keys of members that the stream covers */
  #covered = new Set();

  /** @param {string} name @param {string} site @param {string} rights */
  constructor(name, site, rights) {
    this.name = name;
    this.site = site;
    this.rights = rights;
  }

  /** Start, stop or send the wishes again after a change of members or of the page's visibility. */
  update() {
    const isWanted = this.members.size > 0 && !isAway && document.visibilityState === "visible";
    if (isWanted && !this.#life) this.#start();
    else if (!isWanted && this.#life) this.#stop();
    else if (isWanted && !this.#isSending) {
      this.#isSending = true;
      queueMicrotask(() => {
        this.#isSending = false;
        this.#sendWishes();
      });
    }
  }

  #start() {
    const { signal } = (this.#life = new AbortController());
    this.#lastMessageAt = performance.now();
    this.#channel = navigator.locks ? channelOf(this.name, (message) => this.#onMessage(message)) : null;
    if (this.#channel) this.#queue();
    else this.#lead(new AbortController(), signal);
    const watch = setInterval(() => {
      const isSilent = performance.now() - this.#lastMessageAt > SILENCE_MOST_MS;
      if (isSilent && !this.#leader) this.#queue({ steal: true });
    }, BEAT_MS);
    signal.addEventListener("abort", () => clearInterval(watch));
    this.#sendWishes();
  }

  #stop() {
    this.#shut();
    this.#post({ type: "wishes", page: this.#page, wishes: [] });
    this.#life?.abort();
    this.#leading?.abort();
    this.#channel?.close();
    this.#life = this.#leading = this.#channel = null;
  }

  /**
   * Wait for the lock, then lead. The option `steal` replaces a hung leader at once.
   * @param {{steal?: boolean}} [options]
   */
  async #queue(options) {
    const signal = /** @type {AbortController} */ (this.#life).signal;
    this.#lastMessageAt = performance.now();
    this.#leading?.abort();
    const leading = (this.#leading = new AbortController());
    try {
      await navigator.locks.request(this.name, options ?? { signal: leading.signal }, () =>
        this.#lead(leading, signal),
      );
    } catch (error) {
      if (signal.aborted || this.#leading !== leading) return;
      leading.abort();
      // Another page stole the lock.
      if (error.name === "AbortError") return void this.#queue();
      // Locks are unavailable, as in a sandboxed frame.
      this.#channel?.close();
      this.#channel = null;
      this.#lead((this.#leading = new AbortController()), signal);
    }
  }

  /** @param {AbortController} leading @param {AbortSignal} life */
  async #lead(leading, life) {
    const either = AbortSignal.any([leading.signal, life]);
    if (either.aborted) return;
    const send = (/** @type {Message} */ message) => {
      if (either.aborted) return;
      this.#post(message);
      this.#onMessage(message);
    };
    const leader = new Leader(this.site, this.rights, () => this.members.values().next().value?.api, send);
    this.#leader = leader;
    await leader.run(either);
    if (this.#leader === leader) this.#leader = null;
  }

  /** @param {Message} message */
  #post(message) {
    this.#channel?.postMessage(message);
  }

  #sendWishes() {
    const wishes = [...this.members].map(([key, { discussion, position, isVisible }]) => ({
      key,
      discussion,
      position,
      isVisible,
    }));
    this.#post({ type: "wishes", page: this.#page, wishes });
    this.#leader?.onWishes(this.#page, wishes);
  }

  /** @param {Message} message */
  #onMessage(message) {
    if (!this.#life) return;
    if (message.type === "wishes") return this.#leader?.onWishes(message.page, message.wishes);
    this.#lastMessageAt = performance.now();
    if (message.type === "who") this.#sendWishes();
    else if (message.type === "shut") this.#shut();
    else if (message.type === "event") this.#onEvent(message);
    else if (message.type === "looked") this.#onLook(message);
    else this.#cover(message.keys);
  }

  #shut() {
    this.#cover([]);
  }

  /** @param {string[]} keys covered members of all pages, by their keys */
  #cover(keys) {
    const covered = new Set(keys);
    for (const [key, member] of this.members)
      if (covered.has(key) !== this.#covered.has(key)) member.onConnection(covered.has(key));
    this.#covered = covered;
  }

  /** @param {{id: number, name: string, data: string}} event */
  #onEvent({ id, name, data }) {
    const news = data ? JSON.parse(data) : null;
    for (const [key, member] of this.members) {
      if (!this.#covered.has(key) || id < member.position) continue;
      member.position = id;
      if (news && belongs(news.id, member.discussion)) member.onEvent(name, news);
    }
  }

  /** @param {{discussion: string, changed: number, read: number, comments: number, isExpired: boolean}} found */
  #onLook({ discussion, changed, read, comments, isExpired }) {
    for (const member of this.members.values()) {
      if (member.discussion !== discussion) continue;
      // If the log lost its end, a page with a position past that end must also read again.
      const isLost = member.position < changed || (isExpired && member.position > read);
      if (isExpired || member.position < read) member.position = read;
      if (isLost) member.onLoss(comments);
    }
    this.#sendWishes();
  }
}

/** @param {string} name @param {(message: Message) => void} onMessage */
function channelOf(name, onMessage) {
  try {
    const channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }) => onMessage(data);
    return channel;
  } catch {
    // An older browser, or storage is forbidden.
    return null;
  }
}

function watchPage() {
  if (isWatched) return;
  isWatched = true;
  const changed = () => groups.forEach((group) => group.update());
  const away = (/** @type {boolean} */ now) => () => {
    isAway = now;
    changed();
  };
  document.addEventListener("visibilitychange", changed);
  document.addEventListener("freeze", away(true));
  document.addEventListener("resume", away(false));
  window.addEventListener("pagehide", away(true));
  window.addEventListener("pageshow", away(false));
}
