// <rostra-count site resource>: the number of comments, for pages that list articles.
// The elements of a page share requests.

import { define, reflect, upgradeProperties } from "./elements.js";
import { languageOf, tableOf } from "./languages.js";
import { createTranslator } from "./strings.js";
import { baseOf, normaliseUrl, pageResource } from "./urls.js";

const REFLECTED = ["site", "resource", "base"];
const NAMES_MAX = 100; // per request, by the service's default
const URL_CHARACTERS_MAX = 4_000;

/** @typedef {{element: RostraCount, names: string[]}} Wish */

/** Attributes and properties are described in `custom-elements.json`. */
export class RostraCount extends HTMLElement {
  static observedAttributes = [...REFLECTED, "lang"];

  /** @type {Partial<import("./rostra.d.ts").Strings> | null} */
  #strings = null;
  /** @type {number | null} */
  #count = null;
  /** @type {Wish | null} current request for the number; null while disconnected */
  #wish = null;
  #root = this.attachShadow({ mode: "open" });

  constructor() {
    super();
    this.#root.append(document.createElement("slot"));
    upgradeProperties(this, [...REFLECTED, "strings"]);
  }

  get strings() {
    return this.#strings;
  }

  set strings(given) {
    this.#strings = given && typeof given === "object" ? given : null;
    this.#show();
  }

  connectedCallback() {
    this.#ask();
  }

  disconnectedCallback() {
    this.#wish = null;
  }

  /** @param {string} name @param {string | null} before @param {string | null} now */
  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name === "lang") this.#show();
    else if (this.isConnected) this.#ask();
  }

  /** Request the number. Until the service answers, the element shows its own content. */
  #ask() {
    this.#count = null;
    this.#root.replaceChildren(document.createElement("slot"));
    const link = this.closest("a[href]");
    const linked = link instanceof HTMLAnchorElement && /^https?:/.test(link.href) ? link.href : "";
    const given = this.getAttribute("resource") || linked || pageResource();
    this.#wish = { element: this, names: [...new Set([given, normaliseUrl(given)])] };
    ask(this.#wish, baseOf(this), this.getAttribute("site") ?? "");
  }

  /** @param {Wish} wish @param {number} count */
  setCount(wish, count) {
    if (wish !== this.#wish) return; // a later request has replaced this one
    this.#count = count;
    this.#show();
  }

  async #show() {
    const n = this.#count;
    const { table, language } = await tableOf(languageOf(this));
    if (n === null || n !== this.#count) return;
    this.#root.replaceChildren(createTranslator(language, table, this.#strings ?? {}).t("comments", { n }));
  }
}

/** @type {Map<string, Set<Wish>>} requests to send, by service and site */
const waiting = new Map();

/**
 * Queue a request, to be sent with all others of the page.
 * @param {Wish} wish
 * @param {string} base
 * @param {string} site
 */
function ask(wish, base, site) {
  if (!waiting.size) afterParsing(send);
  const place = JSON.stringify([base, site]);
  waiting.set(place, (waiting.get(place) ?? new Set()).add(wish));
}

/** @param {() => void} run */
function afterParsing(run) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", run, { once: true });
  else setTimeout(run);
}

function send() {
  for (const [place, wishes] of waiting) {
    const [base, site] = JSON.parse(place);
    for (const some of portions([...wishes])) answer(base, site, some);
  }
  waiting.clear();
}

/** Split wishes so that each portion has at most `NAMES_MAX` names. @param {Wish[]} wishes */
function portions(wishes) {
  /** @type {{names: Set<string>, wishes: Wish[]}[]} */
  const made = [{ names: new Set(), wishes: [] }];
  for (const wish of wishes) {
    let last = made[made.length - 1];
    if (new Set([...last.names, ...wish.names]).size > NAMES_MAX) made.push((last = { names: new Set(), wishes: [] }));
    wish.names.forEach((name) => last.names.add(name));
    last.wishes.push(wish);
  }
  return made;
}

/** @param {string} base @param {string} site @param {{names: Set<string>, wishes: Wish[]}} portion */
async function answer(base, site, { names, wishes }) {
  try {
    const counts = await fetchCounts(base, site, [...names]);
    for (const wish of wishes) {
      const [given, named = given] = wish.names;
      wish.element.setCount(wish, counts[given] || counts[named] || 0);
    }
  } catch (problem) {
    console.warn("rostra: the numbers of comments did not come", problem);
  }
}

/** @param {string} base @param {string} site @param {string[]} resources @returns {Promise<Record<string, number>>} */
async function fetchCounts(base, site, resources) {
  const query = new URLSearchParams([["site", site], ...resources.map((name) => ["resource", name])]);
  const url = `${base}/v1/counts`;
  const isShort = url.length + String(query).length < URL_CHARACTERS_MAX;
  const answered = await fetch(isShort ? `${url}?${query}` : url, {
    credentials: "omit",
    ...(!isShort && {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ site, resources }),
    }),
  });
  if (!answered.ok) throw new Error(`${url} answered ${answered.status}`);
  return (await answered.json()).counts;
}

reflect(RostraCount, REFLECTED);
define("rostra-count", RostraCount);
