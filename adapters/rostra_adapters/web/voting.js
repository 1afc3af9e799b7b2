// Votes of one comment. A click counts at once; then the server's totals are shown.

import { el } from "./markup.js";
import { number } from "./strings.js";

const SVG = "http://www.w3.org/2000/svg";
const UP = "M8 2 14 9H10.5V14H5.5V9H2Z";
const DOWN = "M8 14 2 7H5.5V2H10.5V7H14Z";

export class Votes {
  /** @param {import("./comment.js").CommentView} view */
  constructor(view) {
    this.view = view;
    const { voting } = view.owner.rules;
    this.up = this.arrow("up", 1, UP);
    this.down = this.arrow("down", -1, DOWN);
    this.score = el("span", { class: "score" });
    const { t, person, rules } = view.owner;
    const barred = !person?.mayWrite || (view.mine && !rules.self_votes);
    this.up.disabled = this.down.disabled = barred;
    if (!person) this.up.title = this.down.title = t("sign_in");
    this.node = el(
      "span",
      { class: "vote", role: "group" },
      voting !== "off" && this.up,
      this.score,
      voting === "both" && this.down,
    );
    this.show();
  }

  /** @param {string} name @param {number} value @param {string} path */
  arrow(name, value, path) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    const shape = document.createElementNS(SVG, "path");
    shape.setAttribute("d", path);
    svg.append(shape);
    const label = this.view.owner.t(name);
    return el(
      "button",
      { type: "button", class: name, "aria-label": label, title: label, onclick: () => this.vote(value) },
      svg,
    );
  }

  show() {
    const { score, my_vote, up, down } = this.view.shape;
    const { language, t } = this.view.owner;
    this.score.textContent = number(score, language, { signDisplay: "negative" });
    this.score.title = t("votes", { up, down });
    this.node.setAttribute("aria-label", this.score.title);
    this.up.setAttribute("aria-pressed", String(my_vote === 1));
    this.down.setAttribute("aria-pressed", String(my_vote === -1));
  }

  /**
   * Vote, or withdraw an equal vote. A click during a request is sent after the answer, so that the
   * last click wins.
   * @param {number} value
   */
  async vote(value) {
    const { view } = this;
    const { shape } = view;
    const wanted = shape.my_vote === value ? 0 : value;
    const up = shape.up + Number(wanted === 1) - Number(shape.my_vote === 1);
    const down = shape.down + Number(wanted === -1) - Number(shape.my_vote === -1);
    let confirmed = (view.confirmed ??= totalsOf(shape));
    view.wanted = wanted;
    view.showTotals({ up, down, score: up - down, my_vote: wanted });
    if (view.voting) return;
    view.voting = true;
    try {
      while (view.wanted !== confirmed.my_vote) {
        view.confirmed = confirmed = totalsOf(await view.owner.api.vote(view.shape.id, view.wanted));
      }
      view.showTotals(confirmed);
    } catch (problem) {
      view.showTotals(confirmed);
      view.showNote(view.owner.why("failed", problem));
    } finally {
      view.voting = false;
      view.confirmed = null;
    }
  }
}

/** @param {import("./contract.js").Totals} totals @returns {import("./contract.js").Totals} */
function totalsOf({ up, down, score, my_vote }) {
  return { up, down, score, my_vote };
}
