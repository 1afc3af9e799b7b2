// Texts of the desk, one file per language.

import { primarySubtag } from "../strings.js";
import en from "./languages/en.json" with { type: "json" };

const LANGUAGES = ["ar", "de", "es", "fr", "it", "ja", "nl", "pl", "pt", "ru", "zh"];

/**
 * @param {string} wanted a BCP 47 tag
 * @returns {Promise<{table: import("../strings.js").Table, language: string}>}
 */
export async function wordsOf(wanted) {
  const code = primarySubtag(wanted);
  if (!LANGUAGES.includes(code)) return { table: en, language: code === "en" ? wanted : "en" };
  try {
    const answer = await fetch(new URL(`./languages/${code}.json`, import.meta.url), { credentials: "omit" });
    if (answer.ok) return { table: { ...en, ...(await answer.json()) }, language: wanted };
  } catch {
    // English replaces a language that cannot be loaded.
  }
  return { table: en, language: "en" };
}
