// One comment, what may be done with it, and the replies below it.

import { composer } from "./compose.js";
import { el, markup } from "./markup.js";
import { ago, duration } from "./times.js";

const SVG = "http://www.w3.org/2000/svg";
const UP = "M8 2 14 9H10.5V14H5.5V9H2Z";
const DOWN = "M8 14 2 7H5.5V2H10.5V7H14Z";
const REPLIES_MORE = 20;

export class CommentView {
  /**
   * @param {import("./rostra.js").RostraDiscussion} owner
   * @param {object} shape a comment of the contract
   */
  constructor(owner, shape) {
    this.owner = owner;
    this.node = el("li", {});
    this.article = el("article", { id: `comment-${shape.id}`, part: "comment", tabindex: -1 });
    this.by = el("div", { class: "by" });
    this.words = el("div", { class: "words", part: "body", dir: "auto" });
    this.does = el("div", { class: "does" });
    this.under = el("div", {});
    this.children = el("ul", { class: "children", hidden: true });
    this.fold = el("button", { type: "button", class: "fold", hidden: true, onclick: () => this.toggle() });
    this.more = el("button", { type: "button", hidden: true, text: owner.t("more_replies"), onclick: () => this.load() });
    this.article.append(this.by, this.words, this.does, this.under);
    this.node.append(this.article, this.fold, this.children, this.more);
    owner.views.set(shape.id, this);
    this.open = false;
    this.cursor = null;
    this.update(shape);
    this.addReplies(shape.children ?? []);
    this.cursor = shape.next_children ?? null;
    this.showFold();
  }

  get mine() {
    return Boolean(this.owner.person && this.shape.author?.id === this.owner.person.id);
  }

  /** Show what it is now; replies that are shown stay. */
  update(shape) {
    const kept = this.shape?.my_vote;
    this.shape = { ...shape, my_vote: shape.my_vote ?? kept ?? 0 };
    this.article.setAttribute("aria-label", shape.author?.name ?? this.owner.t("somebody"));
    this.showBy();
    this.showWords();
    this.showDoes();
    this.showFold();
  }

  totals({ up, down, score, my_vote }) {
    Object.assign(this.shape, { up, down, score }, my_vote === undefined ? {} : { my_vote });
    this.showVotes();
  }

  showBy() {
    const { t, language } = this.owner;
    const { author, posted_at, edited_at, pinned, id } = this.shape;
    this.by.replaceChildren(
      el("b", { text: author ? (author.name ?? author.id) : t("somebody"), dir: "auto" }),
      this.mine && el("span", { class: "mark", text: t("you") }),
      el("a", { href: `#comment-${id}`, onclick: (event) => this.owner.permalink(event, id) },
        el("time", { datetime: posted_at, title: new Date(posted_at).toLocaleString(language), text: ago(posted_at, language) })),
      edited_at && el("span", { class: "note", text: t("edited"), title: new Date(edited_at).toLocaleString(language) }),
      pinned && el("span", { class: "mark", text: t("pinned") }),
    );
    for (const child of [...this.by.childNodes]) if (!(child instanceof Element)) child.remove();
  }

  showWords() {
    const { t } = this.owner;
    const { status, html } = this.shape;
    const said = status === "published" ? [] : [el("p", { class: "gone", text: t(status) })];
    this.words.replaceChildren(...said, ...(html ? [markup(html)] : []));
  }

  showDoes() {
    const { t, person } = this.owner;
    const { status, id } = this.shape;
    const shown = status === "published" || status === "erased";
    const button = (name, act, attributes = {}) =>
      el("button", { type: "button", text: t(name), onclick: act, ...attributes });
    this.does.replaceChildren();
    if (shown) this.does.append(this.voting());
    if (status === "published" && this.owner.writable) this.does.append(button("reply", () => this.reply()));
    if (this.mine && status === "published") {
      const left = this.editable();
      if (left > 0) this.does.append(button("edit", () => this.edit(), { title: t("left", { n: duration(left, this.owner.language) }) }));
      this.does.append(button("remove", () => this.remove()));
    } else if (person && shown) {
      this.does.append(button("flag", () => this.flag()));
    }
    if (shown) this.does.append(button("link", (event) => this.owner.permalink(event, id, true)));
  }

  editable() {
    return new Date(this.shape.posted_at).getTime() + this.owner.editSeconds * 1000 - Date.now();
  }

  voting() {
    const { t } = this.owner;
    const arrow = (name, value, path) => {
      const svg = document.createElementNS(SVG, "svg");
      svg.setAttribute("viewBox", "0 0 16 16");
      svg.setAttribute("aria-hidden", "true");
      svg.append(document.createElementNS(SVG, "path"));
      svg.firstChild.setAttribute("d", path);
      return el("button", { type: "button", class: name, "aria-label": t(name), onclick: () => this.vote(value) }, svg);
    };
    this.up = arrow("up", 1, UP);
    this.down = arrow("down", -1, DOWN);
    this.score = el("output", {});
    const made = el("span", { class: "vote", role: "group" }, this.up, this.score, this.down);
    this.showVotes();
    return made;
  }

