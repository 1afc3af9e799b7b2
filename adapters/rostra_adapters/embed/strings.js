// Every word that readers see, by language. A placeholder is {name}.

const STRINGS = {
  en: {
    comments: "{n} comments", comment: "1 comment", none: "No comments yet. Begin the discussion.",
    newest: "Newest", oldest: "Oldest", most_voted: "Most voted", best: "Best", hot: "Hot",
    controversial: "Controversial", orders: "Order of the comments", discussion: "Discussion",
    more: "Load more", replies: "{n} replies", reply_1: "1 reply", hide: "Hide replies",
    more_replies: "More replies",
    reply: "Reply", edit: "Edit", remove: "Delete", flag: "Report", link: "Link", copied: "Link copied",
    up: "Vote for", down: "Vote against", score: "{n} points", edited: "edited", pinned: "Pinned",
    write: "Write a comment", write_reply: "Reply to {name}", write_inline: "Comment on this passage",
    send: "Post", save: "Save", cancel: "Cancel", preview: "Preview", back: "Go on writing",
    sign_in: "Sign in to take part.", name: "Your name", guest: "Go on as a guest",
    held: "Waits for a moderator", rejected: "Rejected by a moderator", removed: "Removed by a moderator",
    deleted: "Deleted by its author", erased: "The author's words were erased", somebody: "Somebody",
    fresh: "{n} new comments", fresh_1: "1 new comment", closed: "This discussion is closed.",
    failed: "That did not work: {why}", offline: "No connection. Trying again…",
    sure: "Delete this comment?", yes: "Yes, delete it", left: "{n} left to edit", why: "What is wrong with it?",
    report: "Report", thanks: "Thank you. A moderator will look at it.", inline: "Comments on “{quote}”",
    all: "View all comments", on_this: "Comment on this", marked: "{n} comments on this passage",
    posted: "Your comment was posted", saved: "Saved", loading: "Loading…", retry: "Try again",
    too_long: "{n} characters too many", markdown: "Markdown works here.", you: "you",
  },
  de: {
    comments: "{n} Kommentare", comment: "1 Kommentar", none: "Noch keine Kommentare. Machen Sie den Anfang.",
    newest: "Neueste", oldest: "Älteste", most_voted: "Beste Wertung", best: "Beliebt", hot: "Aktuell",
    controversial: "Umstritten", orders: "Reihenfolge der Kommentare", discussion: "Diskussion",
    more: "Weitere laden", replies: "{n} Antworten", reply_1: "1 Antwort", hide: "Antworten ausblenden",
    more_replies: "Weitere Antworten",
    reply: "Antworten", edit: "Bearbeiten", remove: "Löschen", flag: "Melden", link: "Link", copied: "Link kopiert",
    up: "Dafür stimmen", down: "Dagegen stimmen", score: "{n} Punkte", edited: "bearbeitet", pinned: "Angeheftet",
    write: "Kommentar schreiben", write_reply: "Antwort an {name}", write_inline: "Diese Stelle kommentieren",
    send: "Veröffentlichen", save: "Speichern", cancel: "Abbrechen", preview: "Vorschau", back: "Weiterschreiben",
    sign_in: "Melden Sie sich an, um mitzureden.", name: "Ihr Name", guest: "Als Gast weiter",
    held: "Wartet auf die Moderation", rejected: "Von der Moderation abgelehnt", removed: "Von der Moderation entfernt",
    deleted: "Vom Verfasser gelöscht", erased: "Die Worte des Verfassers wurden gelöscht", somebody: "Jemand",
    fresh: "{n} neue Kommentare", fresh_1: "1 neuer Kommentar", closed: "Diese Diskussion ist geschlossen.",
    failed: "Das ging nicht: {why}", offline: "Keine Verbindung. Neuer Versuch …",
    sure: "Diesen Kommentar löschen?", yes: "Ja, löschen", left: "noch {n} zum Bearbeiten", why: "Was stimmt damit nicht?",
    report: "Melden", thanks: "Danke. Die Moderation sieht es sich an.", inline: "Kommentare zu „{quote}“",
    all: "Alle Kommentare", on_this: "Diese Stelle kommentieren", marked: "{n} Kommentare zu dieser Stelle",
    posted: "Ihr Kommentar ist veröffentlicht", saved: "Gespeichert", loading: "Lädt …", retry: "Noch einmal",
    too_long: "{n} Zeichen zu viel", markdown: "Markdown geht hier.", you: "Sie",
  },
  zh: {
    comments: "{n} 条评论", comment: "1 条评论", none: "还没有评论，来写第一条吧。",
    newest: "最新", oldest: "最早", most_voted: "最多赞同", best: "最佳", hot: "热门",
    controversial: "争议", orders: "评论排序", discussion: "讨论",
    more: "加载更多", replies: "{n} 条回复", reply_1: "1 条回复", hide: "收起回复",
    more_replies: "更多回复",
    reply: "回复", edit: "编辑", remove: "删除", flag: "举报", link: "链接", copied: "链接已复制",
    up: "赞同", down: "反对", score: "{n} 分", edited: "已编辑", pinned: "置顶",
    write: "写评论", write_reply: "回复 {name}", write_inline: "评论这段文字",
    send: "发布", save: "保存", cancel: "取消", preview: "预览", back: "继续写",
    sign_in: "登录后即可参与讨论。", name: "你的名字", guest: "以访客身份继续",
    held: "等待审核", rejected: "未通过审核", removed: "已被管理员移除",
    deleted: "作者已删除", erased: "作者的内容已被清除", somebody: "某人",
    fresh: "{n} 条新评论", fresh_1: "1 条新评论", closed: "讨论已关闭。",
    failed: "操作失败：{why}", offline: "连接已断开，正在重试……",
    sure: "删除这条评论？", yes: "是的，删除", left: "还可编辑 {n}", why: "有什么问题？",
    report: "举报", thanks: "谢谢，管理员会查看。", inline: "对“{quote}”的评论",
    all: "查看全部评论", on_this: "评论这段", marked: "这段有 {n} 条评论",
    posted: "评论已发布", saved: "已保存", loading: "加载中……", retry: "重试",
    too_long: "超出 {n} 个字符", markdown: "支持 Markdown。", you: "你",
  },
};

/**
 * The words of a language, English where there are none.
 * @param {string} language a BCP 47 tag
 * @returns {(name: string, values?: Record<string, string | number>) => string}
 */
export function words(language) {
  const table = STRINGS[language.toLowerCase().split("-")[0]] ?? STRINGS.en;
  return (name, values = {}) =>
    (table[name] ?? STRINGS.en[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ""));
}
