// The service, as a page asks it. Errors are problems (RFC 9457) in our own words or the server's.

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
   * @param {string} base the service's origin
   * @param {import("./session.js").Session} session whose token is asked for anew for each request
   */
  constructor(base, session) {
    this.base = base;
    this.session = session;
  }

  /** @param {string} path @param {RequestInit & {headers: Record<string, string>}} given */
  async fetch(path, given) {
    const token = await this.session.token();
    const answer = await this.send(path, given, token);
    if (answer.status !== 401 || !token || !(await this.session.renew(token))) return answer;
    return this.send(path, given, await this.session.token());
  }

  /**
   * @param {string} path
   * @param {RequestInit & {headers: Record<string, string>}} given
   * @param {string | null} token
   */
  send(path, given, token) {
    const headers = token ? { ...given.headers, Authorization: `Bearer ${token}` } : given.headers;
    return fetch(this.base + path, { ...given, headers, credentials: "omit" });
  }

  /** @param {string} method @param {string} path @param {object} [body] @param {Record<string, string>} [more] */
  async ask(method, path, body, more = {}) {
    const headers = body === undefined ? more : { ...more, "Content-Type": "application/json" };
    const answer = await this.fetch(path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    const found = text && /json/.test(answer.headers.get("Content-Type") ?? "") ? JSON.parse(text) : null;
    if (!answer.ok) {
      const name = String(found?.type ?? "").replace("/problems/", "");
      throw new Problem(answer.status, name, found?.errors?.[0]?.message ?? found?.detail ?? found?.title ?? "");
    }
    return found;
  }

  /** @param {string} path @param {Record<string, unknown>} query what is undefined or null is left out */
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
   * What holds for it: the orders that are offered, how long a comment may be edited, …
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
   * @param {{body: string, parent?: string, passage?: string | null}} comment
   * @param {string} key makes the comment one and the same however often it is sent
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

  /** @param {string} comment @param {string} reason @returns {Promise<unknown>} */
  flag(comment, reason) {
    return this.ask("POST", `/v1/comments/${comment}/flag`, { reason });
  }

  /** @param {string} body @returns {Promise<{html: string}>} */
  preview(body) {
    return this.ask("POST", "/v1/preview", { body });
  }

  /** @param {string} site @param {string} name @returns {Promise<{token: string}>} */
  guest(site, name) {
    return this.ask("POST", "/v1/guests", { site, name });
  }
}
