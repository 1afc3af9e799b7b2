// Visibility of elements. A discussion is loaded when a reader may soon see it.

const MARGIN = "800px 0px";

/**
 * Wait until one of the elements is drawn near the viewport. A hidden page draws no element.
 * @param {Element[]} elements
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function near(elements, signal) {
  return new Promise((done) => {
    const found = new AbortController();
    watchVisibility(elements, MARGIN, AbortSignal.any([signal, found.signal]), (isNear) => {
      if (isNear) [found.abort(), done()];
    });
  });
}

/**
 * Report at each change whether one of the elements is within `rootMargin` of the viewport.
 * @param {Element[]} elements
 * @param {string} rootMargin
 * @param {AbortSignal} signal
 * @param {(now: boolean) => void} report
 */
export function watchVisibility(elements, rootMargin, signal, report) {
  const seen = new Set();
  const watch = new IntersectionObserver(
    (changes) => {
      for (const { target, isIntersecting } of changes) isIntersecting ? seen.add(target) : seen.delete(target);
      report(seen.size > 0);
    },
    { rootMargin },
  );
  for (const one of elements) watch.observe(one);
  signal.addEventListener("abort", () => watch.disconnect());
}
