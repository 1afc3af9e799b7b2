// What those see who are not signed in: a word about it, and a way in by name where guests may.

import { el } from "./markup.js";
import { store, stored } from "./session.js";

const NAME = "rostra:name";
const NAME_CHARACTERS_MAX = 100;

/** @param {import("./rostra.js").RostraDiscussion} owner */
export function guestForm(owner) {
  const { t } = owner;
  const said = el("p", { class: "state", text: t("sign_in") });
  if (!owner.rules.guests || owner.getAttribute("guests") === "off") return [said];
  const name = el("input", {
    type: "text",
    id: "guest",
    maxlength: NAME_CHARACTERS_MAX,
    autocomplete: "nickname",
    required: true,
    dir: "auto",
    "aria-describedby": "guest-error",
  });
  name.value = stored(localStorage, NAME) ?? "";
  const error = el("div", { class: "error", id: "guest-error", role: "alert" });
  /** @param {SubmitEvent} event */
  const onsubmit = async (event) => {
    event.preventDefault();
    store(localStorage, NAME, name.value);
    try {
      await owner.enter((await owner.api.guest(owner.site, name.value)).token);
    } catch (problem) {
      error.textContent = owner.why("failed", problem);
    }
  };
  return [
    el(
      "form",
      { class: "write guest", onsubmit },
      el("label", { for: "guest", text: t("name") }),
      name,
      error,
      el(
        "div",
        { class: "foot" },
        el("span", { text: t("sign_in") }),
        el("button", { class: "primary", type: "submit", text: t("guest") }),
      ),
    ),
  ];
}
