// Functions that all custom elements share, such as properties that reflect attributes.

/**
 * Define properties of a class that reflect its attributes.
 * @param {CustomElementConstructor} element
 * @param {string[]} names
 */
export function reflect(element, names) {
  for (const name of names) {
    Object.defineProperty(element.prototype, name, {
      configurable: true,
      enumerable: true,
      get() {
        return this.getAttribute(name);
      },
      set(value) {
        if (value === null || value === undefined) this.removeAttribute(name);
        else this.setAttribute(name, String(value));
      },
    });
  }
}

/**
 * Apply properties that the page set before the script defined the element.
 * @param {HTMLElement} element
 * @param {string[]} names
 */
export function upgradeProperties(element, names) {
  const own = /** @type {Record<string, any>} */ (/** @type {unknown} */ (element));
  for (const name of names) {
    if (!Object.hasOwn(own, name)) continue;
    const given = own[name];
    delete own[name];
    own[name] = given;
  }
}

/** @param {string} name @param {CustomElementConstructor} element */
export function define(name, element) {
  if (!customElements.get(name)) customElements.define(name, element);
}

/** Register `--rostra-em` as a length, so that it means the page's font size everywhere. */
export function registerUnit() {
  try {
    CSS.registerProperty({ name: "--rostra-em", syntax: "<length>", inherits: true, initialValue: "16px" });
  } catch {
    // It is registered already.
  }
}
