// What the pages with a framework let their readers choose, and how the address tells them to do it:
// `?by=attribute` sets attributes, else the framework does as it does; `?late` loads the reader later.

export const ARTICLES = { River: "/a-river-comes-back", Herons: "/herons", Parking: "/parking" };

const asked = new URLSearchParams(location.search);

export const token = asked.get("token");
export const byAttribute = asked.get("by") === "attribute";

/** Load the reader; where that is late, once the framework has drawn its page. */
export function loadReader() {
  return import("/comments/embed/rostra.js");
}

if (!asked.has("late")) await loadReader();
