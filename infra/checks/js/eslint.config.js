import js from "@eslint/js";
import globals from "globals";

const ignored = "^_";

export default [
  js.configs.recommended,
  {
    files: ["**/*.js", "**/*.mjs"],
    languageOptions: { ecmaVersion: "latest", sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      eqeqeq: "error",
      "no-implicit-coercion": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-self-compare": "error",
      "no-shadow": ["error", { builtinGlobals: false }],
      "no-unused-vars": ["error", { argsIgnorePattern: ignored, varsIgnorePattern: ignored, caughtErrors: "all" }],
      "no-useless-rename": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["adapters/**"],
    languageOptions: { globals: globals.browser },
    rules: {
      // A page's Trusted Types and CSP apply to the reader, so it makes no markup or code of text.
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({
          property,
          message: "build nodes with markup() or el()",
        })),
      ],
    },
  },
  { files: ["tests/**", "infra/checks/**"], languageOptions: { globals: globals.node } },
  { files: ["infra/demo/**"], languageOptions: { globals: globals.browser } },
];
