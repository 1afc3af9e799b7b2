import { createElement, createRoot, useEffect, useRef, useState } from "/vendor/react.js";

import { ARTICLES, byAttribute, loadReader, token } from "./choices.js";

/** Draw the discussion. React sets a property if the element already has it, else an attribute. */
function Discussion(given) {
  const element = useRef(null);
  useEffect(() => {
    if (!byAttribute) return;
    for (const [name, value] of Object.entries(given)) if (value) element.current.setAttribute(name, value);
  });
  return createElement("rostra-discussion", { ref: element, ...(!byAttribute && given) });
}

function App() {
  const [resource, setResource] = useState(ARTICLES.River);
  const [isShown, setShown] = useState(true);
  useEffect(() => void loadReader(), []);
  const button = (name, onClick) => createElement("button", { key: name, type: "button", onClick }, name);
  return [
    createElement("h1", { key: "title" }, "With React"),
    createElement("nav", { key: "nav", "aria-label": "Articles" }, [
      ...Object.entries(ARTICLES).map(([name, one]) => button(name, () => setResource(one))),
      button("Show or hide", () => setShown(!isShown)),
    ]),
    isShown && createElement(Discussion, { key: "discussion", site: "demo", resource, token }),
  ];
}

createRoot(document.querySelector("#app")).render(createElement(App));
