// Reads the shared vectors from standard input; writes what comes out otherwise, as JSON lines.

import { readFileSync } from "node:fs";

const [folder] = process.argv.slice(2);
const { normaliseUrl } = await import(`${folder}/urls.js`);

for (const [given, expected] of JSON.parse(readFileSync(0, "utf-8"))) {
  for (const one of [given, expected]) {
    const found = normaliseUrl(one);
    if (found !== expected) console.log(JSON.stringify({ given: one, expected, found }));
  }
}
console.log("done");
