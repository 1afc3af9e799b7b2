// Acts on comments: their conditions, their results and their inverses.

/** @typedef {import("./shapes.js").Queued} Queued */
/** @typedef {import("./shapes.js").Action} Action */
/** @typedef {import("./shapes.js").Result} Result */

const ACTS_MAX = 100; // per request
const DECISIONS = ["approve", "reject"];

/** @param {Action} action @param {Queued} shape */
export function isPossible(action, { status, pending, flags, pinned, depth }) {
  const isShown = status === "published";
  switch (action) {
    case "approve":
      return status === "held" || status === "rejected" || Boolean(pending) || (isShown && flags.length > 0);
    case "reject":
      return status === "held" || isShown;
    case "hold":
      return isShown || status === "rejected";
    case "remove":
      return isShown || status === "held" || status === "rejected";
    case "restore":
      return status === "removed";
    case "pin":
      return isShown && !pinned && depth === 0;
    case "unpin":
      return pinned;
  }
}

/**
 * Return the action that exactly undoes `action`, or null if there is none.
 * @param {Action} action
 * @param {Queued} before
 * @returns {Action | null}
 */
export function opposite(action, { status, pending }) {
  if (action === "remove") return "restore";
  if (action === "restore") return "remove";
  if (action === "pin") return "unpin";
  if (action === "unpin") return "pin";
  if (pending) return null; // no action makes a decided wording pending again
  if (status === "held") return "hold";
  if (status === "rejected") return "reject";
  return action === "approve" ? null : "approve"; // approving dismissed the flags for good
}

/**
 * Return a copy of a comment with the result of an act.
 * @param {Queued} shape
 * @param {Action} action
 * @param {Result} result
 * @returns {Queued}
 */
export function applyResult(shape, action, { status, pending, version }) {
  const isPinning = action === "pin" || action === "unpin";
  return {
    ...shape,
    status: status ?? shape.status,
    version: version ?? shape.version,
    pinned: isPinning ? action === "pin" : shape.pinned,
    flags: isPinning ? shape.flags : [],
    pending: pending ? shape.pending : undefined,
    rule: isPinning || status === "held" ? shape.rule : null,
  };
}

/**
 * Send one action for many comments. The service refuses a comment whose version has changed.
 * @param {import("../api.js").Api} api
 * @param {Action} action
 * @param {Queued[]} shapes
 * @param {string} [reason]
 * @returns {Promise<Result[]>}
 */
export async function perform(api, action, shapes, reason) {
  /** @type {Result[]} */
  const results = [];
  for (let first = 0; first < shapes.length; first += ACTS_MAX) {
    const acts = shapes.slice(first, first + ACTS_MAX).map(({ id, version, wording }) => ({
      id,
      version,
      ...(wording && DECISIONS.includes(action) ? { wording } : {}),
    }));
    const answer = await api.ask("POST", "/v1/moderation/acts", { acts, action, ...(reason ? { reason } : {}) });
    results.push(...answer.results);
  }
  return results;
}
