import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";

import { createTranslator as worded, duration, exactTime, number, relativeTime } from "../web/strings.js";

const FOLDER = new URL("../web/languages/", import.meta.url);
const CODES = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .map((name) => name.slice(0, -".json".length));
/** The words that come at first, and those of the parts for who comes back: no name is in both. */
const TABLES = Object.fromEntries(
  CODES.map((code) => {
    const [first, later] = ["", "people/"].map((folder) =>
      JSON.parse(readFileSync(new URL(`${folder}${code}.json`, FOLDER), "utf8")),
    );
    assert.deepEqual(
      Object.keys(first).filter((name) => name in later),
      [],
    );
    return [code, { ...first, ...later }];
  }),
);

/** The words of the page for moderators. */
const MODERATORS = Object.fromEntries(
  CODES.map((code) => [
    code,
    JSON.parse(readFileSync(new URL(`../web/moderate/languages/${code}.json`, import.meta.url), "utf8")),
  ]),
);
const PAGES = [TABLES, MODERATORS];

function speech(language, own) {
  return worded(language, TABLES[language.split("-")[0]] ?? TABLES.en, own);
}

/** The placeholders of a text, each once. */
function placeholders(text) {
  return [...new Set(text.match(/\{\w+\}/g))].sort();
}

/** Each table of a page, with its language and that of English. */
function tables() {
  return PAGES.flatMap((page) => CODES.map((code) => [code, page[code], page.en]));
}

test("a dozen languages have every word, with its placeholders and all plural forms", () => {
  assert.ok(CODES.length >= 12);
  for (const [code, table, english] of tables()) {
    assert.deepEqual(Object.keys(table), Object.keys(english), code);
    const forms = new Intl.PluralRules(code).resolvedOptions().pluralCategories.toSorted();
    for (const [name, said] of Object.entries(table)) {
      const model = english[name];
      assert.equal(typeof said, typeof model, `${code} ${name}`);
      if (typeof said === "string") {
        assert.ok(said.trim(), `${code} ${name}`);
        assert.deepEqual(placeholders(said), placeholders(model), `${code} ${name}`);
        continue;
      }
      assert.deepEqual(Object.keys(said).sort(), forms, `${code} ${name}`);
      const wanted = placeholders(model.other);
      for (const [form, text] of Object.entries(said)) {
        // A form that is one number's own may spell it out.
        const isExact = ["zero", "one", "two"].includes(form);
        const given = placeholders(text);
        assert.deepEqual(
          isExact && !given.includes("{n}") ? [...given, "{n}"].sort() : given,
          wanted,
          `${code} ${name}`,
        );
      }
    }
  }
});

test("a language's words are its own", () => {
  for (const [code, table, english] of tables()) {
    if (code === "en") continue;
    const hasWords = (name) => /\p{L}/u.test(JSON.stringify(english[name]).replaceAll(/\{\w+\}/g, ""));
    const same = Object.keys(english).filter((name) => hasWords(name) && table[name] === english[name]);
    assert.ok(same.length <= 2, `${code}: ${same}`); // such as "Link"
  }
});

test("a form that spells a number out is for that number alone", () => {
  for (const [code, table] of tables()) {
    const rules = new Intl.PluralRules(code);
    for (const [name, said] of Object.entries(table)) {
      if (typeof said === "string") continue;
      for (let n = 0; n <= 200; n += 1) {
        const text = said[rules.select(n)];
        if (!text.includes("{n}")) assert.ok(n <= 2, `${code} ${name} ${n}: ${text}`);
        if (/(^|\D)1\D/.test(text)) assert.equal(n, 1, `${code} ${name}`);
      }
    }
  }
});

test("a page has words of its own, with the language's plural forms", () => {
  const { t } = speech("pl", { comments: { one: "1 głos", few: "{n} głosy", many: "{n} głosów", other: "{n} głosu" } });
  assert.deepEqual(
    [1, 3, 5, 22].map((n) => t("comments", { n })),
    ["1 głos", "3 głosy", "5 głosów", "22 głosy"],
  );
  assert.equal(t("reply"), "Odpowiedz");
});

