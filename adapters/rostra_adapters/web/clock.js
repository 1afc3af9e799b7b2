// Clock of the service, since a device's clock may be hours off.

const SECOND_MS = 1000;

export class Clock {
  /** @type {number | null} milliseconds to add to `performance.now()`; null if unknown */
  #offset = null;

  /** Set the clock by an answer's `Date`. @param {Headers} headers */
  read(headers) {
    const date = Date.parse(headers.get("Date") ?? "");
    if (Number.isNaN(date)) return;
    const age = Number(headers.get("Age")) || 0; // seconds that the answer spent in a cache
    const offset = date + age * SECOND_MS - performance.now();
    // Answers from the browser's own cache have an old date, so the latest time is the right one.
    if (this.#offset === null || offset > this.#offset) this.#offset = offset;
  }

  get isKnown() {
    return this.#offset !== null;
  }

  /** Return milliseconds since 1970; by the device's clock until the service has answered. */
  now() {
    return this.#offset === null ? Date.now() : performance.now() + this.#offset;
  }
}
