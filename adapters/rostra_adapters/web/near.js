// What comes near: a discussion is loaded when a reader may soon see it.

const MARGIN = "800px 0px";

/**
 * Wait until one of the elements is drawn near the viewport. On a hidden page none is.
 * @param {Element[]} elements
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function near(elements, signal) {
  return new Promise((done) => {
    const found = new AbortController();
    watched(elements, MARGIN, AbortSignal.any([signal, found.signal]), (isNear) => {
      if (isNear) [found.abort(), done()];
    });
  });
}

/**
 * Tell whether one of the elements is in sight, or within a margin of that, whenever it changes.
 * @param {Element[]} elements
 * @param {string} rootMargin
 * @param {AbortSignal} signal
 * @param {(now: boolean) => void} tell
 */
export function watched(elements, rootMargin, signal, tell) {
  const seen = new Set();
  const watch = new IntersectionObserver(
    (changes) => {
      for (const { target, isIntersecting } of changes) isIntersecting ? seen.add(target) : seen.delete(target);
      tell(seen.size > 0);
    },
    { rootMargin },
  );
  for (const one of elements) watch.observe(one);
  signal.addEventListener("abort", () => watch.disconnect());
}
