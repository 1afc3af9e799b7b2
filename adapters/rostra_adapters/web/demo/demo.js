// The page around the demo's discussion: two people to act as, and a language.
import "/embed/rostra.js";

const discussion = document.querySelector("rostra-discussion");
const address = new URL(location.href);
let person = address.searchParams.get("as") ?? sessionStorage.getItem("person") ?? "";

async function token() {
  if (!person) return null;
  const people = await (await fetch("/demo/people.json", { cache: "no-store" })).json();
  return people[person] ?? null;
}

async function act() {
  for (const button of document.querySelectorAll("[data-person]")) {
    button.setAttribute("aria-pressed", String(button.dataset.person === person));
  }
  const given = await token();
  if (given) discussion.setAttribute("token", given);
  else discussion.removeAttribute("token");
}

function speak(language) {
  discussion.setAttribute("lang", language);
  for (const button of document.querySelectorAll("[data-lang]")) {
    button.setAttribute("aria-pressed", String(button.dataset.lang === language));
  }
}

document.querySelector(".bar").addEventListener("click", (event) => {
  const { person: chosen, lang } = event.target.dataset ?? {};
  if (lang) speak(lang);
  if (chosen === undefined) return;
  person = chosen;
  sessionStorage.setItem("person", person);
  act();
});
document.documentElement.dir = address.searchParams.get("dir") ?? "";
speak(address.searchParams.get("lang") ?? "en");
await act();
