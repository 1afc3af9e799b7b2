// Texts, numbers and times by language. A placeholder is `{name}`. A text that depends on a number
// has a version for each plural form of the language (`one`, `other`, …, by `Intl.PluralRules`).

/** @typedef {{other: string} & Partial<Record<Intl.LDMLPluralRule, string>>} Plurals */
/** @typedef {Record<string, string | Plurals | undefined>} Table */
/** @typedef {(name: string, values?: Record<string, string | number>) => string} Translate */

const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];

/**
 * Return a function that looks up texts, and the language for numbers and times.
 * @param {string} wanted a BCP 47 tag of the table's language
 * @param {Table} table
 * @param {Table} [own] the page's texts, which override those of the table
 * @returns {{t: Translate, language: string}}
 */
export function createTranslator(wanted, table, own = {}) {
  const language = isValidTag(wanted) ? wanted : "en";
  const plurals = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(language);
  /** @type {Translate} */
  const t = (name, values = {}) => {
    const said = own[name] ?? table[name] ?? name;
    const text = typeof said === "string" ? said : (said[plurals.select(Number(values.n))] ?? said.other);
    return String(text).replace(/\{(\w+)\}/g, (_, key) =>
      typeof values[key] === "number" ? numbers.format(values[key]) : String(values[key] ?? ""),
    );
  };
  return { t, language };
}

/** Return the first part of a language tag. @param {string} tag */
export function primarySubtag(tag) {
  return tag.toLowerCase().split("-")[0];
}

/**
 * Return "rtl" for a right-to-left language, else null, which leaves the direction to the page.
 * @param {string} language
 */
export function directionOf(language) {
  return RIGHT_TO_LEFT.includes(primarySubtag(language)) ? "rtl" : null;
}

/** @param {string} tag */
export function isValidTag(tag) {
  try {
    return Intl.getCanonicalLocales(tag).length > 0;
  } catch {
    return false;
  }
}

// Cache of formatters: making one costs more than formatting everything of a comment.
/** @type {Map<string, any>} */
const formatters = new Map();

/**
 * @template {"NumberFormat" | "DateTimeFormat" | "RelativeTimeFormat"} K
 * @param {K} kind
 * @param {string} language
 * @param {object} options
 * @returns {InstanceType<typeof Intl[K]>}
 */
function formatterFor(kind, language, options) {
  const name = `${kind} ${language} ${JSON.stringify(options)}`;
  if (!formatters.has(name)) formatters.set(name, new /** @type {any} */ (Intl[kind])(language, options));
  return formatters.get(name);
}

/** @param {number} n @param {string} language @param {Intl.NumberFormatOptions} options */
export function number(n, language, options = {}) {
  return formatterFor("NumberFormat", language, options).format(n);
}

/** @param {string} time RFC 3339 @param {string} language */
export function exactTime(time, language) {
  return formatterFor("DateTimeFormat", language, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(time));
}

// Relative times, such as “3 minutes ago”.

/** @type {[many: number, unit: Intl.RelativeTimeFormatUnit][]} */
const STEPS = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [30.44, "day"],
  [12, "month"],
  [Infinity, "year"],
];

/**
 * @param {string} time RFC 3339
 * @param {string} language
 * @param {number} now milliseconds since 1970
 */
export function relativeTime(time, language, now) {
  let left = Math.min(0, new Date(time).getTime() - now) / 1000;
  for (const [many, unit] of STEPS) {
    if (Math.abs(left) < many) {
      return formatterFor("RelativeTimeFormat", language, { numeric: "auto" }).format(Math.round(left), unit);
    }
    left /= many;
  }
  return "";
}

/** @param {number} milliseconds @param {string} language @param {"short" | "long"} unitDisplay */
export function duration(milliseconds, language, unitDisplay = "long") {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const [n, unit] = seconds < 60 ? [seconds, "second"] : [Math.floor(seconds / 60), "minute"];
  return formatterFor("NumberFormat", language, { style: "unit", unit, unitDisplay }).format(n);
}
