// What the elements have in common: attributes with properties that reflect them.

/**
 * Give a class a property for each attribute.
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
 * Take up properties that the page set before the script was there.
 * @param {HTMLElement} element
 * @param {string[]} names
 */
export function takeUp(element, names) {
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

/** Register the page's own font size, in which the style sheet measures wherever it is used. */
export function registerUnit() {
  try {
    CSS.registerProperty({ name: "--rostra-em", syntax: "<length>", inherits: true, initialValue: "16px" });
  } catch {
    // It is registered already.
  }
}
