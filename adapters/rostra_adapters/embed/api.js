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
   * @param {() => (string | null | Promise<string | null>)} token asked anew for each request
   */
  constructor(base, token) {
    this.base = base;
    this.token = token;
  }

  /** @param {string} method @param {string} path @param {object} [body] @param {Record<string, string>} [headers] */
  async ask(method, path, body, headers = {}) {
    const token = await this.token();
    const given = { ...headers };
    if (token) given.Authorization = `Bearer ${token}`;
    if (body !== undefined) given["Content-Type"] = "application/json";
    const answer = await fetch(this.base + path, {
      method,
      headers: given,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "omit",
    });
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

  discussion(site, resource) {
    return this.get("/v1/discussions", { site, resource });
  }

  open(site, resource, title, url) {
    return this.ask("PUT", "/v1/discussions", { site, resource, title, url });
  }

  comments(discussion, query) {
    return this.get(`/v1/discussions/${discussion}/comments`, query);
  }

  comment(id, query) {
    return this.get(`/v1/comments/${id}`, query);
  }

  replies(comment, query) {
    return this.get(`/v1/comments/${comment}/replies`, query);
  }

  passages(discussion, query) {
    return this.get(`/v1/discussions/${discussion}/passages`, query);
  }

  /** @param {string} key makes the comment one and the same however often it is sent */
  post(discussion, comment, key) {
    return this.ask("POST", `/v1/discussions/${discussion}/comments`, comment, { "Idempotency-Key": key });
  }

  mark(discussion, passage, key) {
    return this.ask("POST", `/v1/discussions/${discussion}/passages`, passage, { "Idempotency-Key": key });
  }

  edit(comment, body) {
    return this.ask("PATCH", `/v1/comments/${comment}`, { body });
  }

  remove(comment) {
    return this.ask("DELETE", `/v1/comments/${comment}`);
  }

  vote(comment, value) {
    return this.ask("PUT", `/v1/comments/${comment}/vote`, { value });
  }

  flag(comment, reason) {
    return this.ask("POST", `/v1/comments/${comment}/flag`, { reason });
  }

  preview(body) {
    return this.ask("POST", "/v1/preview", { body });
  }

  guest(site, name) {
    return this.ask("POST", "/v1/guests", { site, name });
  }
}

/** Who a token is of, as it says itself; the server alone decides what it is worth. */
export function personOf(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(part), (letter) => letter.codePointAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return { id: String(claims.sub), name: claims.name ?? null };
  } catch {
    return null;
  }
}
