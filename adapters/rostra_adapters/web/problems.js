// Problems of the service, in the words of a page.

/** @type {Record<string, string[]>} the service's problems, by the message that readers see */
const BY_MESSAGE = {
  offline: ["offline"],
  problem_service: ["wrong-service"],
  closed: ["discussion-closed"],
  passage_closed: ["passage-closed"],
  problem_name: ["name-reserved"],
  problem_late: ["edit-too-late"],
  problem_often: ["too-many-marks"],
  problem_voted: ["address-voted"],
  problem_forbidden: ["guest-votes-off", "not-marked-by-readers", "not-opened-by-readers", "person-banned"],
  unreachable: [
    "comment-deleted",
    "comment-erased",
    "comment-removed",
    "not-found",
    "parent-not-published",
    "passage-unmarked",
    "unknown-comment",
    "unknown-parent",
    "unknown-passage",
  ],
};
/** @type {Record<number, string>} */
const STATUSES = { 401: "problem_forbidden", 403: "problem_forbidden", 413: "problem_long", 429: "problem_often" };
const SERVER_ERROR = 500;

/**
 * Return the reason of a problem in the page's language. The service's own messages are English;
 * pages in other languages show a general text instead.
 * @param {any} problem
 * @param {import("./strings.js").Translate} t
 * @param {string} language
 */
export function reasonOf({ status, problem, message }, t, language) {
  const known =
    Object.keys(BY_MESSAGE).find((name) => BY_MESSAGE[name].includes(problem)) ??
    (status >= SERVER_ERROR ? "problem_busy" : STATUSES[status]);
  if (known) return t(known);
  return language.startsWith("en") ? message.replace(/[^.!?]$/, "$&.") : t("problem_refused");
}