test("a plural has the language's own form", () => {
  const { t } = speech("en");
  assert.equal(t("comments", { n: 1 }), "1 comment");
  assert.equal(t("comments", { n: 0 }), "0 comments");
  assert.equal(speech("de").t("comments", { n: 1234 }), "1.234 Kommentare");
  assert.equal(speech("zh").t("comments", { n: 1 }), "1 条评论");
});

test("a region's language has the words of its language", () => {
  const { t, language } = speech("de-AT");
  assert.equal(language, "de-AT");
  assert.equal(t("reply"), "Antworten");
});

test("a malformed language is English", () => {
  for (const wanted of ["", "en_US", "de_DE!"]) assert.equal(speech(wanted).language, "en", wanted);
});

test("a placeholder without a value is empty, and an unknown name is shown as it is", () => {
  const { t } = speech("en");
  assert.equal(t("failed"), "That did not work: ");
  assert.equal(t("new_order"), "new_order");
});

test("a value is not looked through for placeholders", () => {
  assert.equal(speech("en").t("inline", { quote: "{n} $&" }), "On “{n} $&”");
});

test("numbers and times are the language's own", () => {
  assert.equal(number(12_345, "en"), "12,345");
  assert.equal(number(12_345, "de"), "12.345");
  assert.match(exactTime("2026-04-14T12:00:00Z", "en"), /2026/);
});

test("ages are said in the largest unit that fits", () => {
  const now = Date.parse("2026-04-14T12:00:00Z");
  const before = (seconds) => new Date(now - seconds * 1000).toISOString();
  assert.equal(relativeTime(before(3 * 3600 + 60), "en", now), "3 hours ago");
  assert.equal(relativeTime(before(86_400 + 3600), "en", now), "yesterday");
  assert.equal(relativeTime(before(3 * 365.25 * 86_400), "en", now), "3 years ago");
  assert.equal(relativeTime(before(-2), "en", now), "now");
});

test("what is left is said in minutes, and in seconds below one", () => {
  assert.equal(duration(59_001, "en"), "1 minute");
  assert.equal(duration(30_000, "en"), "30 seconds");
  assert.equal(duration(-5, "en", "short"), "0 sec");
});

test("every word that the modules name is in the tables, and every word of the tables is named", () => {
  const modules = new URL("../web/", import.meta.url);
  const code = readdirSync(modules)
    .filter((name) => name.endsWith(".js"))
    .map((name) => readFileSync(new URL(name, modules), "utf8"))
    .join("\n");
  const named = [...code.matchAll(/\b(?:t|why)\(\s*"(\w+)"/g)].map(([, name]) => name);
  assert.ok(named.length > 50);
  for (const name of named) assert.ok(name in TABLES.en, name);
  const texts = new Set([...code.matchAll(/"(\w+)"|\b(\w+): \[/g)].map(([, text, key]) => text ?? key));
  const statuses = ["held", "rejected", "removed", "deleted", "erased"]; // named by the service
  const orders = ["best", "hot", "controversial"];
  for (const name of Object.keys(TABLES.en))
    assert.ok(texts.has(name) || statuses.includes(name) || orders.includes(name), name);
});

test("every word that the moderators' modules name is in their tables, and no other", () => {
  const modules = new URL("../web/moderate/", import.meta.url);
  const code = readdirSync(modules)
    .filter((name) => name.endsWith(".js"))
    .map((name) => readFileSync(new URL(name, modules), "utf8"))
    .join("\n");
  const named = [...code.matchAll(/\bt\(\s*"(\w+)"/g)].map(([, name]) => name);
  assert.ok(named.length > 50);
  for (const name of named) assert.ok(name in MODERATORS.en, name);
  const texts = new Set([...code.matchAll(/"(\w+)"|\b(\w+): \[/g)].map(([, text, key]) => text ?? key));
  const begun = [...code.matchAll(/`(\w+_)\$\{/g)].map(([, beginning]) => beginning);
  for (const name of Object.keys(MODERATORS.en))
    assert.ok(texts.has(name) || begun.some((beginning) => name.startsWith(beginning)), name);
});
