// Script of the page `/moderate`. The query's `lang` and `site` set the language and the site. The
// default language is the browser's.

const LANGUAGES = ["en", "ar", "de", "es", "fr", "it", "ja", "nl", "pl", "pt", "ru", "zh"];

const desk = /** @type {HTMLElement} */ (document.querySelector("rostra-moderation"));
const wanted = navigator.languages.find((tag) => LANGUAGES.includes(tag.toLowerCase().split("-")[0]));
document.documentElement.lang = new URL(location.href).searchParams.get("lang") ?? wanted ?? "en";
const site = new URL(location.href).searchParams.get("site");
if (site) desk.setAttribute("site", site);
import("./moderate.js");
