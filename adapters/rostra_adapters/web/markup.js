// Rendered comments, rebuilt from the few elements that a comment may have. The server has
// sanitised the HTML already, but a page need not trust the server.

import { addressOf, commentInHash } from "./address.js";

const ALLOWED = new Set(
  (
    "A B BLOCKQUOTE BR CODE EM H1 H2 H3 H4 H5 H6 HR I KBD LI OL P PRE S STRONG SUB SUP TABLE TBODY TD TH THEAD TR " +
    "U UL"
  ).split(" "),
);
const LINKS = /^(https?:|mailto:)/i;

const policy = policyOrNull();

/** @returns {{createHTML: (html: string) => string} | null | undefined} */
function policyOrNull() {
  try {
    return /** @type {any} */ (globalThis).trustedTypes?.createPolicy("rostra", {
      createHTML: (/** @type {string} */ html) => html,
    });
  } catch {
    return null; // the page forbids the policy: if parsing then fails, comments are shown as typed
  }
}

/**
 * @param {string} html
 * @param {string | null} typed the comment's source text
 * @returns {DocumentFragment}
 */
export function markup(html, typed) {
  const fragment = document.createDocumentFragment();
  try {
    // The parsed document has no window, so nothing in it loads or runs.
    const parsed = new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
    copy(parsed.body, fragment);
  } catch {
    fragment.append(el("p", { class: "typed", text: typed ?? "" }));
  }
  return fragment;
}

/** @param {Node} from @param {DocumentFragment | Element} to */
function copy(from, to) {
  for (const node of from.childNodes) {
    if (isText(node)) to.append(node.data);
    else if (isElement(node)) copy(node, ALLOWED.has(node.tagName) ? appendCopy(node, to) : to);
  }
}

/** @param {Element} node @param {DocumentFragment | Element} to */
function appendCopy(node, to) {
  const made = document.createElement(node.tagName);
  const href = node.getAttribute("href");
  if (node.tagName === "A" && href && LINKS.test(href.trim())) {
    made.setAttribute("href", href.trim());
    made.setAttribute("rel", "nofollow ugc noopener");
  }
  const mentioned = node.hasAttribute("data-person") && commentInHash(href ?? "");
  if (mentioned) {
    made.setAttribute("href", addressOf(mentioned));
    made.setAttribute("class", "mention");
    made.setAttribute("data-to", mentioned);
  }
  const title = node.getAttribute("title");
  if (node.tagName === "A" && title) made.setAttribute("title", title);
  const start = node.getAttribute("start");
  if (node.tagName === "OL" && start && /^\d+$/.test(start)) made.setAttribute("start", start);
  to.append(made);
  return made;
}

/**
 * Return an element with attributes and children, without those that are null, undefined or false.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, unknown>} [attributes] a function under `on…` becomes a listener
 * @param {...(Node | string | null | false | undefined | "")} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(key.slice(2), /** @type {EventListener} */ (value));
    else if (key === "text") made.textContent = String(value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/**
 * Return whether a node of any document is text. `instanceof` knows only nodes of this page.
 * @param {Node} node
 * @returns {node is Text}
 */
export function isText(node) {
  return node.nodeType === Node.TEXT_NODE;
}

/**
 * @param {Node} node
 * @returns {node is Element}
 */
export function isElement(node) {
  return node.nodeType === Node.ELEMENT_NODE;
}
