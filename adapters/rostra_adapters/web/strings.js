// Every word that readers see, by language. A placeholder is {name}; what depends on a number has a
// word for each of the language's own plural forms (`one`, `other`, …, as Intl.PluralRules names them).

/** @typedef {{other: string} & Partial<Record<Intl.LDMLPluralRule, string>>} Plurals */
/** @typedef {(name: string, values?: Record<string, string | number>) => string} Translate */

/** @type {Record<string, Record<string, string | Plurals>>} */
// prettier-ignore
const STRINGS = {
  en: {
    comments: { one: "1 comment", other: "{n} comments" }, none: "No comments yet. Begin the discussion.",
    newest: "Newest", oldest: "Oldest", most_voted: "Most voted", best: "Best", hot: "Hot",
    controversial: "Controversial", orders: "Order of the comments", discussion: "Discussion",
    more: "Load more", replies: { one: "1 reply", other: "{n} replies" }, hide: "Hide replies", more_replies: "More replies",
    reply: "Reply", edit: "Edit", remove: "Delete", flag: "Report", link: "Link", copied: "Link copied",
    up: "Vote for", down: "Vote against", edited: "edited", pinned: "Pinned", votes: "{up} for, {down} against",
    write: "Write a comment", write_reply: "Reply to {name}", write_inline: "Comment on this passage",
    send: "Post", save: "Save", cancel: "Cancel", preview: "Preview", back: "Go on writing",
    sign_in: "Sign in to take part.", name: "Your name", guest: "Go on as a guest", is_guest: "guest",
    held: "Waits for a moderator", rejected: "Rejected by a moderator", removed: "Removed by a moderator",
    deleted: "Deleted by its author", erased: "The author's words were erased", somebody: "Somebody",
    fresh: { one: "1 new comment", other: "{n} new comments" }, fresh_some: "There is more by now. Show it",
    closed: "This discussion is closed.", passage_closed: "This passage takes no more comments.",
    failed: "That did not work: {why}", offline: "There is no connection.",
    not_sent: "Not sent: {why} Your words are kept here.", unreachable: "That comment is not here any more.",
    sure: "Delete this comment?", yes: "Yes, delete it", left: "{n} left to edit", why: "What is wrong with it?",
    report: "Report", thanks: "Thank you. A moderator will look at it.", inline: "On “{quote}”",
    all: "View all comments", close: "Close", on_this: "Comment on this", press_tab: "{action}: press Tab",
    marked: { one: "1 comment on “{quote}”", other: "{n} comments on “{quote}”" }, passages: "Passages with comments", no_comments: "No comments on this passage yet.",
    posted: "Your comment was posted", saved: "Saved", pending: "The new wording waits for a moderator", loading: "Loading…", retry: "Try again",
    too_long: { one: "1 byte too long", other: "{n} bytes too long" }, markdown: "Markdown works here.", you: "you",
  },
  de: {
    comments: { one: "1 Kommentar", other: "{n} Kommentare" }, none: "Noch keine Kommentare. Machen Sie den Anfang.",
    newest: "Neueste", oldest: "Älteste", most_voted: "Meiste Stimmen", best: "Beste", hot: "Aktuell",
    controversial: "Umstritten", orders: "Reihenfolge der Kommentare", discussion: "Diskussion",
    more: "Weitere laden", replies: { one: "1 Antwort", other: "{n} Antworten" }, hide: "Antworten ausblenden", more_replies: "Weitere Antworten",
    reply: "Antworten", edit: "Bearbeiten", remove: "Löschen", flag: "Melden", link: "Link", copied: "Link kopiert",
    up: "Dafür stimmen", down: "Dagegen stimmen", edited: "bearbeitet", pinned: "Angeheftet", votes: "{up} dafür, {down} dagegen",
    write: "Kommentar schreiben", write_reply: "Antwort an {name}", write_inline: "Diese Stelle kommentieren",
    send: "Veröffentlichen", save: "Speichern", cancel: "Abbrechen", preview: "Vorschau", back: "Weiterschreiben",
    sign_in: "Melden Sie sich an, um mitzureden.", name: "Ihr Name", guest: "Als Gast weiter", is_guest: "Gast",
    held: "Wartet auf die Moderation", rejected: "Von der Moderation abgelehnt", removed: "Von der Moderation entfernt",
    deleted: "Von der Verfasserin oder dem Verfasser gelöscht", erased: "Der Text wurde mit der Person gelöscht", somebody: "Jemand",
    fresh: { one: "1 neuer Kommentar", other: "{n} neue Kommentare" }, fresh_some: "Inzwischen gibt es mehr. Anzeigen",
    closed: "Diese Diskussion ist geschlossen.", passage_closed: "Zu dieser Stelle werden keine Kommentare mehr angenommen.",
    failed: "Das ging nicht: {why}", offline: "Es besteht keine Verbindung.",
    not_sent: "Nicht gesendet: {why} Ihr Text bleibt hier erhalten.", unreachable: "Diesen Kommentar gibt es hier nicht mehr.",
    sure: "Diesen Kommentar löschen?", yes: "Ja, löschen", left: "noch {n} zum Bearbeiten", why: "Was stimmt damit nicht?",
    report: "Melden", thanks: "Danke. Die Moderation sieht es sich an.", inline: "Zu „{quote}“",
    all: "Alle Kommentare ansehen", close: "Schließen", on_this: "Diese Stelle kommentieren", press_tab: "{action}: Tabulatortaste drücken",
    marked: { one: "1 Kommentar zu „{quote}“", other: "{n} Kommentare zu „{quote}“" }, passages: "Kommentierte Stellen", no_comments: "Noch keine Kommentare zu dieser Stelle.",
    posted: "Ihr Kommentar ist veröffentlicht", saved: "Gespeichert", pending: "Die neue Fassung wartet auf die Moderation", loading: "Lädt …", retry: "Noch einmal versuchen",
    too_long: { one: "1 Byte zu lang", other: "{n} Bytes zu lang" }, markdown: "Markdown ist möglich.", you: "Sie",
  },
  zh: {
    comments: { other: "{n} 条评论" }, none: "还没有评论，来写第一条吧。",
    newest: "最新", oldest: "最早", most_voted: "最多赞同", best: "最佳", hot: "热门",
    controversial: "争议", orders: "评论排序", discussion: "讨论",
    more: "加载更多", replies: { other: "{n} 条回复" }, hide: "收起回复", more_replies: "更多回复",
    reply: "回复", edit: "编辑", remove: "删除", flag: "举报", link: "链接", copied: "链接已复制",
    up: "赞同", down: "反对", edited: "已编辑", pinned: "置顶", votes: "{up} 赞同，{down} 反对",
    write: "写评论", write_reply: "回复 {name}", write_inline: "评论这段文字",
    send: "发布", save: "保存", cancel: "取消", preview: "预览", back: "继续写",
    sign_in: "登录后即可参与讨论。", name: "你的名字", guest: "以访客身份继续", is_guest: "访客",
    held: "等待审核", rejected: "未通过审核", removed: "已被管理员移除",
    deleted: "作者已删除", erased: "作者的内容已被清除", somebody: "某人",
    fresh: { other: "{n} 条新评论" }, fresh_some: "有新的内容，点击显示",
    closed: "讨论已关闭。", passage_closed: "这段文字不再接受评论。",
    failed: "操作失败：{why}", offline: "没有网络连接。",
    not_sent: "未能发送：{why}你写的内容已保留。", unreachable: "这条评论已不存在。",
    sure: "删除这条评论？", yes: "是的，删除", left: "还可编辑 {n}", why: "有什么问题？",
    report: "举报", thanks: "谢谢，管理员会查看。", inline: "评“{quote}”",
    all: "查看全部评论", close: "关闭", on_this: "评论这段", press_tab: "{action}：按 Tab 键",
    marked: { other: "{n} 条评论：“{quote}”" }, passages: "有评论的文字", no_comments: "这段文字还没有评论。",
    posted: "评论已发布", saved: "已保存", pending: "新的内容等待审核", loading: "加载中……", retry: "重试",
    too_long: { other: "超出 {n} 字节" }, markdown: "支持 Markdown。", you: "你",
  },
};

