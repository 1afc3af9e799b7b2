// Dialogs that ask for a reason, a label, the terms of a ban or the end of a ban.

import { el } from "../markup.js";

const DAY_MS = 86_400_000;
const TERMS_DAYS = [1, 7, 30, 365];
const REASON_CHARACTERS_MAX = 500;

/** @typedef {{reason?: string}} Reason */
/** @typedef {{until?: string, comments: string, votes: string, reason?: string}} BanTerms */

/**
 * Show a modal dialog with a form. Submitting the form sets the dialog's `returnValue` to "yes".
 * @param {import("./desk.js").Desk} desk
 * @param {string} title
 * @param {...Node} children
 */
export function showDialog(desk, title, ...children) {
  const heading = el("h3", { id: "dialog-title", text: title });
  const form = el("form", { method: "dialog" }, heading, ...children);
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" }, form);
  const before = desk.focused;
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target instanceof HTMLSelectElement)
      [event.preventDefault(), form.requestSubmit()];
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    dialog.close("yes");
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
  });
  desk.frameNode.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * @param {import("./desk.js").Desk} desk
 * @param {string} title
 * @param {string} yes
 * @param {...Node} children
 * @returns {Promise<boolean>}
 */
function askForm(desk, title, yes, ...children) {
  const { t } = desk;
  const no = el("button", { type: "button", text: t("cancel"), onclick: () => dialog.close() });
  const foot = el("div", { class: "foot" }, no, el("button", { type: "submit", class: "primary", text: yes }));
  const dialog = showDialog(desk, title, ...children, foot);
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes")));
}

/** @param {import("./desk.js").Desk} desk */
function reasonField({ t }) {
  const field = el("textarea", { rows: 2, maxlength: REASON_CHARACTERS_MAX });
  return { field, node: el("label", { class: "field" }, t("reason"), field) };
}

/** @param {string} text */
function reasonOf(text) {
  return text.trim() ? { reason: text.trim() } : {};
}

/**
 * @param {import("./desk.js").Desk} desk
 * @param {string} title
 * @param {string} yes
 * @returns {Promise<Reason | null>}
 */
export async function askReason(desk, title, yes) {
  const { field, node } = reasonField(desk);
  return (await askForm(desk, title, yes, node)) ? reasonOf(field.value) : null;
}

/**
 * @param {import("./desk.js").Desk} desk
 * @param {string} name
 * @returns {Promise<BanTerms | null>}
 */
export async function askBan(desk, name) {
  const { t } = desk;
  const term = el(
    "select",
    {},
    el("option", { value: "", text: t("for_good") }),
    ...TERMS_DAYS.map((n) => el("option", { value: n, text: t("days", { n }) })),
  );
  const comments = el("input", { type: "checkbox" });
  const votes = el("input", { type: "checkbox" });
  const { field, node } = reasonField(desk);
  const is = await askForm(
    desk,
    t("ban_whom", { name }),
    t("ban"),
    el("label", { class: "field" }, t("term"), term),
    el("label", { class: "choice" }, comments, t("ban_comments")),
    el("label", { class: "choice" }, votes, t("ban_votes")),
    node,
  );
  if (!is) return null;
  const until = term.value ? { until: new Date(desk.clock.now() + Number(term.value) * DAY_MS).toISOString() } : {};
  return {
    ...until,
    comments: comments.checked ? "remove" : "keep",
    votes: votes.checked ? "nullify" : "keep",
    ...reasonOf(field.value),
  };
}

/**
 * @param {import("./desk.js").Desk} desk
 * @param {import("./shapes.js").PersonRecord} record
 * @returns {Promise<{label: string | null} | null>}
 */
export async function askLabel(desk, record) {
  const { t } = desk;
  if (!record.labels.length) {
    desk.say(t("no_labels"));
    return null;
  }
  const chosen = el(
    "select",
    {},
    el("option", { value: "", text: t("no_label") }),
    ...record.labels.map((one) => el("option", { value: one, text: one, selected: one === record.label })),
  );
  const title = t("label_whom", { name: record.name ?? record.id });
  const is = await askForm(desk, title, t("label"), el("label", { class: "field" }, t("label"), chosen));
  return is ? { label: chosen.value || null } : null;
}

/**
 * @param {import("./desk.js").Desk} desk
 * @param {string} name
 * @returns {Promise<{restore: boolean} | null>}
 */
export async function askUnban(desk, name) {
  const { t } = desk;
  const restore = el("input", { type: "checkbox", checked: true });
  const choice = el("label", { class: "choice" }, restore, t("unban_restore"));
  return (await askForm(desk, t("unban_whom", { name }), t("unban"), choice)) ? { restore: restore.checked } : null;
}
