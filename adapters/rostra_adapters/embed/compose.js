// A form to write in. What is typed is kept on this device until it was taken.

import { el, markup } from "./markup.js";

const BYTES_MAX = 16 * 1024;
const KEEP_AFTER_MS = 250;

/**
 * @typedef {object} Wish
 * @property {string} label
 * @property {string} draft the name under which what is typed is kept
 * @property {string} send the button's word
 * @property {string} [body] what stands there already
 * @property {(body: string, key: string) => Promise<void>} submit `key` stays until it was taken
 * @property {() => void} [cancel]
 */

/**
 * @param {import("./rostra.js").RostraDiscussion} owner
 * @param {Wish} wish
 */
export function composer(owner, wish) {
  const { t } = owner;
  const kept = drafts(owner, wish.draft);
  const id = `w${Math.random().toString(36).slice(2)}`;
  const area = el("textarea", { id, rows: 3, "aria-describedby": `${id}-e`, dir: "auto" });
  area.value = kept.read()?.body ?? wish.body ?? "";
  const shown = el("div", { class: "shown words", hidden: true, tabindex: -1 });
  const error = el("div", { class: "error", id: `${id}-e`, role: "alert" });
  const send = el("button", { class: "primary", type: "submit", text: wish.send });
  const preview = el("button", { type: "button", text: t("preview"), onclick: look });
  const form = el(
    "form", { class: "write", part: "write", onsubmit: submit, onkeydown: keys },
    el("label", { for: id, text: wish.label }), area, shown, error,
    el("div", { class: "foot" }, el("span", { text: t("markdown") }), preview,
      wish.cancel && el("button", { type: "button", text: t("cancel"), onclick: cancel }), send),
  );
  let timer = 0;
  area.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(keep, KEEP_AFTER_MS);
    check();
  });
  area.addEventListener("blur", keep);

  function keep() {
    clearTimeout(timer);
    if (area.value !== (wish.body ?? "")) kept.write(area.value);
  }

  function check() {
    const over = new TextEncoder().encode(area.value).length - BYTES_MAX;
    error.textContent = over > 0 ? t("too_long", { n: over }) : "";
    return over <= 0;
  }

  async function look() {
    if (!shown.hidden) return write();
    try {
      const { html } = await owner.api.preview(area.value);
      shown.replaceChildren(markup(html));
      [shown.hidden, area.hidden, preview.textContent] = [false, true, t("back")];
      shown.focus();
    } catch (problem) {
      error.textContent = t("failed", { why: problem.message });
    }
  }

  function write() {
    [shown.hidden, area.hidden, preview.textContent] = [true, false, t("preview")];
    area.focus();
  }

  async function submit(event) {
    event.preventDefault();
    if (!area.value.trim() || !check() || send.disabled) return;
    keep();
    send.disabled = true;
    error.textContent = "";
    try {
      await wish.submit(area.value, kept.key());
      kept.clear();
      area.value = "";
      if (!shown.hidden) write();
    } catch (problem) {
      error.textContent = t("failed", { why: problem.status ? problem.message : t("offline") });
      area.focus();
    } finally {
      send.disabled = false;
    }
  }

  function cancel() {
    kept.clear();
    wish.cancel();
  }

  function keys(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    else if (event.key === "Escape" && wish.cancel) wish.cancel();
  }

  return { form, focus: () => area.focus() };
}

/** What is typed under a name, with the key under which it will be sent; a device may keep nothing. */
function drafts(owner, name) {
  const place = `rostra:${owner.site}:${owner.resource}:${owner.person?.id ?? ""}:${name}`;
  let memory = null;
  const read = () => {
    try {
      return JSON.parse(localStorage.getItem(place) ?? "null") ?? memory;
    } catch {
      return memory;
    }
  };
  const write = (body) => {
    const before = read();
    // Other words are another comment, lest the first ones, once taken, stand for them.
    memory = before?.body === body ? before : { body, key: crypto.randomUUID() };
    try {
      localStorage.setItem(place, JSON.stringify(memory));
    } catch {
      // full, or forbidden: it is kept for as long as the page is open
    }
  };
  const clear = () => {
    memory = null;
    try {
      localStorage.removeItem(place);
    } catch {
      // nothing was kept
    }
  };
  return { read, write, clear, key: () => read()?.key ?? crypto.randomUUID() };
}
