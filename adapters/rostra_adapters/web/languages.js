// Texts of the reader's elements, one file per language, loaded on demand.

import en from "./languages/en.json" with { type: "json" };
import { primary, valid } from "./strings.js";

/** @typedef {import("./strings.js").Table} Table */

const LANGUAGES = ["ar", "de", "es", "fr", "it", "ja", "nl", "pl", "pt", "ru", "zh"];
/** @type {Map<string, Promise<Table>>} */
const tables = new Map([["en", Promise.resolve(en)]]);

/** Return the language of an element's texts. @param {Element} host */
export function languageOf(host) {
  return host.getAttribute("lang") || host.closest("[lang]")?.getAttribute("lang") || navigator.language || "en";
}

/**
 * Return the texts of a language and the language itself. Both are English if it has no texts.
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
    tables.delete(code); // the next call retries
    return { table: en, language: "en" };
  }
}

/**
 * Return a language's texts for new comments, notifications, the inbox and mentions.
 * @param {string} wanted a BCP 47 tag; the texts are English if its language has none
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
