// Form to write in. This device stores the draft until the service has accepted it.

import { el, markup } from "./markup.js";
import { draftKeyOf } from "./session.js";
import { onStorageChange, placesOf, randomId, store, readStored } from "./storage.js";

const MENTIONS_MAX = 20;
const DRAFTS = "rostra:draft:";
const DRAFT_DAYS_MAX = 30;
const DAY_MS = 86_400_000;

/** @typedef {Record<string, string>} Picked ids of mentioned persons, by their names in the text */
/**
 * Stored draft. `at` is the device's time of its last change, in milliseconds since 1970.
 * @typedef {{body: string, key: string, at: number, picked?: Picked}} Draft
 */
/** @typedef {import("./contract.js").Done} Done */

/**
 * @typedef {object} Wish
 * @property {string} label
 * @property {string} draft name under which the draft is stored
 * @property {string} send label of the submit button
 * @property {string | null} [body] initial text
 * @property {number} [charactersMax] limit of a plain text, which has no preview
 * @property {(body: string, key: string, mentions?: string[]) => Promise<Done>} submit
 *   `key` is the same for each retry of a text
 * @property {boolean} [mayMention] enables the completion of names after an `@`
 * @property {(done: Done) => Promise<unknown> | void} onAccept shows the accepted text
 * @property {() => void} [cancel]
 */

/**
 * @param {import("./reader.js").Reader} owner
 * @param {Wish} wish
 */
export function composer(owner, wish) {
  const { t } = owner;
  const draft = drafts(owner, wish.draft);
  const id = `w${randomId()}`;
  const area = el("textarea", {
    id,
    rows: 2,
    maxlength: wish.charactersMax,
    "aria-describedby": `${id}-e`,
    dir: "auto",
  });
  area.value = draft.read()?.body ?? wish.body ?? "";
  const shown = el("div", { class: "shown words", hidden: true, tabindex: -1, dir: "auto" });
  const error = el("div", { class: "error", id: `${id}-e`, role: "alert" });
  const send = el("button", { class: "primary", type: "submit", text: wish.send });
  const preview = el("button", { type: "button", text: t("preview"), onclick: togglePreview });
  const previewed = !wish.charactersMax;
  const label = el("label", { for: id, text: wish.label });
  const form = el(
    "form",
    { class: "write", part: "write", onsubmit: submit, onkeydown: onKeydown },
    label,
    area,
    shown,
    error,
    el(
      "div",
      { class: "foot" },
      previewed && el("span", { text: t("markdown") }),
      previewed && preview,
      wish.cancel && el("button", { type: "button", text: t("cancel"), onclick: cancel }),
      send,
    ),
  );
  /** @type {Picked} */
  const picked = draft.read()?.picked ?? {};
  let completes = false;
  area.addEventListener("input", () => {
    saveDraft();
    check();
    if (!completes && wish.mayMention && area.value.includes("@")) complete();
  });

  async function complete() {
    completes = true;
    try {
      const { completion } = await import("./mention.js");
      completion(owner, area, (text, person) => {
        picked[text] = person;
        saveDraft();
      });
    } catch {
      completes = false; // the next input tries again
    }
  }

  /** @param {string} body */
  function mentions(body) {
    const found = Object.keys(picked).filter((text) => body.includes(text));
    return found.length ? [...new Set(found.map((text) => picked[text]))].slice(0, MENTIONS_MAX) : undefined;
  }

  function saveDraft() {
    if (area.value === (wish.body ?? "")) draft.clear();
    else draft.write(area.value, picked);
  }

  // Another form with the same draft may be the one that sends it.
  const open = new AbortController();
  draft.onChange((former) => {
    if (!form.isConnected) return open.abort();
    if (draft.read() || wish.body !== undefined || area.value !== former?.body) return;
    if (form.hasAttribute("aria-busy")) return; // the text may yet fail to be sent
    area.value = "";
    if (!shown.hidden) showArea();
  }, open.signal);

  function showArea() {
    [shown.hidden, area.hidden, preview.textContent] = [true, false, t("preview")];
  }

  function check() {
    const over = new TextEncoder().encode(area.value).length - owner.rules.body_bytes_max;
    error.textContent = over > 0 ? t("too_long", { n: over }) : "";
    return over <= 0;
  }

  async function togglePreview() {
    if (!shown.hidden) return hidePreview();
    if (!area.value.trim()) return area.focus();
    try {
      const { html } = await owner.api.preview(area.value, owner.discussionId);
      shown.replaceChildren(markup(html, area.value));
      [shown.hidden, area.hidden, preview.textContent] = [false, true, t("back")];
      shown.focus();
    } catch (problem) {
      error.textContent = owner.why("failed", problem);
    }
  }

  function hidePreview() {
    showArea();
    area.focus();
  }

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    if (form.hasAttribute("aria-busy") || !check()) return;
    if (!area.value.trim()) return area.focus();
    draft.write(area.value, picked);
    form.setAttribute("aria-busy", "true");
    error.textContent = "";
    const sent = deliver(area.value);
    /** @type {Promise<void>} */
    const settled = sent.then(() => {
      if (owner.sending === settled) owner.sending = null;
    });
    owner.sending = settled;
    await sent;
  }

  /** @param {string} body */
  async function deliver(body) {
    try {
      const done = await wish.submit(body, draft.key(), mentions(body));
      // Text that was typed meanwhile, here or in another form, is not cleared; it has a draft of its own.
      if (draft.read()?.body === body) draft.clear();
      if (area.value === body) area.value = "";
      if (!shown.hidden) showArea();
      // The service has accepted the text, also if showing it fails.
      await Promise.resolve(wish.onAccept(done)).catch(() => owner.main.markStale());
    } catch (problem) {
      error.textContent = owner.why("not_sent", problem);
      (area.hidden ? send : area).focus();
    } finally {
      form.removeAttribute("aria-busy");
    }
  }

  function cancel() {
    draft.clear();
    wish.cancel?.();
  }

  /** @param {KeyboardEvent} event */
  function onKeydown(event) {
    if (event.isComposing) return; // the key belongs to an input method, not to the form
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    else if (event.key === "Escape" && wish.cancel) {
      event.stopPropagation();
      wish.cancel(); // the draft stays stored
    }
  }

  return { form, focus: () => area.focus(), label: (/** @type {string} */ text) => (label.textContent = text) };
}

