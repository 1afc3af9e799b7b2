// <rostra-moderation site>: the desk of a site's moderators, on `/moderate` or any other page.

import { define, reflect, registerUnit, upgradeProperties } from "../elements.js";
import style from "../style.css" with { type: "css" };
import { Desk } from "./desk.js";
import moderation from "./moderation.css" with { type: "css" };

const REFLECTED = ["site", "base"];

export class RostraModeration extends HTMLElement {
  static observedAttributes = [...REFLECTED, "lang"];

  /** @type {import("../rostra.d.ts").GetToken | null} */
  #getToken = null;
  /** @type {Desk | null} */
  #desk = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    registerUnit();
    root.adoptedStyleSheets = [style, moderation];
    upgradeProperties(this, [...REFLECTED, "getToken"]);
  }

  /** Function that returns a moderator's token. If null, the desk asks for a token. */
  get getToken() {
    return this.#getToken;
  }

  set getToken(given) {
    this.#getToken = typeof given === "function" ? given : null;
    this.#restart();
  }

  connectedCallback() {
    this.#restart();
  }

  disconnectedCallback() {
    this.#stop();
  }

  /** @param {string} _ @param {string | null} before @param {string | null} now */
  attributeChangedCallback(_, before, now) {
    if (before !== now) this.#restart();
  }

  #restart() {
    this.#stop();
    if (this.isConnected) this.#desk = new Desk(this);
  }

  #stop() {
    this.#desk?.stop();
    this.#desk = null;
  }
}

reflect(RostraModeration, REFLECTED);
define("rostra-moderation", RostraModeration);
