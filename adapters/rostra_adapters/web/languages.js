// The words that readers see, a file for each language, loaded by the page that needs it.

import en from "./languages/en.json" with { type: "json" };
import { primary, valid } from "./strings.js";

/** @typedef {import("./strings.js").Table} Table */

const LANGUAGES = ["ar", "de", "es", "fr", "it", "ja", "nl", "pl", "pt", "ru", "zh"];
/** @type {Map<string, Promise<Table>>} */
const tables = new Map([["en", Promise.resolve(en)]]);

/** Return the language that an element's words are to be in. @param {Element} host */
export function languageOf(host) {
  return host.getAttribute("lang") || host.closest("[lang]")?.getAttribute("lang") || navigator.language || "en";
}

/**
 * Return a language's words, English where there are none, and the language that they are in.
 * @param {string} wanted a BCP 47 tag
 * @returns {Promise<{table: Table, language: string}>}
 */
export async function tableOf(wanted) {
  const code = primary(wanted);
  try {
    if (!valid(wanted)) return { table: en, language: "en" };
    if (LANGUAGES.includes(code) && !tables.has(code)) tables.set(code, loaded(code));
    const table = await tables.get(code);
    return table ? { table, language: wanted } : { table: en, language: "en" };
  } catch {
    tables.delete(code); // the next reader tries again
    return { table: en, language: "en" };
  }
}

/**
 * Return a language's words of the parts for those who come back.
 * @param {string} wanted a BCP 47 tag of a language that has words
 */
export function peopleWords(wanted) {
  const code = primary(wanted);
  return loaded(`people/${LANGUAGES.includes(code) ? code : "en"}`);
}

/** @param {string} code @returns {Promise<Table>} */
async function loaded(code) {
  const answer = await fetch(new URL(`./languages/${code}.json`, import.meta.url), { credentials: "omit" });
  if (!answer.ok) throw new Error(`no words for ${code}`);
  return answer.json();
}
