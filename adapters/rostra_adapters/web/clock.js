// The service's clock, since a device's may be hours away from it.

const SECOND_MS = 1000;

export class Clock {
  /** @type {number | null} difference to the device's monotonic clock, null before the first answer */
  #offset = null;

  /** Take the time from an answer's `Date`. @param {Headers} headers */
  read(headers) {
    const date = Date.parse(headers.get("Date") ?? "");
    if (Number.isNaN(date)) return;
    const age = Number(headers.get("Age")) || 0; // how long a cache has had the answer
    const offset = date + age * SECOND_MS - performance.now();
    // Answers from the browser's own cache have an old date: the latest time is the right one.
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
