// Features for returning readers: new comments, notifications and an inbox. Loaded for persons with
// a token, and for other readers when they ask to be notified.

import { Inbox } from "./inbox.js";
import { peopleWords } from "./languages.js";
import { el } from "./markup.js";
import { MailForm, Notify } from "./notify.js";
import people from "./people.css" with { type: "css" };
import { createTranslator } from "./strings.js";
import { Visit } from "./visit.js";

/** @param {import("./reader.js").Reader} owner */
export async function peopleOf(owner) {
  const words = await peopleWords(owner.language);
  return new People(owner, createTranslator(owner.language, words, owner.strings ?? {}).t);
}

export class People {
  /** @type {Visit | null} */
  visit = null;
  /** @type {Inbox | null} */
  inbox = null;

  /** @param {import("./reader.js").Reader} owner @param {import("./strings.js").Translate} t */
  constructor(owner, t) {
    this.owner = owner;
    this.t = t;
    const { root } = owner;
    if (!root.adoptedStyleSheets.includes(people)) root.adoptedStyleSheets.push(people);
  }

  async begin() {
    const { owner, t } = this;
    if (!owner.person?.mayWrite) return new MailForm(owner, t).begin();
    this.visit = new Visit(owner, t);
    this.inbox = new Inbox(owner, t);
    const notify = new Notify(owner, t);
    owner.peopleBar.replaceChildren(el("div", { class: "row" }, notify.node, this.inbox.node), notify.below);
    owner.peopleBar.after(this.visit.node);
    const begun = [this.visit.begin(), this.inbox.count(), notify.begin()];
    // A feature that fails is missing; the discussion still works.
    for (const one of await Promise.allSettled(begun))
      if (one.status === "rejected" && !owner.life.signal.aborted) console.warn("rostra:", one.reason);
  }

  /** Check the read mark after more of the list is shown. */
  onListShown() {
    this.visit?.check();
  }

  /** Count the inbox again after a comment was posted or removed. */
  onNews() {
    this.inbox?.scheduleCount();
  }
}