/**
 * The words of a language, English where there are none; and the language that they are in, for
 * numbers and times beside them.
 * @param {string} wanted a BCP 47 tag
 * @returns {{t: Translate, language: string}}
 */
export function speech(wanted) {
  const known = STRINGS[wanted.toLowerCase().split("-")[0]];
  const language = known && valid(wanted) ? wanted : "en";
  const table = known ?? STRINGS.en;
  const plurals = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(language);
  /** @type {Translate} */
  const t = (name, values = {}) => {
    const said = table[name] ?? name;
    const text = typeof said === "string" ? said : (said[plurals.select(Number(values.n))] ?? said.other);
    return text.replace(/\{(\w+)\}/g, (_, key) =>
      typeof values[key] === "number" ? numbers.format(values[key]) : String(values[key] ?? ""),
    );
  };
  return { t, language };
}

/** @param {string} tag */
function valid(tag) {
  try {
    return Intl.getCanonicalLocales(tag).length > 0;
  } catch {
    return false;
  }
}

// To make one of these takes longer than all that it then does for a comment.
/** @type {Map<string, any>} */
const kept = new Map();

/**
 * @template {"NumberFormat" | "DateTimeFormat" | "RelativeTimeFormat"} K
 * @param {K} kind
 * @param {string} language
 * @param {object} options
 * @returns {InstanceType<typeof Intl[K]>}
 */
function made(kind, language, options) {
  const name = `${kind} ${language} ${JSON.stringify(options)}`;
  if (!kept.has(name)) kept.set(name, new /** @type {any} */ (Intl[kind])(language, options));
  return kept.get(name);
}

/** @param {number} n @param {string} language @param {Intl.NumberFormatOptions} options */
export function number(n, language, options = {}) {
  return made("NumberFormat", language, options).format(n);
}

/** @param {string} time RFC 3339 @param {string} language */
export function exact(time, language) {
  return made("DateTimeFormat", language, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(time));
}

// Times as readers say them.

/** @type {[many: number, unit: Intl.RelativeTimeFormatUnit][]} */
const STEPS = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [30.44, "day"],
  [12, "month"],
  [Infinity, "year"],
];

/** @param {string} time RFC 3339 @param {string} language */
export function ago(time, language) {
  let left = (new Date(time).getTime() - Date.now()) / 1000;
  for (const [many, unit] of STEPS) {
    if (Math.abs(left) < many) {
      return made("RelativeTimeFormat", language, { numeric: "auto" }).format(Math.round(left), unit);
    }
    left /= many;
  }
  return "";
}

/** @param {number} milliseconds @param {string} language @param {"short" | "long"} unitDisplay */
export function duration(milliseconds, language, unitDisplay = "long") {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const [n, unit] = seconds < 60 ? [seconds, "second"] : [Math.floor(seconds / 60), "minute"];
  return made("NumberFormat", language, { style: "unit", unit, unitDisplay }).format(n);
}
