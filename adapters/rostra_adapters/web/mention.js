// Completion of names after an `@` while a comment is written. Loaded when somebody types the first
// `@`.

import { peopleWords } from "./languages.js";
import { el } from "./markup.js";
import mention from "./mention.css" with { type: "css" };
import { randomId } from "./storage.js";
import { createTranslator } from "./strings.js";

const WAIT_MS = 120; // for the next letter
const PREFIX = /(?:^|[\s([{"'“‘«„])@([^\s@][^@\n]{0,40}|)$/u;
const WORDS_MAX = 4; // of a name
const SHOWN_MAX = 8;
const MARKUP = /[\\\x60*[\]<~|]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu;

/** @typedef {{id: string, name: string}} Participant */

/**
 * Complete names in a text area. The focus stays in the area; a list below shows matching persons.
 * @param {import("./reader.js").Reader} owner
 * @param {HTMLTextAreaElement} area
 * @param {(text: string, person: string) => void} picked called with a mention and a person's id
 */
export function completion(owner, area, picked) {
  const { root } = owner;
  if (!root.adoptedStyleSheets.includes(mention)) root.adoptedStyleSheets.push(mention);
  new Completion(owner, area, picked);
}

class Completion {
  /** @type {Participant[]} */
  found = [];
  chosen = 0;
  /** Offset of the `@` in the text. */
  start = 0;
  /** @type {number | undefined} */
  timer = undefined;
  /** @type {object} the last search */
  turn = {};
  /** @type {Map<string, Participant[]>} by prefix */
  cache = new Map();
  /** @type {Promise<import("./strings.js").Translate>} */
  words;

  /**
   * @param {import("./reader.js").Reader} owner
   * @param {HTMLTextAreaElement} area
   * @param {(text: string, person: string) => void} picked
   */
  constructor(owner, area, picked) {
    this.owner = owner;
    this.area = area;
    this.onPick = picked;
    this.words = peopleWords(owner.language).then(
      (table) => createTranslator(owner.language, table, owner.strings ?? {}).t,
      () => owner.t,
    );
    this.id = `m${randomId()}`;
    this.list = el("ul", { class: "people", part: "people", role: "listbox", id: this.id, hidden: true });
    area.after(this.list);
    area.setAttribute("aria-autocomplete", "list");
    area.setAttribute("aria-haspopup", "listbox");
    area.setAttribute("aria-controls", this.id);
    area.addEventListener("input", () => this.scheduleSearch());
    area.addEventListener("compositionend", () => this.scheduleSearch());
    area.addEventListener("click", () => this.scheduleSearch());
    area.addEventListener("blur", () => this.close());
    area.addEventListener("keydown", (event) => this.onKeydown(event));
    area.addEventListener("keyup", (event) => {
      if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) this.scheduleSearch();
    });
    this.scheduleSearch();
  }

  /** @returns {string | null} the text between the `@` and the caret */
  prefix() {
    const { selectionStart, selectionEnd, value } = this.area;
    const typed = selectionStart === selectionEnd && PREFIX.exec(value.slice(0, selectionStart));
    if (!typed || typed[1].split(/\s+/).length > WORDS_MAX) return null;
    this.start = selectionStart - typed[1].length - 1;
    return typed[1];
  }

  scheduleSearch() {
    clearTimeout(this.timer);
    const prefix = this.prefix();
    if (prefix === null) return this.close();
    this.timer = setTimeout(() => this.search(prefix), WAIT_MS);
  }

  /** @param {string} prefix */
  async search(prefix) {
    const turn = (this.turn = {});
    const { owner } = this;
    try {
      const found = this.cache.get(prefix) ?? (await this.ask(prefix));
      this.cache.set(prefix, found);
      if (turn !== this.turn || owner.life.signal.aborted) return;
      this.found = found.filter(({ id }) => id !== owner.person?.id).slice(0, SHOWN_MAX);
      this.chosen = 0;
      if (this.found.length) await this.show();
      else this.close();
    } catch {
      this.close(); // a comment needs no completion
    }
  }

  /** @param {string} prefix @returns {Promise<Participant[]>} */
  async ask(prefix) {
    const { api, discussionId } = this.owner;
    if (!discussionId) return [];
    return (await api.get(`/v1/discussions/${discussionId}/participants`, { prefix })).participants;
  }

  async show() {
    const t = await this.words;
    const isNew = this.list.hidden;
    this.list.setAttribute("aria-label", t("people"));
    this.list.replaceChildren(
      ...this.found.map(({ name }, index) =>
        el("li", {
          role: "option",
          id: `${this.id}-${index}`,
          "aria-selected": String(index === this.chosen),
          text: name,
          dir: "auto",
          onpointerdown: (/** @type {Event} */ event) => event.preventDefault(), // the focus stays
          onclick: () => this.pick(index),
        }),
      ),
    );
    this.list.hidden = false;
    this.area.setAttribute("aria-activedescendant", `${this.id}-${this.chosen}`);
    if (isNew) this.owner.say(t("people_found", { n: this.found.length }));
  }

  close() {
    clearTimeout(this.timer);
    this.turn = {};
    this.found = [];
    this.list.hidden = true;
    this.area.removeAttribute("aria-activedescendant");
  }

  /** @param {number} by */
  move(by) {
    const many = this.found.length;
    this.chosen = (this.chosen + by + many) % many;
    [...this.list.children].forEach((one, index) => one.setAttribute("aria-selected", String(index === this.chosen)));
    this.list.children[this.chosen].scrollIntoView({ block: "nearest" });
    this.area.setAttribute("aria-activedescendant", `${this.id}-${this.chosen}`);
  }

  /** @param {KeyboardEvent} event */
  onKeydown(event) {
    if (event.isComposing || !this.found.length || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowDown") this.move(1);
    else if (event.key === "ArrowUp") this.move(-1);
    else if (event.key === "Escape") this.close();
    else if (["Enter", "Tab"].includes(event.key) && !event.shiftKey) this.pick(this.chosen);
    else return;
    event.preventDefault();
    event.stopPropagation(); // the form has keys of its own
  }

  /** @param {number} index */
  pick(index) {
    const { name, id } = this.found[index];
    const { area } = this;
    const text = `@${name.replace(MARKUP, "\\$&")}`; // the name is no markup
    const end = area.selectionStart;
    const isApart = /^\s/.test(area.value.slice(end));
    area.setRangeText(isApart ? text : `${text} `, this.start, end, "end");
    this.close();
    this.onPick(text, id);
    area.dispatchEvent(new Event("input", { bubbles: true }));
    area.focus();
  }
}
