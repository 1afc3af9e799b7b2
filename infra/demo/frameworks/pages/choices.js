// Articles and options of the pages with a framework. `?by=attribute` sets attributes; by default
// the framework chooses between attributes and properties. `?late` loads the reader later.

export const ARTICLES = { River: "/a-river-comes-back", Herons: "/herons", Parking: "/parking" };

const asked = new URLSearchParams(location.search);

export const token = asked.get("token");
export const byAttribute = asked.get("by") === "attribute";

/** Load the reader. With `?late`, only the framework calls this, after it has drawn its page. */
export function loadReader() {
  return import("/comments/embed/rostra.js");
}

if (!asked.has("late")) await loadReader();
