// The reader's identity: by the page's token (an attribute or a callback), or by a guest's token.

import { readStored, store } from "./storage.js";

const RENEW_BEFORE_MS = 30_000;
const READ_WAIT_MS = 2_000; // longest wait of a read for the page's callback
const WRITE_WAIT_MS = 15_000;
const RETRY_MS = 30_000; // after a failure of the callback
const GUEST = "guest:";

/** @typedef {import("./rostra.d.ts").GetToken} GetToken */
/** @typedef {{id: string, name: string | null, guest: boolean, mayWrite: boolean, rights: string}} Person */
/**
 * @typedef {object} Host
 * @property {GetToken | null} getToken
 * @property {(name: string) => string | null} getAttribute
 * @property {(event: Event) => boolean} dispatchEvent
 */

export class Session {
  /** @type {string | null} the callback's last token */
  #callbackToken = null;
  /** @type {Promise<string | null> | null} the callback's pending answer */
  #pending = null;
  #isLate = false;
  #failedAt = -Infinity;
  /** @type {Set<string>} tokens that the service refused */
  #refused = new Set();
  /** Listener for a token that the callback returns after reads went on without the token. */
  onLateToken = () => {};

  /**
   * @param {Host} host
   * @param {string} site the site's name; a guest's token is for one site
   * @param {import("./clock.js").Clock} clock
   */
  constructor(host, site, clock) {
    this.host = host;
    this.site = site;
    this.clock = clock;
    this.place = guestPlace(site);
  }

  /**
   * Return a valid token for a request, or null if there is none. Reads do not depend on the page's
   * callback: a callback that fails or is too slow counts as one without a token.
   * @param {boolean} [writing]
   */
  async token(writing = false) {
    const asked = this.host.getToken ? await this.#awaitCallback(writing) : null;
    if (asked) return asked;
    const others = [this.host.getAttribute("token"), readStored(this.place)];
    return others.find((one) => one && this.#isValid(one) && !this.#refused.has(one)) ?? null;
  }

  /** @param {boolean} writing */
  async #awaitCallback(writing) {
    if (this.#callbackToken && this.#isValid(this.#callbackToken)) return this.#callbackToken;
    if (!writing && (this.#isLate || performance.now() < this.#failedAt + RETRY_MS)) return null;
    const asking = (this.#pending ??= this.#callCallback());
    const { promise, resolve } = createPromise();
    const timer = setTimeout(
      () => {
        if (this.#pending === asking) this.#isLate = true;
        resolve(null);
      },
      writing ? WRITE_WAIT_MS : READ_WAIT_MS,
    );
    return Promise.race([asking, promise]).finally(() => clearTimeout(timer));
  }

  /** @returns {Promise<string | null>} */
  #callCallback() {
    /** @type {Promise<string | null>} */
    const asking = (async () => this.host.getToken?.())().then(
      (token) => this.#onAnswer(asking, typeof token === "string" ? token : null),
      (error) => {
        console.warn("rostra: getToken failed; reading goes on without a token", error);
        if (this.#pending === asking) this.#failedAt = performance.now();
        return this.#onAnswer(asking, null);
      },
    );
    return asking;
  }

  /** @param {Promise<string | null>} asking @param {string | null} token */
  #onAnswer(asking, token) {
    if (this.#pending !== asking) return null; // `forget` was called meanwhile
    this.#pending = null;
    this.#callbackToken = token && !this.#refused.has(token) ? token : null;
    const wasLate = this.#isLate;
    this.#isLate = false;
    if (wasLate && this.#callbackToken) this.onLateToken();
    return this.#callbackToken;
  }

  /** Drop a refused token and ask the page for another. @param {string} refused */
  renew(refused) {
    this.#refused.add(refused);
    this.#callbackToken = null;
    this.host.dispatchEvent(new CustomEvent("rostra-token-refused", { bubbles: true, composed: true }));
  }

  async person() {
    const token = await this.token();
    return token ? personOf(token, this.site) : null;
  }

  /** Store the guest's token, or remove it if `token` is null. @param {string | null} token */
  setGuestToken(token) {
    store(this.place, token);
  }

  /** Drop the callback's token and state, after the page's token or callback has changed. */
  forget() {
    this.#callbackToken = null;
    this.#pending = null;
    this.#isLate = false;
    this.#failedAt = -Infinity;
  }

  /**
   * Return whether a token is valid for at least `RENEW_BEFORE_MS`. Until the service's time is
   * known, every token counts as valid.
   * @param {string} token
   */
  #isValid(token) {
    if (!this.clock.isKnown) return true;
    const ends = Number(claimsOf(token)?.exp) * 1000; // NaN if the token does not expire
    return !(ends < this.clock.now() + RENEW_BEFORE_MS);
  }
}

/** Return the storage key of a site's guest token. @param {string} site */
export function guestPlace(site) {
  return `rostra:guest:${site}`;
}

/**
 * Return the key of a person's drafts: the id, or for guests the name. A guest gets another id with
 * each token.
 * @param {Person | null} person
 */
export function draftKeyOf(person) {
  return person?.guest ? `${GUEST}${person.name}` : (person?.id ?? "");
}

/**
 * Return the person that a token names, or null if it cannot be read. Only the service verifies a
 * token.
 * @param {string} token
 * @param {string} site
 * @returns {Person | null}
 */
export function personOf(token, site) {
  const claims = claimsOf(token);
  if (!claims) return null;
  const id = String(claims.sub);
  const scopes = String(claims.scope ?? "").split(" ");
  const mayWrite = scopes.includes("comment") && [undefined, site].includes(claims.site);
  return { id, name: claims.name ?? null, guest: id.startsWith(GUEST), mayWrite, rights: rightsOf(token) };
}

/**
 * Return a key of a token's issuer, person, site and scopes. Tokens with equal keys may read the
 * same.
 * @param {string | null} token
 */
export function rightsOf(token) {
  const claims = token ? claimsOf(token) : null;
  if (!claims) return "";
  const scopes = String(claims.scope ?? "").split(" ");
  return JSON.stringify([claims.iss, claims.sub, claims.site, scopes.sort()]);
}

/** @param {string} token @returns {Record<string, any> | null} */
function claimsOf(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

function createPromise() {
  /** @type {(value: null) => void} */
  let resolve = () => {};
  /** @type {Promise<null>} */
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
