// Storage on this device. If the browser forbids storage or has no space, values last only as long
// as the page.

/** @type {Map<string, string>} */
const memory = new Map();
const changes = new EventTarget();

/** @param {string} place */
export function readStored(place) {
  const here = memory.get(place);
  if (here !== undefined) return here;
  try {
    return localStorage.getItem(place);
  } catch {
    return null;
  }
}

/** @param {string} place @param {string | null} value null removes the stored value */
export function store(place, value) {
  const detail = readStored(place);
  memory.delete(place);
  try {
    if (value === null) localStorage.removeItem(place);
    else localStorage.setItem(place, value);
  } catch {
    if (value !== null) memory.set(place, value);
  }
  changes.dispatchEvent(new CustomEvent(place, { detail }));
}

/**
 * Call `listener` with the former value when a value changes, in this tab or another.
 * @param {string} place
 * @param {(former: string | null) => void} listener
 * @param {AbortSignal} signal
 */
export function onStorageChange(place, listener, signal) {
  changes.addEventListener(place, (event) => listener(/** @type {CustomEvent} */ (event).detail), { signal });
  window.addEventListener("storage", (event) => event.key === place && listener(event.oldValue), { signal });
}

/** List the storage keys that begin with `prefix`. @param {string} prefix */
export function placesOf(prefix) {
  const places = [...memory.keys()];
  try {
    places.push(...Object.keys(localStorage));
  } catch {
    // Without storage, only `memory` has values.
  }
  return places.filter((place) => place.startsWith(prefix));
}

/** Return a random UUID. `crypto.randomUUID` exists only in secure contexts (HTTPS). */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
