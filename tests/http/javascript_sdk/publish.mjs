// The official SDK publishes an event in each mode, and reads it back from the feed.
// Standard input: {url, publish, feed}. Standard output: what it read, as JSON.

import { readFileSync } from "node:fs";
import { CloudEvent, HTTP } from "cloudevents";

const { url, publish, feed } = JSON.parse(readFileSync(0, "utf8"));
const place = { site: "gazette", resource: "/trams" };

/** @param {string} key */
function comment(key) {
  return new CloudEvent({
    id: key,
    source: "urn:sdk",
    type: "comment.posted",
    time: "2026-10-01T12:00:00.000Z",
    datacontenttype: "application/json",
    data: { ...place, comment: key, author: { id: "zoe", name: "Zoë" }, body: "Ça va? 你好" },
  });
}

/** @param {import("cloudevents").Message} message */
async function send({ headers, body }) {
  const answer = await fetch(`${url}/v1/events`, {
    method: "POST",
    headers: { ...headers, authorization: `Bearer ${publish}` },
    body,
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}

const results = [await send(HTTP.binary(comment("binary"))), await send(HTTP.structured(comment("structured")))];
const batch = [comment("one"), comment("two")].map((event) => event.toJSON());
const answer = await send({
  headers: { "content-type": "application/cloudevents-batch+json" },
  body: JSON.stringify(batch),
});
results.push(...answer.results);

const read = await fetch(`${url}/v1/events?after=1&limit=10`, { headers: { authorization: `Bearer ${feed}` } });
const page = await read.json();
const events = page.map((/** @type {unknown} */ event) =>
  HTTP.toEvent({ headers: { "content-type": "application/cloudevents+json" }, body: JSON.stringify(event) }),
);
const again = [];
for (const event of events) again.push(await send(HTTP.structured(event)));
process.stdout.write(JSON.stringify({ results, events, again }));
