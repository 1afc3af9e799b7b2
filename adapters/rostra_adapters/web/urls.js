// Normalisation of URLs (RFC 3986), which gives all spellings of a URL one name. The module
// `rostra.resource_urls` does the same in Python.

const URL_PARTS = /^(https?):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?/i;
const AUTHORITY = /^([^@:[\]\\%\s]+|\[[0-9a-f:.]+\])(?::(\d{0,5}))?$/i;
const LABEL = /^(?!-)[\p{L}\p{M}\p{N}-]+(?<!-)$/u; // of a host with non-ASCII letters (RFC 5891)
/** @type {Record<string, string>} */
const DEFAULT_PORTS = { http: "80", https: "443" };
const TRACKING = new RegExp(
  "^(?:(?:utm|mtm|hsa)_.+|pk_(?:campaign|cpn|kwd|keyword|source|medium|content|cid)|_hs(?:enc|mi)|__hs(?:tc|sc|fp)|" +
    "fbclid|gclid|gclsrc|gbraid|wbraid|dclid|msclkid|twclid|ttclid|yclid|ysclid|igshid|igsh|li_fat_id|srsltid|" +
    "mc_cid|mc_eid|mkt_tok|oly_anon_id|oly_enc_id|vero_id|wickedid|_ga|_gl|_openstat|ref_src|s_kwcid|" +
    "rostra-comment)$",
  "i",
);
const STRAY_PERCENT = /%(?![0-9a-f]{2})/gi;
const ENCODED = /(?:%[0-9a-f]{2})+/gi;
// The last digit of what stays encoded is no letter.
const APART = /%..|[^%]+/gs;
const NOT_UNRESERVED = /[^\w.~\-\u0080-\u{10ffff}]/gu;
// The service does not compose letters beside so many marks, which takes long.
const TOO_MANY_MARKS = /[\p{M}\uff9e\uff9f]{31}/u;
const NOT_IN_URLS = /[^!$%&'()*+,\-./0-9:;=?@A-Z[\]_a-z~]/gu;

/**
 * Return the normalised form of an absolute http(s) URL. Return any other text unchanged.
 * @param {string} resource
 */
export function normaliseUrl(resource) {
  const [all, scheme = "", authority = "", path = "", query = ""] = URL_PARTS.exec(resource) ?? [];
  const [, name, port = ""] = AUTHORITY.exec(authority) ?? [];
  const host = all && name && hostOf(name);
  if (!host) return resource;
  const protocol = scheme.toLowerCase();
  const at = port && Number(port) !== Number(DEFAULT_PORTS[protocol]) ? `:${Number(port)}` : "";
  const parts = query
    .split("&")
    .map(encodePart)
    .filter((part) => !TRACKING.test(part.split("=")[0]));
  const search = parts.join("&");
  return `${protocol}://${host}${at}${removeDotSegments(encodePart(path))}${search && `?${search}`}`;
}

/** Return the service's URL, by the attribute `base` or this script's URL. @param {Element} host */
export function baseOf(host) {
  const script = import.meta.url;
  let base = /^(.*?)\/embed\//.exec(script)?.[1] ?? new URL(script).origin;
  const given = host.getAttribute("base");
  try {
    if (given) base = new URL(given, document.baseURI).href;
  } catch {
    base = given ?? base; // the first request then fails with an error
  }
  return base.replace(/[?#].*$/, "").replace(/\/+$/, "");
}

/** Return the default resource of the page: its canonical link, else its address. */
export function pageResource() {
  const canonical = document.querySelector('link[rel~="canonical" i][href]')?.getAttribute("href");
  try {
    const url = canonical ? new URL(canonical, document.baseURI) : null;
    if (url && /^https?:$/.test(url.protocol)) return normaliseUrl(url.href);
  } catch {
    // The page's address replaces a canonical link that is not a URL.
  }
  return normaliseUrl(location.href);
}

/** @param {string} name */
function hostOf(name) {
  // eslint-disable-next-line no-control-regex
  if (/^[\x00-\x7f]+$/.test(name)) return name.toLowerCase();
  const labels = name.replace(/\.$/, "").split(".");
  if (!labels.every((label) => LABEL.test(label))) return "";
  try {
    return new URL(`http://${name}`).hostname;
  } catch {
    return "";
  }
}

/**
 * Percent-encode the characters that need it and no others, and compose letters (NFC).
 * @param {string} part
 */
function encodePart(part) {
  const text = part.replace(STRAY_PERCENT, "%25").replace(ENCODED, (bytes) => {
    try {
      return decodeURIComponent(bytes).replace(NOT_UNRESERVED, percentEncode);
    } catch {
      return bytes.toUpperCase(); // not UTF-8
    }
  });
  const wellFormed = text.toWellFormed();
  const composed = TOO_MANY_MARKS.test(wellFormed)
    ? wellFormed
    : wellFormed.replace(APART, (letters) => letters.normalize("NFC"));
  return composed.replace(NOT_IN_URLS, percentEncode);
}

/** @param {string} letter */
function percentEncode(letter) {
  const bytes = [...new TextEncoder().encode(letter)];
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

/** Remove the segments `.` and `..` (RFC 3986, 5.2.4). @param {string} path */
function removeDotSegments(path) {
  /** @type {string[]} */
  const output = [];
  const segments = path.split("/").slice(1);
  segments.forEach((segment, index) => {
    if (segment === "..") output.pop();
    const isDots = segment === "." || segment === "..";
    if (!isDots) output.push(segment);
    else if (index === segments.length - 1) output.push("");
  });
  return `/${output.join("/")}`;
}
