// Who reads: by the page's token (an attribute, or a callback that renews it), or as a guest.

import { store, stored } from "./storage.js";

const RENEW_BEFORE_MS = 30_000;
const READ_WAIT_MS = 2_000; // reading waits no longer for the page's callback
const WRITE_WAIT_MS = 15_000;
const ASK_AGAIN_MS = 30_000; // after the callback failed
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
  #kept = null;
  /** @type {Promise<string | null> | null} the callback's answer that is waited for */
  #asking = null;
  #isLate = false;
  #failedAt = -Infinity;
  /** @type {Set<string>} tokens that the service refused */
  #refused = new Set();
  /** Called when a token comes after reading went on without it. */
  changed = () => {};

  /**
   * @param {Host} host
   * @param {string} site guests are guests of one site
   * @param {import("./clock.js").Clock} clock
   */
  constructor(host, site, clock) {
    this.host = host;
    this.site = site;
    this.clock = clock;
    this.place = guestPlace(site);
  }

  /**
   * Return the token for a request, null where there is none that still holds. Reading never depends
   * on the page's callback: one that fails or takes too long counts as none.
   * @param {boolean} [writing]
   */
  async token(writing = false) {
    const asked = this.host.getToken ? await this.#asked(writing) : null;
    if (asked) return asked;
    const others = [this.host.getAttribute("token"), stored(this.place)];
    return others.find((one) => one && this.#holds(one) && !this.#refused.has(one)) ?? null;
  }

  /** @param {boolean} writing */
  async #asked(writing) {
    if (this.#kept && this.#holds(this.#kept)) return this.#kept;
    if (!writing && (this.#isLate || performance.now() < this.#failedAt + ASK_AGAIN_MS)) return null;
    const asking = (this.#asking ??= this.#ask());
    const { promise, resolve } = deferred();
    const timer = setTimeout(
      () => {
        if (this.#asking === asking) this.#isLate = true;
        resolve(null);
      },
      writing ? WRITE_WAIT_MS : READ_WAIT_MS,
    );
    return Promise.race([asking, promise]).finally(() => clearTimeout(timer));
  }

  /** @returns {Promise<string | null>} */
  #ask() {
    /** @type {Promise<string | null>} */
    const asking = (async () => this.host.getToken?.())().then(
      (token) => this.#answered(asking, typeof token === "string" ? token : null),
      (error) => {
        console.warn("rostra: getToken failed; reading goes on without a token", error);
        if (this.#asking === asking) this.#failedAt = performance.now();
        return this.#answered(asking, null);
      },
    );
    return asking;
  }

  /** @param {Promise<string | null>} asking @param {string | null} token */
  #answered(asking, token) {
    if (this.#asking !== asking) return null; // forgotten meanwhile
    this.#asking = null;
    this.#kept = token && !this.#refused.has(token) ? token : null;
    const wasLate = this.#isLate;
    this.#isLate = false;
    if (wasLate && this.#kept) this.changed();
    return this.#kept;
  }

  /** Have a refused token replaced. @param {string} refused */
  renew(refused) {
    this.#refused.add(refused);
    this.#kept = null;
    this.host.dispatchEvent(new CustomEvent("rostra-token-refused", { bubbles: true, composed: true }));
  }

  async person() {
    const token = await this.token();
    return token ? personOf(token, this.site) : null;
  }

  /** Take part as a guest, or no longer. @param {string | null} token */
  enter(token) {
    store(this.place, token);
  }

  /** The page's token or callback has changed. */
  forget() {
    this.#kept = null;
    this.#asking = null;
    this.#isLate = false;
    this.#failedAt = -Infinity;
  }

  /** Until the service's time is known, the service alone decides. @param {string} token */
  #holds(token) {
    if (!this.clock.isKnown) return true;
    const ends = Number(claimsOf(token)?.exp) * 1000; // NaN where it has no end
    return !(ends < this.clock.now() + RENEW_BEFORE_MS);
  }
}

/** Where a guest's token of a site is stored. @param {string} site */
export function guestPlace(site) {
  return `rostra:guest:${site}`;
}

/**
 * The owner of drafts: a guest has another id each time, and the same name.
 * @param {Person | null} person
 */
export function draftsOf(person) {
  return person?.guest ? `${GUEST}${person.name}` : (person?.id ?? "");
}

/**
 * Return the person that a token names. The service alone decides what it is worth.
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
 * Name who a token is of and what it allows; two tokens with one name may read the same.
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

function deferred() {
  /** @type {(value: null) => void} */
  let resolve = () => {};
  /** @type {Promise<null>} */
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
