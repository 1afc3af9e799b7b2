// Client of the service's HTTP interface. Errors are problems (RFC 9457), of the server or our own.

import { rightsOf } from "./session.js";

export class Problem extends Error {
  /** @param {number} status @param {string} name @param {string} detail */
  constructor(status, name, detail) {
    super(detail || name);
    this.status = status;
    this.problem = name;
  }
}

export class Api {
  /**
   * @param {string} base URL of the service, without a slash at the end
   * @param {import("./session.js").Session} session supplies a token for each request
   * @param {import("./clock.js").Clock} clock
   * @param {AbortSignal} signal cancels reads; writes are never cancelled
   * @param {(other: string | null) => void} refused called after the service refused a token with
   *   401, with the session's token from then on
   */
  constructor(base, session, clock, signal, refused) {
    this.base = base;
    this.session = session;
    this.clock = clock;
    this.signal = signal;
    this.onRefusal = refused;
  }

  /**
   * Send a request with the session's token. Renew a token once if it gets a 401. Send a read that
   * is still refused again without a token.
   * @param {string} path
   * @param {RequestInit & {headers: Record<string, string>}} given
   * @param {string} [rights] required of the token; any by default
   */
  async fetch(path, given, rights) {
    const reads = (given.method ?? "GET") === "GET";
    const refused = (/** @type {Response} */ { status }) => status === 401 || (reads && status === 403);
    const token = await this.session.token(!reads);
    if (rights !== undefined && rightsOf(token) !== rights) throw new Problem(0, "another-person", "");
    const answer = await this.send(path, given, token);
    if (!token || !refused(answer)) return answer;
    if (answer.status === 401) this.session.renew(token);
    let other = answer.status === 401 ? await this.session.token(!reads) : null;
    if (answer.status === 401) this.onRefusal(other);
    if (rights !== undefined && rightsOf(other) !== rights) other = null;
    const again = await this.send(path, given, other);
    if (other && again.status === 401) [this.session.renew(other), this.onRefusal(null)];
    return other && reads && refused(again) ? this.send(path, given, null) : again;
  }

  /**
   * @param {string} path
   * @param {RequestInit & {headers: Record<string, string>}} given
   * @param {string | null} token
   */
  async send(path, given, token) {
    const headers = token ? { ...given.headers, Authorization: `Bearer ${token}` } : given.headers;
    const signal = given.method && given.method !== "GET" ? undefined : this.signal;
    try {
      const answer = await fetch(this.base + path, { signal, ...given, headers, credentials: "omit" });
      this.clock.read(answer.headers);
      return answer;
    } catch (error) {
      throw ["AbortError", "TimeoutError"].includes(error.name) ? error : new Problem(0, "offline", error.message);
    }
  }

  /** @param {string} method @param {string} path @param {object} [body] @param {Record<string, string>} [more] */
  async ask(method, path, body, more = {}) {
    const headers = body === undefined ? more : { ...more, "Content-Type": "application/json" };
    const answer = await this.fetch(path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    const isJson = /json/.test(answer.headers.get("Content-Type") ?? "");
    // Not JSON: `base` leads to another server, or to a wrong path.
    if (!isJson && (text || !answer.ok)) throw new Problem(answer.status, "wrong-service", "");
    const found = text ? JSON.parse(text) : null;
    const read = Number(answer.headers.get("Rostra-Position"));
    if (found && read) found.read = read;
    if (!answer.ok) {
      const name = String(found?.type ?? "").replace(/^.*\/problems\//, "");
      throw new Problem(answer.status, name, found?.errors?.[0]?.message ?? found?.detail ?? found?.title ?? "");
    }
    return found;
  }

  /** @param {string} path @param {Record<string, unknown>} query null and undefined are left out */
  get(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    return this.ask("GET", given.length ? `${path}?${search}` : path);
  }

  /** @param {string} site @param {string} resource @returns {Promise<import("./contract.js").Discussion>} */
  discussion(site, resource) {
    return this.get("/v1/discussions", { site, resource });
  }

  /**
   * Return the rules of a discussion: the orders that it offers, the time for edits, …
   * @param {string} site
   * @param {string} resource
   * @returns {Promise<import("./contract.js").Rules>}
   */
  rules(site, resource) {
    return this.get("/v1/rules", { site, resource });
  }

  /** @param {string} site @param {string} resource @returns {Promise<import("./contract.js").Done>} */
  open(site, resource) {
    return this.ask("PUT", "/v1/discussions", { site, resource });
  }

  /**
   * @param {string} discussion
   * @param {Record<string, unknown>} [query]
   * @returns {Promise<import("./contract.js").CommentPage>}
   */
  comments(discussion, query) {
    return this.get(`/v1/discussions/${discussion}/comments`, query);
  }

  /**
   * @param {string} id
   * @param {Record<string, unknown>} [query]
   * @returns {Promise<import("./contract.js").Comment>}
   */
  comment(id, query) {
    return this.get(`/v1/comments/${id}`, query);
  }

  /**
   * @param {string} comment
   * @param {Record<string, unknown>} [query]
   * @returns {Promise<import("./contract.js").CommentPage>}
   */
  replies(comment, query) {
    return this.get(`/v1/comments/${comment}/replies`, query);
  }

  /**
   * @param {string} discussion
   * @param {Record<string, unknown>} [query]
   * @returns {Promise<{passages: import("./contract.js").Passage[]}>}
   */
  passages(discussion, query) {
    return this.get(`/v1/discussions/${discussion}/passages`, query);
  }

  /**
   * @param {string} discussion
   * @param {{body: string, parent?: string, passage?: string | null, mentions?: string[]}} comment
   * @param {string} key idempotency key, the same for each retry
   * @returns {Promise<import("./contract.js").Done>}
   */
  post(discussion, comment, key) {
    return this.ask("POST", `/v1/discussions/${discussion}/comments`, comment, { "Idempotency-Key": key });
  }

  /**
   * @param {string} discussion
   * @param {import("./contract.js").NewPassage} passage
   * @param {string} key
   * @returns {Promise<import("./contract.js").Done>}
   */
  mark(discussion, passage, key) {
    return this.ask("POST", `/v1/discussions/${discussion}/passages`, passage, { "Idempotency-Key": key });
  }

  /** @param {string} comment @param {string} body @returns {Promise<import("./contract.js").Done>} */
  edit(comment, body) {
    return this.ask("PATCH", `/v1/comments/${comment}`, { body });
  }

  /** @param {string} comment @returns {Promise<import("./contract.js").Done>} */
  remove(comment) {
    return this.ask("DELETE", `/v1/comments/${comment}`);
  }

  /** @param {string} comment @param {number} value @returns {Promise<import("./contract.js").Totals>} */
  vote(comment, value) {
    return this.ask("PUT", `/v1/comments/${comment}/vote`, { value });
  }

  /** @param {string} comment @param {string} reason @returns {Promise<import("./contract.js").Done>} */
  flag(comment, reason) {
    return this.ask("POST", `/v1/comments/${comment}/flag`, { reason });
  }

  /** @param {string} body @param {string} discussion @returns {Promise<{html: string}>} */
  preview(body, discussion) {
    return this.ask("POST", "/v1/preview", { body, discussion: discussion || null });
  }

  /** @param {string} site @param {string} name @returns {Promise<{token: string}>} */
  guest(site, name) {
    return this.ask("POST", "/v1/guests", { site, name });
  }
}
