// <rostra-discussion site resource>: a discussion on any page.

import { define, reflect, registerUnit, upgradeProperties } from "./elements.js";
import { Memory, Reader } from "./reader.js";
import style from "./style.css" with { type: "css" };

/** Attributes with a property that reflects them. Every HTML element has one for `lang`. */
const REFLECTED = ["site", "resource", "base", "token", "orders", "order", "for", "guests", "theme"];
const UPGRADED = [...REFLECTED, "getToken", "strings"];
const RESTARTING = ["site", "resource", "base", "orders", "order", "for", "guests", "lang"];

/** Attributes, properties, events and parts are described in `custom-elements.json`. */
export class RostraDiscussion extends HTMLElement {
  static observedAttributes = [...RESTARTING, "token"];

  /** @type {import("./rostra.d.ts").GetToken | null} */
  #getToken = null;
  /** @type {Partial<import("./rostra.d.ts").Strings> | null} */
  #strings = null;
  /** @type {Reader | null} */
  #reader = null;
  #isWaiting = false;
  #memory = new Memory();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    registerUnit();
    root.adoptedStyleSheets = [style];
    upgradeProperties(this, UPGRADED);
  }

  get getToken() {
    return this.#getToken;
  }

  set getToken(given) {
    this.#getToken = typeof given === "function" ? given : null;
    this.#reader?.onTokenChange();
  }

  get strings() {
    return this.#strings;
  }

  set strings(given) {
    this.#strings = given && typeof given === "object" ? given : null;
    this.#restart();
  }

  connectedCallback() {
    this.#restart();
  }

  disconnectedCallback() {
    this.#restart();
  }

  /** @param {string} name @param {string | null} before @param {string | null} now */
  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name === "base") this.#memory = new Memory();
    if (name === "token") this.#reader?.onTokenChange();
    else this.#restart();
  }

  /** Replace the reader in a microtask, once for all changes until then. */
  #restart() {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    queueMicrotask(() => {
      this.#isWaiting = false;
      const wish = JSON.stringify(RESTARTING.map((name) => this.getAttribute(name)));
      // An element that only moved within the page needs no new reader.
      if (this.#reader && this.isConnected && this.#reader.isFor(wish, this.#strings)) return;
      this.#stop();
      if (this.isConnected) this.#reader = new Reader(this, wish, this.#memory, () => this.#forceRestart());
    });
  }

  /** Replace the reader although no attribute has changed. */
  #forceRestart() {
    this.#stop();
    this.#restart();
  }

  #stop() {
    this.#reader?.stop();
    this.#reader = null;
  }
}

reflect(RostraDiscussion, REFLECTED);
define("rostra-discussion", RostraDiscussion);
