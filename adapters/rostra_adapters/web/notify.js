// Choice of the comments that a person is notified of, and of the address that mails are sent to.

import { el } from "./markup.js";

/** @typedef {import("./strings.js").Translate} Translate */

const CHOICES = [
  { value: "comments", word: "to_comments" },
  { value: "replies", word: "to_replies" },
  { value: "", word: "to_off" },
];

export class Notify {
  /** @type {{email: string | null, email_confirmed: boolean}} */
  me = { email: null, email_confirmed: false };

  /** @param {import("./reader.js").Reader} owner @param {Translate} t */
  constructor(owner, t) {
    this.owner = owner;
    this.t = t;
    this.path = `/v1/discussions/${owner.discussionId}/subscription`;
    this.select = el(
      "select",
      { id: "notify", onchange: () => this.choose() },
      ...CHOICES.map(({ value, word }) => el("option", { value, text: t(word) })),
    );
    this.below = el("div", { class: "notify" });
    const label = el("label", { for: "notify", text: t("notify_of") });
    this.node = el("div", { class: "choice", part: "notify", hidden: true }, label, this.select);
  }

  async begin() {
    const { api, rules } = this.owner;
    const [{ to }, me] = await Promise.all([api.get(this.path), rules.mails ? api.get("/v1/me") : this.me]);
    this.me = me;
    this.select.value = to ?? "";
    this.node.hidden = false;
    this.show();
  }

  /** Show where notifications go, or a form if mails need a confirmed address. */
  show() {
    const { owner, t, me } = this;
    const to = this.select.value;
    const email = me.email ?? "";
    if (!to) return this.below.replaceChildren();
    if (!owner.rules.mails) return this.showHint(t("by_inbox"));
    if (me.email_confirmed) return this.showHint(t("by_mail", { email }));
    const { node, said } = addressForm(owner, t, email, async (address) => {
      this.me = await owner.api.ask("PATCH", "/v1/me", { email: address, language: owner.language });
      if (this.me.email_confirmed) this.show();
      else this.showHint(t("look", { email: address }));
    });
    said.textContent = email ? t("unconfirmed", { email }) : t("by_link");
    this.below.replaceChildren(node);
  }

  /** @param {string} text */
  showHint(text) {
    this.below.replaceChildren(el("p", { class: "hint", text }));
    this.owner.say(text);
  }

  async choose() {
    const { api } = this.owner;
    const to = this.select.value;
    try {
      await (to ? api.ask("PUT", this.path, { to }) : api.ask("DELETE", this.path));
      this.show();
      if (!to) this.owner.say(this.t("saved_off"));
    } catch (problem) {
      this.below.replaceChildren(el("p", { class: "error", role: "alert", text: this.owner.why("failed", problem) }));
    }
  }
}

/** Form for mails about new comments, for readers without a token. */
export class MailForm {
  /** @param {import("./reader.js").Reader} owner @param {Translate} t */
  constructor(owner, t) {
    this.owner = owner;
    this.t = t;
  }

  begin() {
    const { owner, t } = this;
    const { peopleBar: back, api, language } = owner;
    const path = `/v1/discussions/${owner.discussionId}/subscriptions`;
    const { node, said } = addressForm(owner, t, "", async (email) => {
      await api.ask("POST", path, { email, to: "comments", language });
      const text = t("look", { email });
      const confirmation = el("p", { class: "hint", tabindex: -1, text });
      back.replaceChildren(confirmation);
      confirmation.focus();
    });
    said.textContent = t("by_link");
    back.replaceChildren(el("div", { class: "notify", part: "notify" }, node));
    node.querySelector("input")?.focus();
  }
}

/**
 * Return a form for an e-mail address, and the element of its hint.
 * @param {import("./reader.js").Reader} owner
 * @param {Translate} t
 * @param {string} email
 * @param {(email: string) => Promise<void>} send
 */
function addressForm(owner, t, email, send) {
  const said = el("p", { class: "hint", id: "mail-hint" });
  const error = el("p", { class: "error", id: "mail-error", role: "alert" });
  const input = el("input", {
    type: "email",
    id: "mail",
    autocomplete: "email",
    required: true,
    "aria-describedby": "mail-hint mail-error",
    dir: "ltr",
  });
  input.value = email;
  /** @param {SubmitEvent} event */
  const onsubmit = async (event) => {
    event.preventDefault();
    if (node.hasAttribute("aria-busy")) return;
    node.setAttribute("aria-busy", "true");
    error.textContent = "";
    try {
      await send(input.value);
    } catch (problem) {
      error.textContent = problem.problem === "invalid-body" ? t("no_address") : owner.why("failed", problem);
      input.focus();
    } finally {
      node.removeAttribute("aria-busy");
    }
  };
  const node = el(
    "form",
    { class: "address", onsubmit },
    el("label", { for: "mail", text: t("address") }),
    el("span", { class: "row" }, input, el("button", { class: "primary", type: "submit", text: t("send_link") })),
    said,
    error,
  );
  return { node, said };
}
