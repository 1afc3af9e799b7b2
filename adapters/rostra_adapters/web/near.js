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
    const watch = new IntersectionObserver(
      (seen) => {
        if (!seen.some((one) => one.isIntersecting)) return;
        watch.disconnect();
        done();
      },
      { rootMargin: MARGIN },
    );
    for (const one of elements) watch.observe(one);
    signal.addEventListener("abort", () => watch.disconnect());
  });
}
