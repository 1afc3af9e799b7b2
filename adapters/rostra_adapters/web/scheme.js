// Light or dark as the page is, which may differ from the device.

const DARK_BELOW = 0.4; // relative luminance
const OPAQUE_FROM = 0.5;
const EVENTS = ["transitionend", "animationend", "load"];

/**
 * Keep a style sheet's colour scheme in step with the page around an element.
 * @param {Element} host
 * @param {CSSStyleSheet} sheet
 * @param {AbortSignal} signal
 */
export function followScheme(host, sheet, signal) {
  let shown = "";
  let waiting = 0;
  const look = () => {
    waiting = 0;
    const scheme = schemeOf(host);
    if (scheme === shown || signal.aborted) return;
    shown = scheme;
    sheet.replaceSync(`:host(:not([theme="light"], [theme="dark"])) { color-scheme: ${scheme}; }`);
  };
  const later = () => (waiting ||= requestAnimationFrame(look));
  const watch = new MutationObserver(later);
  for (const one of [document.documentElement, document.body, host.parentElement])
    if (one) watch.observe(one, { attributes: true });
  watch.observe(document.head, { childList: true, subtree: true, attributes: true });
  signal.addEventListener("abort", () => watch.disconnect());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", later, { signal });
  for (const name of EVENTS) document.addEventListener(name, later, { signal, capture: true });
  look();
  return later;
}

/**
 * By the background that shows through, else the page's `color-scheme`, else the device.
 * @param {Element} host
 * @returns {"light" | "dark"}
 */
export function schemeOf(host) {
  let isPainted = false;
  for (let at = above(host); at; at = above(at)) {
    const { backgroundColor, backgroundImage } = getComputedStyle(at);
    const [red, green, blue, alpha] = channels(backgroundColor);
    if (alpha >= OPAQUE_FROM) return isDark(red, green, blue) ? "dark" : "light";
    isPainted ||= backgroundImage !== "none";
  }
  if (isPainted) {
    // A picture shows through: the words on it are light where it is dark.
    const [red, green, blue] = channels(getComputedStyle(above(host) ?? host).color);
    return isDark(red, green, blue) ? "light" : "dark";
  }
  const schemes = pageSchemes();
  if (!schemes.includes("dark")) return "light"; // a browser paints such a page white
  const device = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  return schemes.includes("light") ? device : "dark";
}

function pageSchemes() {
  const computed = getComputedStyle(document.documentElement).colorScheme || "normal";
  if (computed !== "normal") return computed.split(" ");
  const meta = document.querySelector('meta[name="color-scheme" i]')?.getAttribute("content");
  return (meta ?? "").toLowerCase().split(/\s+/);
}

/** @param {Element} element @returns {Element | null} */
function above(element) {
  const root = element.getRootNode();
  return element.assignedSlot ?? element.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
}

/** @param {string} color as computed @returns {number[]} red, green and blue up to 255, alpha up to 1 */
function channels(color) {
  const plain = /^rgba?\(([^)]+)\)$/.exec(color)?.[1].split(/[\s,/]+/);
  if (plain) return [...plain.map(Number), 1].slice(0, 4);
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return [255, 255, 255, 0];
  context.fillStyle = color; // a form such as oklch()
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
}

/** Relative luminance of WCAG 2. @param {...number} colour */
function isDark(...colour) {
  const [red, green, blue] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < DARK_BELOW;
}
