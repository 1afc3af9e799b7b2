import assert from "node:assert/strict";
import test from "node:test";

import { ago, duration, exact, number, speech } from "../web/strings.js";

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

test("an unknown or malformed language is English", () => {
  for (const wanted of ["xx", "", "en_US", "de_DE!"]) assert.equal(speech(wanted).language, "en", wanted);
  assert.equal(speech("fr").t("reply"), "Reply");
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
  assert.match(exact("2026-04-14T12:00:00Z", "en"), /2026/);
});

test("ages are said in the largest unit that fits", () => {
  const before = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
  assert.equal(ago(before(3 * 3600 + 60), "en"), "3 hours ago");
  assert.equal(ago(before(86_400 + 3600), "en"), "yesterday");
  assert.equal(ago(before(3 * 365.25 * 86_400), "en"), "3 years ago");
});

test("what is left is said in minutes, and in seconds below one", () => {
  assert.equal(duration(59_001, "en"), "1 minute");
  assert.equal(duration(30_000, "en"), "30 seconds");
  assert.equal(duration(-5, "en", "short"), "0 sec");
});
