// The page `/moderate`: its language is the browser's, its site that of the address.

const LANGUAGES = ["en", "ar", "de", "es", "fr", "it", "ja", "nl", "pl", "pt", "ru", "zh"];

const desk = /** @type {HTMLElement} */ (document.querySelector("rostra-moderation"));
const wanted = navigator.languages.find((tag) => LANGUAGES.includes(tag.toLowerCase().split("-")[0]));
document.documentElement.lang = new URL(location.href).searchParams.get("lang") ?? wanted ?? "en";
const site = new URL(location.href).searchParams.get("site");
if (site) desk.setAttribute("site", site);
import("./moderate.js");