  showVotes() {
    if (!this.score) return;
    const { score, my_vote, up, down } = this.shape;
    this.score.textContent = new Intl.NumberFormat(this.owner.language, { signDisplay: "negative" }).format(score);
    this.score.title = `+${up} −${down}`;
    this.up.setAttribute("aria-pressed", String(my_vote === 1));
    this.down.setAttribute("aria-pressed", String(my_vote === -1));
    this.up.disabled = this.down.disabled = !this.owner.person;
  }

  /** At once, and then as the server says. */
  async vote(value) {
    const before = { up: this.shape.up, down: this.shape.down, score: this.shape.score, my_vote: this.shape.my_vote };
    const wanted = before.my_vote === value ? 0 : value;
    const up = before.up + (wanted === 1) - (before.my_vote === 1);
    const down = before.down + (wanted === -1) - (before.my_vote === -1);
    this.totals({ up, down, score: up - down, my_vote: wanted });
    try {
      this.totals(await this.owner.api.vote(this.shape.id, wanted));
    } catch (problem) {
      this.totals(before);
      this.owner.say(this.owner.t("failed", { why: problem.message }));
    }
  }

  /** Another form, or none, under the comment. */
  put(...nodes) {
    this.under.replaceChildren(...nodes);
  }

  reply() {
    const { t, api } = this.owner;
    const { id, author } = this.shape;
    const form = composer(this.owner, {
      label: t("write_reply", { name: author?.name ?? t("somebody") }),
      draft: `reply:${id}`,
      send: t("send"),
      submit: async (body, key) => {
        const done = await api.post(this.owner.id, { body, parent: id }, key);
        this.put();
        await this.owner.posted(done);
      },
      cancel: () => this.put(),
    });
    this.put(form.form);
    form.focus();
  }

  edit() {
    const { t, api } = this.owner;
    const { id, body } = this.shape;
    const form = composer(this.owner, {
      label: `${t("edit")} · ${t("left", { n: duration(this.editable(), this.owner.language) })}`,
      draft: `edit:${id}`,
      send: t("save"),
      body,
      submit: async (text) => {
        const done = await api.edit(id, text);
        this.put();
        await this.owner.refresh(id, done.position);
        this.owner.say(t("saved"));
      },
      cancel: () => this.put(),
    });
    this.put(form.form);
    form.focus();
  }

  remove() {
    const { t, api } = this.owner;
    const yes = el("button", {
      type: "button", class: "primary", text: t("yes"),
      onclick: async () => {
        try {
          const done = await api.remove(this.shape.id);
          this.put();
          await this.owner.refresh(this.shape.id, done.position);
          this.article.focus();
        } catch (problem) {
          this.owner.say(t("failed", { why: problem.message }));
        }
      },
    });
    const no = el("button", { type: "button", text: t("cancel"), onclick: () => this.put() });
    this.put(el("div", { class: "state", role: "group", "aria-label": t("sure") }, `${t("sure")} `, yes, no));
    yes.focus();
  }

  flag() {
    const { t, api } = this.owner;
    const form = composer(this.owner, {
      label: t("why"),
      draft: `flag:${this.shape.id}`,
      send: t("report"),
      submit: async (reason) => {
        await api.flag(this.shape.id, reason.slice(0, 500));
        this.put(el("p", { class: "state", text: t("thanks") }));
        this.owner.say(t("thanks"));
      },
      cancel: () => this.put(),
    });
    this.put(form.form);
    form.focus();
  }

  // -- replies

  addReplies(shapes) {
    for (const shape of shapes) {
      const known = this.owner.views.get(shape.id);
      if (known) known.update(shape);
      else this.children.append(new CommentView(this.owner, shape).node);
    }
  }

  toggle(open = !this.open) {
    this.open = open;
    this.showFold();
    if (open && !this.children.childElementCount && this.shape.replies) this.load();
  }

  showFold() {
    const { t } = this.owner;
    const { replies } = this.shape;
    this.fold.hidden = !replies && !this.children.childElementCount;
    this.fold.setAttribute("aria-expanded", String(this.open));
    this.fold.textContent = this.open ? t("hide") : replies === 1 ? t("reply_1") : t("replies", { n: replies });
    this.children.hidden = !this.open;
    this.more.hidden = !this.open || !this.cursor;
  }

  async load() {
    const { api } = this.owner;
    try {
      const query = this.cursor ? { cursor: this.cursor, limit: REPLIES_MORE } : { limit: REPLIES_MORE };
      const page = await api.replies(this.shape.id, query);
      this.addReplies(page.comments);
      this.cursor = page.next;
      this.showFold();
    } catch (problem) {
      if (problem.status === 410 && this.cursor) {
        this.cursor = null;
        return this.load();
      }
      this.owner.say(this.owner.t("failed", { why: problem.message }));
    }
  }
}
