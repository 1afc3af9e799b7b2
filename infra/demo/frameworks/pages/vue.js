import { createApp, h, nextTick, ref } from "/vendor/vue.js";

import { ARTICLES, byAttribute, loadReader, token } from "./choices.js";

const resource = ref(ARTICLES.River);
const isShown = ref(true);

/** Draw the discussion. Vue sets a property if the element has it, and an attribute after `^`. */
function discussion() {
  const given = { site: "demo", resource: resource.value, token };
  const names = Object.entries(given).map(([name, value]) => [byAttribute ? `^${name}` : name, value]);
  return h("rostra-discussion", Object.fromEntries(names));
}

const app = createApp(() => [
  h("h1", "With Vue"),
  h("nav", { "aria-label": "Articles" }, [
    ...Object.entries(ARTICLES).map(([name, one]) =>
      h("button", { type: "button", onClick: () => (resource.value = one) }, name),
    ),
    h("button", { type: "button", onClick: () => (isShown.value = !isShown.value) }, "Show or hide"),
  ]),
  isShown.value ? discussion() : null,
]);
app.mount("#app");
await nextTick();
await loadReader();
