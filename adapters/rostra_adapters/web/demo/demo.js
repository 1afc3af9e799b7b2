// Script of the demo page: a choice of two persons and of a language, and the list of mails.
import "../embed/rostra.js";

const discussion = /** @type {HTMLElement} */ (document.querySelector("rostra-discussion"));
const bar = /** @type {HTMLElement} */ (document.querySelector(".bar"));
const address = new URL(location.href);
let person = address.searchParams.get("as") ?? sessionStorage.getItem("person") ?? "";

async function token() {
  if (!person) return null;
  const people = await (await fetch("demo/people.json", { cache: "no-store" })).json();
  return people[person] ?? null;
}

/**
 * @param {"person" | "lang"} kind
 * @param {string} value
 */
function press(kind, value) {
  /** @type {NodeListOf<HTMLElement>} */
  const buttons = document.querySelectorAll(`[data-${kind}]`);
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset[kind] === value));
}

async function act() {
  press("person", person);
  const given = await token();
  if (given) discussion.setAttribute("token", given);
  else discussion.removeAttribute("token");
}

/** @param {string} language */
function speak(language) {
  discussion.setAttribute("lang", language);
  press("lang", language);
}

bar.addEventListener("click", (event) => {
  const { person: chosen, lang } = event.target instanceof HTMLElement ? event.target.dataset : {};
  if (lang) speak(lang);
  if (chosen === undefined) return;
  person = chosen;
  sessionStorage.setItem("person", person);
  act();
});
const desk = /** @type {HTMLAnchorElement} */ (document.querySelector("#desk"));
desk.addEventListener("click", async (event) => {
  event.preventDefault();
  const given = await (await fetch("demo/moderator.json", { cache: "no-store" })).json();
  sessionStorage.setItem("rostra:moderate", given.token);
  location.assign(desk.href);
});
document.documentElement.dir = address.searchParams.get("dir") ?? "";
speak(address.searchParams.get("lang") ?? "en");
await act();

const MAILS_SECONDS = 3;
const section = /** @type {HTMLElement} */ (document.querySelector(".mails"));
const list = /** @type {HTMLElement} */ (section.querySelector("ol"));
let listed = "";

/** Show the demo's mails. Return whether this demo has a list of mails. */
async function showMails() {
  const answer = await fetch("demo/mails.json", { cache: "no-store" });
  if (!answer.ok && answer.status !== 404) throw new Error(`status ${answer.status}`);
  const text = answer.ok ? await answer.text() : "null";
  const mails = JSON.parse(text);
  section.hidden = !mails;
  if (mails && text !== listed) list.replaceChildren(...mails.map(mailItem));
  listed = text;
  return Boolean(mails);
}

/** @param {{to: string, subject: string, text: string}} mail */
function mailItem({ to, subject, text }) {
  const item = document.createElement("li");
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  const body = document.createElement("pre");
  summary.textContent = `${to}: ${subject}`;
  for (const part of text.split(/(https?:\/\/\S+)/)) {
    if (!/^https?:/.test(part)) {
      body.append(part);
      continue;
    }
    const link = document.createElement("a");
    link.href = link.textContent = part;
    body.append(link);
  }
  details.append(summary, body);
  item.append(details);
  return item;
}

async function watchMails() {
  try {
    if (!document.hidden && !(await showMails())) return;
  } catch {
    // The service is not reachable; the next call retries.
  }
  setTimeout(watchMails, MAILS_SECONDS * 1000);
}
await watchMails();
