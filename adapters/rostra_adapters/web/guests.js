// Guests: the form to enter by name, if the site allows guests, and the button to leave.

import { el } from "./markup.js";
import { readStored, store } from "./storage.js";

const NAME = "rostra:name";
const NAME_CHARACTERS_MAX = 100;

/**
 * Return the bar with the guest's name and a button to leave. Return an empty list for others.
 * @param {import("./reader.js").Reader} owner
 */
export function guestBar({ t, person, session }) {
  if (!person?.guest) return [];
  const leave = el("button", { type: "button", text: t("leave"), onclick: () => session.setGuestToken(null) });
  return [el("p", { class: "guest-bar" }, t("as_guest", { name: person.name ?? "" }), leave)];
}

/** @param {import("./reader.js").Reader} owner */
export function guestForm(owner) {
  const { t } = owner;
  const said = el("p", { class: "state", text: t("sign_in") });
  if (!owner.rules.guests || owner.host.getAttribute("guests") === "off") return [said];
  const name = el("input", {
    type: "text",
    id: "guest",
    maxlength: NAME_CHARACTERS_MAX,
    autocomplete: "nickname",
    required: true,
    dir: "auto",
    "aria-describedby": "guest-error",
  });
  name.value = readStored(NAME) ?? "";
  const error = el("div", { class: "error", id: "guest-error", role: "alert" });
  /** @param {SubmitEvent} event */
  const onsubmit = async (event) => {
    event.preventDefault();
    store(NAME, name.value);
    try {
      const { token } = await owner.api.guest(owner.site, name.value);
      owner.memory.focusesForm = true;
      owner.session.setGuestToken(token);
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