/**
 * Return functions for a form's stored draft: its text, and the idempotency key of its submission.
 * @param {import("./reader.js").Reader} owner
 * @param {string} name
 */
function drafts(owner, name) {
  const place = DRAFTS + JSON.stringify([owner.site, owner.resource, draftKeyOf(owner.person), name]);
  const read = () => parseDraft(readStored(place));
  /** @param {string} body @param {Picked} picked */
  const write = (body, picked) => {
    const before = read();
    // A changed text needs a new key: for the old key, the service would return the old comment.
    const key = before?.body === body ? before.key : randomId();
    store(place, JSON.stringify({ body, key, at: Date.now(), picked }));
  };
  /** @param {(former: Draft | null) => void} listener @param {AbortSignal} signal */
  const onChange = (listener, signal) => onStorageChange(place, (value) => listener(parseDraft(value)), signal);
  return { read, write, clear: () => store(place, null), key: () => read()?.key ?? "", onChange };
}

/** @param {string | null} value @returns {Draft | null} */
function parseDraft(value) {
  try {
    return JSON.parse(value ?? "null");
  } catch {
    return null;
  }
}

/** Delete drafts without a change for `DRAFT_DAYS_MAX` days. */
export function forgetOldDrafts() {
  const oldest = Date.now() - DRAFT_DAYS_MAX * DAY_MS;
  for (const place of placesOf(DRAFTS)) if (!((parseDraft(readStored(place))?.at ?? 0) >= oldest)) store(place, null);
}
