// Reads the shared vectors from standard input; writes what comes out otherwise, as JSON lines.

import { readFileSync } from "node:fs";

const [folder] = process.argv.slice(2);
const { anchor, describe } = await import(`${folder}/anchoring.js`);
const { Folded } = await import(`${folder}/folding.js`);

const vectors = JSON.parse(readFileSync(0, "utf-8"));
const wrong = (part, name, expected, found) => console.log(JSON.stringify({ part, name, expected, found }));

for (const { text, folded } of vectors.fold) {
  const found = new Folded(text).text;
  if (found !== folded) wrong("fold", text, folded, found);
}
for (const { text, start, end, ...expected } of vectors.describe) {
  const found = describe([...text], start, end);
  for (const name of ["exact", "prefix", "suffix"]) {
    if (found[name] !== expected[name]) wrong("describe", text.slice(0, 40), expected, found);
  }
}
for (const { name, text, passages } of vectors.anchor) {
  const points = [...text];
  for (const { exact, prefix, suffix, last, expected } of passages) {
    const found = anchor(points, { exact, prefix, suffix }, last ?? undefined);
    const same =
      expected.state === "orphaned"
        ? found === null
        : found &&
          found.start === expected.start &&
          found.end === expected.end &&
          Math.abs(found.score - expected.score) < 1e-6;
    if (!same) wrong("anchor", name, { exact, ...expected }, found);
  }
}
console.log("done");
