// Permalinks in the page's own address. They do not affect the page's router or history state.

const UUID = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}";
const IN_HASH = new RegExp(`^#comment-(${UUID})$`);
const NAME = "rostra-comment"; // query parameter, for pages with a router that owns the fragment
const IN_QUERY = new RegExp(`[?&]${NAME}=(${UUID})(?=&|$)`);

/** Return the id of the comment that the page's address names, in its fragment or its query. */
export function commentInAddress() {
  return commentInHash() ?? IN_QUERY.exec(location.search)?.[1];
}

export function commentInHash(hash = location.hash) {
  return IN_HASH.exec(hash)?.[1];
}

/** Return whether the fragment belongs to the page's router. */
export function isHashRouted() {
  return /^#!?\//.test(location.hash);
}

/**
 * Return the whole address of a comment, since a fragment alone is relative to `<base href>`.
 * @param {string} id
 */
export function addressOf(id) {
  const [before, fragment = ""] = splitAt(location.href, "#");
  if (!isHashRouted()) return `${before}#comment-${id}`;
  const [path, query = ""] = splitAt(before, "?");
  const others = query.split("&").filter((part) => part && !part.startsWith(`${NAME}=`));
  return `${path}?${[...others, `${NAME}=${id}`].join("&")}#${fragment}`;
}

/** Show a comment's address without a new entry in the history. @param {string} id */
export function showAddress(id) {
  if (isHashRouted()) return;
  try {
    history.replaceState(history.state, "", addressOf(id));
  } catch {
    // A sandboxed document may not change its address.
  }
}

/** @param {string} text @param {string} mark */
function splitAt(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
