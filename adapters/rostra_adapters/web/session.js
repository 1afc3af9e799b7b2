// Who reads: by the page's token (an attribute, or a callback that renews it), or as a guest.

const RENEW_BEFORE_MS = 30_000;
const GUEST = "guest:";

/** @typedef {{id: string, name: string | null}} Person */

export class Session {
  /**
   * @param {HTMLElement & {getToken?: null | (() => string | null | Promise<string | null>)}} host
   * @param {string} site guests are guests of one site
   */
  constructor(host, site) {
    this.host = host;
    this.place = `rostra:guest:${site}`;
    /** @type {string | null} */
    this.kept = null; // what the callback gave, until it ends
    /** @type {Set<string>} */
    this.refused = new Set(); // tokens that the service would not have
  }

  /** The token for a request, null where there is none that still holds. */
  async token() {
    if (this.host.getToken) {
      if (!holds(this.kept)) this.kept = (await this.host.getToken()) || null;
      if (this.kept) return this.kept;
    }
    const given = this.host.getAttribute("token");
    if (given && holds(given) && !this.refused.has(given)) return given;
    const guest = stored(sessionStorage, this.place);
    return guest && holds(guest) && !this.refused.has(guest) ? guest : null;
  }

  /**
   * A token was refused; whether there is another to ask with (or none, to read as anybody may).
   * @param {string} refused
   */
  async renew(refused) {
    this.refused.add(refused);
    this.kept = null;
    this.host.dispatchEvent(new CustomEvent("rostra-token-refused", { bubbles: true, composed: true }));
    return (await this.token()) !== refused;
  }

  async person() {
    const token = await this.token();
    return token ? personOf(token) : null;
  }

  /** @param {string} token */
  enter(token) {
    store(sessionStorage, this.place, token);
  }

  /** The token is another by now. */
  forget() {
    this.kept = null;
  }
}

/**
 * Under which name a person's drafts are kept: a guest has another id each time.
 * @param {Person | null} person
 */
export function draftsOf(person) {
  return person?.id.startsWith(GUEST) ? GUEST : (person?.id ?? "");
}

/**
 * Who a token is of, as it says itself; the server alone decides what it is worth.
 * @param {string} token
 * @returns {Person | null}
 */
export function personOf(token) {
  const claims = claimsOf(token);
  return claims && { id: String(claims.sub), name: claims.name ?? null };
}

/** @param {string | null} token */
function holds(token) {
  if (!token) return false;
  const ends = Number(claimsOf(token)?.exp) * 1000; // NaN where it has no end
  return !(ends < Date.now() + RENEW_BEFORE_MS);
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

// A device may keep nothing, or have no room: then it is kept for as long as the page is open.

/** @param {Storage} storage @param {string} place */
export function stored(storage, place) {
  try {
    return storage.getItem(place);
  } catch {
    return null;
  }
}

/** @param {Storage} storage @param {string} place @param {string | null} value */
export function store(storage, place, value) {
  try {
    if (value === null) storage.removeItem(place);
    else storage.setItem(place, value);
  } catch {
    // see above
  }
}
