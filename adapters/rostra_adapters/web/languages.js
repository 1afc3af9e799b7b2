// Texts of the reader's elements, one file per language, loaded on demand.

import en from "./languages/en.json" with { type: "json" };
import { primarySubtag, isValidTag } from "./strings.js";

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
  const code = primarySubtag(wanted);
  try {
    if (!isValidTag(wanted)) return { table: en, language: "en" };
    if (LANGUAGES.includes(code) && !tables.has(code)) tables.set(code, loadTable(code));
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
  const code = primarySubtag(wanted);
  return loadTable(`people/${LANGUAGES.includes(code) ? code : "en"}`);
}

/** @param {string} code @returns {Promise<Table>} */
async function loadTable(code) {
  const answer = await fetch(new URL(`./languages/${code}.json`, import.meta.url), { credentials: "omit" });
  if (!answer.ok) throw new Error(`no words for ${code}`);
  return answer.json();
}
