// Colours that match the page's background and its light or dark scheme. The page's scheme may
// differ from the device's.

const DARK_BELOW = 0.4; // relative luminance
// Luminance limits of page backgrounds on which our text has the contrast of WCAG 2, AA. On other
// backgrounds the text gets a background of its own.
const LIGHT_FROM = 0.85;
const DARK_TO = 0.025;
const INK = { light: [28, 27, 25], dark: [236, 232, 225] };
const CANVAS = { light: [255, 255, 255], dark: [18, 18, 18] };
const WASH = 0.05;
const LINE = 0.16;
const OPAQUE_FROM = 0.5;
const EVENTS = ["transitionend", "animationend", "load"];

/** @typedef {"light" | "dark"} Scheme */

/**
 * Update a style sheet's colours now and whenever the page around an element changes. Return a
 * function that schedules an update.
 * @param {Element} host
 * @param {CSSStyleSheet} sheet
 * @param {AbortSignal} signal
 */
export function followScheme(host, sheet, signal) {
  let shown = "";
  let waiting = 0;
  const look = () => {
    waiting = 0;
    const rules = rulesFor(surroundingsOf(host));
    if (rules === shown || signal.aborted) return;
    shown = rules;
    sheet.replaceSync(`:host(:not([theme="light"], [theme="dark"])) { ${rules} }`);
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

/** @param {{scheme: Scheme, background: number[] | "Canvas" | null}} page */
function rulesFor({ scheme, background }) {
  const rules = `color-scheme: ${scheme}; `;
  if (background === "Canvas") return `${rules}--page: Canvas;`;
  const light = background ? luminance(background) : NaN;
  if (!background || !(scheme === "light" ? light >= LIGHT_FROM : light <= DARK_TO))
    return `${rules}padding-inline: var(--em); border-radius: var(--radius);`;
  const mixed = (/** @type {number} */ share) =>
    `rgb(${background.map((channel, n) => Math.round(channel + (INK[scheme][n] - channel) * share))})`;
  return `${rules}--page: ${mixed(0)}; --page-wash: ${mixed(WASH)}; --page-line: ${mixed(LINE)};`;
}

/**
 * Return the scheme and the background of the page around an element. The background is null if it
 * is a picture, and "Canvas" if the page paints none. The scheme is that of the background, else of
 * the page's `color-scheme`, else of the device.
 * @param {Element} host
 * @returns {{scheme: Scheme, background: number[] | "Canvas" | null}}
 */
function surroundingsOf(host) {
  let isPictured = false;
  /** @type {number[][]} the farthest layer first */
  const layers = [];
  for (let at = composedParent(host); at; at = composedParent(at)) {
    const { backgroundColor, backgroundImage } = getComputedStyle(at);
    const layer = channels(backgroundColor);
    isPictured ||= backgroundImage !== "none";
    if (layer[3] > 0) layers.unshift(layer);
    if (layer[3] === 1) break;
  }
  const canvas = canvasScheme();
  if (!layers.length && !isPictured) return { scheme: canvas, background: "Canvas" };
  const seen = layers.reduce(blend, CANVAS[canvas]);
  const isPainted = !isPictured || layers.some((layer) => layer[3] >= OPAQUE_FROM);
  const light = luminance(isPainted ? seen : channels(getComputedStyle(composedParent(host) ?? host).color));
  // A picture's colour is unknown: light text of the page means a dark picture.
  const scheme = light < DARK_BELOW === isPainted ? "dark" : "light";
  return { scheme, background: isPictured ? null : seen };
}

/** @param {number[]} below @param {number[]} layer */
function blend(below, [red, green, blue, alpha]) {
  return [red, green, blue].map((channel, n) => channel * alpha + below[n] * (1 - alpha));
}

/** @returns {Scheme} */
function canvasScheme() {
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
function composedParent(element) {
  const root = element.getRootNode();
  return element.assignedSlot ?? element.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
}

/**
 * @param {string} color a computed value
 * @returns {number[]} red, green and blue up to 255, alpha up to 1
 */
function channels(color) {
  const plain = /^rgba?\(([^)]+)\)$/.exec(color)?.[1].split(/[\s,/]+/);
  if (plain) return [...plain.map(Number), 1].slice(0, 4);
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return [255, 255, 255, 0];
  context.fillStyle = color; // another notation, such as oklch()
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
}

/** Return the relative luminance of a colour (WCAG 2). @param {number[]} colour */
function luminance(colour) {
  const [red, green, blue] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
