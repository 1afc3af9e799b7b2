// Single keys of the desk: their list, its dialog, and the setting that switches them off.

import { el } from "../markup.js";
import { store, readStored } from "../storage.js";
import { showDialog } from "./dialogs.js";

const OFF = "rostra:moderate:keys-off";

/** Keys and the names of their functions, in the order of the dialog. */
export const KEYS = /** @type {const} */ ([
  ["j", "next"],
  ["k", "previous"],
  ["x", "select"],
  ["*", "select_all"],
  ["a", "approve"],
  ["r", "reject"],
  ["h", "hold"],
  ["d", "remove"],
  ["s", "restore"],
  ["p", "pin"],
  ["w", "with_reason"],
  ["b", "ban"],
  ["l", "label"],
  ["o", "record"],
  ["t", "thread"],
  ["z", "undo"],
  ["1", "tabs"],
  ["/", "search"],
  ["Escape", "back"],
  ["?", "help"],
]);

export function areKeysOn() {
  return readStored(OFF) === null;
}

/** Return whether a key is meant for a field or for the browser. @param {KeyboardEvent} event */
export function isElsewhere(event) {
  const target = event.composedPath()[0];
  const writes =
    target instanceof HTMLElement &&
    (target.matches("textarea, select, input:not([type='checkbox'])") || target.isContentEditable);
  return writes || event.ctrlKey || event.metaKey || event.altKey || event.isComposing;
}

/** @param {import("./desk.js").Desk} desk */
export function showKeys(desk) {
  const { t } = desk;
  const rows = KEYS.map(([key, name]) =>
    el(
      "tr",
      {},
      el("td", {}, el("kbd", { text: key === "1" ? "1 – 7" : key })),
      el("th", { scope: "row", text: t(`key_${name}`) }),
    ),
  );
  const switched = el("input", {
    type: "checkbox",
    checked: areKeysOn(),
    onchange: () => store(OFF, switched.checked ? null : "off"),
  });
  const dialog = showDialog(
    desk,
    t("keys"),
    el("p", { text: t("keys_about") }),
    el("table", { class: "keys" }, el("tbody", {}, ...rows)),
    el("label", { class: "choice" }, switched, t("keys_on")),
    el("div", { class: "foot" }, el("button", { type: "submit", class: "primary", text: t("close") })),
  );
  return dialog;
}
