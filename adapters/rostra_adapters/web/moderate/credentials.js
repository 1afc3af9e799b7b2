// The moderator's token: from the host page, or entered by hand and stored for this tab only.

import { rightsOf } from "../session.js";

const PLACE = "rostra:moderate";
const EVERY_SITE = "*";

/** @typedef {{getToken: import("../rostra.d.ts").GetToken | null}} Host */

export class Credentials {
  /** @type {string | null} the entered token, for browsers that forbid storage */
  #memory = null;
  /** @type {Set<string>} tokens that the service refused */
  #refused = new Set();

  /** @param {Host} host */
  constructor(host) {
    this.host = host;
  }

  /** Return the token for a request, or null if there is none or the service refused it. */
  async token() {
    const given = this.host.getToken ? await this.host.getToken() : this.#readStored();
    return typeof given === "string" && given && !this.#refused.has(given) ? given : null;
  }

  /** Return whether the moderator enters and removes the token by hand. */
  get isByHand() {
    return !this.host.getToken;
  }

  /** @param {string} refused */
  renew(refused) {
    this.#refused.add(refused);
    if (this.#readStored() === refused) this.store(null);
  }

  /** @param {string | null} token null signs out */
  store(token) {
    this.#memory = token;
    try {
      if (token === null) sessionStorage.removeItem(PLACE);
      else sessionStorage.setItem(PLACE, token);
    } catch {
      // The copy in memory lasts as long as the page.
    }
  }

  #readStored() {
    try {
      return sessionStorage.getItem(PLACE) ?? this.#memory;
    } catch {
      return this.#memory;
    }
  }
}

/**
 * Return the moderator's id and the site of a token. The site is "" if the token is for every site.
 * @param {string} token
 */
export function identityOf(token) {
  const rights = rightsOf(token);
  if (!rights) return { id: "", site: "" };
  const [, id, site] = JSON.parse(rights);
  return { id: String(id ?? ""), site: site && site !== EVERY_SITE ? String(site) : "" };
}
