// Types of the elements for pages that use them. `custom-elements.json` describes each member.

export type GetToken = () => string | null | undefined | Promise<string | null | undefined>;

/** Custom texts, by the names in `languages/en.json`; plural forms as in `Intl.PluralRules`. */
export type Strings = Record<string, string | ({ other: string } & Partial<Record<Intl.LDMLPluralRule, string>>)>;

export class RostraDiscussion extends HTMLElement {
  site: string | null;
  resource: string | null;
  base: string | null;
  token: string | null;
  orders: string | null;
  order: string | null;
  for: string | null;
  guests: string | null;
  theme: string | null;
  getToken: GetToken | null;
  strings: Partial<Strings> | null;
  addEventListener<K extends keyof RostraEvents>(
    type: K,
    listener: (this: RostraDiscussion, event: RostraEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** Element that `/embed/count.js` defines. */
export class RostraCount extends HTMLElement {
  site: string | null;
  resource: string | null;
  base: string | null;
  strings: Partial<Strings> | null;
}

export interface RostraEvents extends HTMLElementEventMap {
  /** Event with the position that is shown as its `detail`. */
  "rostra-position": CustomEvent<number>;
  "rostra-token-refused": CustomEvent<null>;
}

declare global {
  interface HTMLElementTagNameMap {
    "rostra-discussion": RostraDiscussion;
    "rostra-count": RostraCount;
  }
}
