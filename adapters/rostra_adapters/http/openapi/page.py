"""`/docs`: the HTTP interface by topic, with an example of each request. It loads nothing."""

import json
from collections.abc import Iterator
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import msgspec

from rostra.commands import COMMANDS
from rostra_adapters.http.middleware.security_headers import policy
from rostra_adapters.http.openapi.event_reference import EVENTS, FIELDS, example, names_by_thing
from rostra_adapters.http.openapi.schema_text import (
    Markup,
    Schema,
    default_text,
    fields_of,
    type_text,
)

STYLE = """
:root{color-scheme:light dark;--line:#8885;--soft:#8881;--link:#0a58ca}
@media(prefers-color-scheme:dark){:root{--link:#7db2ff}}
*{box-sizing:border-box}html{scroll-padding-top:1rem}
body{font:1rem/1.55 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1rem}
a{color:var(--link)}code,pre{font:.875rem/1.45 ui-monospace,monospace}
pre{overflow:auto;background:var(--soft);padding:.6rem .8rem;border-radius:6px;margin:.4rem 0 1rem}
h2{margin:2.5rem 0 .6rem;padding-top:.6rem;border-top:1px solid var(--line)}
h3{margin:1.2rem 0 .2rem;font-size:1.05rem}h4{margin:.9rem 0 .2rem;font-size:.95rem}
table{border-collapse:collapse;width:100%}.wide{overflow-x:auto}
td,th{text-align:left;padding:.25rem 1rem .25rem 0;vertical-align:top;
border-bottom:1px solid var(--line)}
summary{cursor:pointer;padding:.35rem 0}details>:not(summary){margin-inline-start:1.1rem}
nav ul{columns:3 14rem;padding-inline-start:1.1rem}
.method{display:inline-block;min-width:4.2rem;font-weight:600;font-size:.85rem}
.needed::after{content:" *";color:#c33}.quiet{opacity:.75}
"""
POLICY = policy(STYLE)
MARKUP = Markup(
    code=lambda text: f"<code>{escape(text)}</code>",
    link=lambda name: f'<a href="#type-{escape(name)}">{escape(name)}</a>',
)


class Topic(msgspec.Struct, frozen=True):
    """Introduction to operations that belong together, and their names."""

    introduction: str
    operations: tuple[str, ...]


TOPICS: dict[str, Topic] = {
    "Publish and follow": Topic(
        "A service publishes events with a token of the scope `publish`, and reads them back, in "
        "the order of the log, with one of the scope `feed`. Publishing an event again changes "
        "nothing: it is answered `duplicate`.",
        ("post /v1/events", "get /v1/events"),
    ),
    "Read discussions": Topic(
        "Reading needs no token unless the site is private. `min_position` takes the position "
        "that a write answered, and waits until it shows. Lists go on with `cursor`.",
        (
            "get /v1/comments",
            "get /v1/discussions",
            "get /v1/discussions/{id}",
            "get /v1/discussions/{id}/comments",
            "get /v1/comments/{id}",
            "get /v1/comments/{id}/replies",
            "get /v1/comments/{id}/history",
            "get /v1/sites/{site}/discussions",
            "get /v1/sites/{site}/comments",
            "get /v1/counts",
            "post /v1/counts",
            "get /v1/rules",
        ),
    ),
    "Passages": Topic(
        "Passages are marked stretches of an article. They move with their words from one "
        "revision to the next.",
        (
            "get /v1/discussions/{id}/passages",
            "post /v1/discussions/{id}/passages",
            "post /v1/passages/{id}/moderation",
        ),
    ),
    "Take part": Topic(
        "A browser acts for a person, with a token of the scope `comment` for one site.",
        (
            "post /v1/guests",
            "put /v1/discussions",
            "post /v1/discussions/{id}/comments",
            "post /v1/preview",
            "patch /v1/comments/{id}",
            "delete /v1/comments/{id}",
            "put /v1/comments/{id}/vote",
            "post /v1/comments/{id}/flag",
        ),
    ),
    "People": Topic(
        "A person's own settings and subscriptions, with a token of the scope `comment` for one "
        "site.",
        (
            "get /v1/me",
            "patch /v1/me",
            "get /v1/discussions/{id}/subscription",
            "put /v1/discussions/{id}/subscription",
            "delete /v1/discussions/{id}/subscription",
            "post /v1/discussions/{id}/subscriptions",
            "put /v1/discussions/{id}/read",
            "get /v1/discussions/{id}/news",
            "get /v1/discussions/{id}/participants",
            "get /v1/me/inbox",
            "post /v1/me/inbox/read",
            "get /mail/{link}",
            "post /mail/{link}",
        ),
    ),
    "Moderate": Topic(
        "Moderators use tokens of the scope `moderate`.",
        (
            "get /v1/moderation",
            "get /v1/moderation/search",
            "post /v1/moderation/acts",
            "post /v1/comments/{id}/moderation",
            "get /v1/persons/{person}",
            "get /v1/persons/{person}/comments",
            "post /v1/persons/{person}/moderation",
            "get /v1/sites/{site}/moderation-log",
            "get /v1/discussions/{id}/moderation-log",
        ),
    ),
    "Live updates, pages and feeds": Topic(
        "Streams of server-sent events, and a discussion for readers without script.",
        (
            "get /v1/discussions/{id}/live",
            "get /v1/live",
            "get /v1/discussions/{id}/page",
            "get /v1/discussions/{id}/feed.atom",
        ),
    ),
    "Operate": Topic(
        "For load balancers, Prometheus and operators.",
        ("get /healthz", "get /readyz", "get /metrics", "get /status"),
    ),
    "Documents": Topic(
        "Pages of this service about itself.",
        (
            "get /",
            "get /docs",
            "get /openapi.json",
            "get /problems",
            "get /problems/{name}",
        ),
    ),
}
OTHERS = "Others"


@cache
def recorded_examples() -> dict[str, Schema]:
    """Return a request and its answer by operation: "get /v1/comments"."""
    text = files(__package__).joinpath("examples.json").read_text("utf-8")
    found: dict[str, Schema] = json.loads(text)
    return found


def page(document: Schema) -> str:
    """Return the page of an OpenAPI document."""
    return "\n".join(_page(document))


def topics(paths: Schema) -> Iterator[tuple[str, str, list[str]]]:
    """Yield title, introduction and operations of each topic, of those that there are."""
    there = [f"{method} {path}" for path, methods in paths.items() for method in methods]
    for title, topic in TOPICS.items():
        if found := [name for name in topic.operations if name in there]:
            yield title, topic.introduction, found
    known = {name for topic in TOPICS.values() for name in topic.operations}
    if others := [name for name in there if name not in known]:
        yield OTHERS, "", others


def _page(document: Schema) -> Iterator[str]:
    schemas, paths = document["components"]["schemas"], document["paths"]
    yield '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield f"<title>Rostra: the HTTP interface</title>\n<style>{STYLE}</style>"
    yield from _head(paths)
    yield from _events(schemas)
    for title, introduction, names in topics(paths):
        yield f'<h2 id="{_slug(title)}">{title}</h2>\n<p>{_marked(introduction)}</p>'
        for name in names:
            method, _, path = name.partition(" ")
            yield from _operation(method, path, paths[path][method])
    yield '<h2 id="types">Types</h2>'
    for name, schema in sorted(schemas.items()):
        yield from _type(name, schema, schemas)
    yield "</html>\n"


def _head(paths: Schema) -> Iterator[str]:
    yield "<h1>Rostra: the HTTP interface</h1>"
    yield (
        '<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1). '
        'Errors: <a href="problems">problems</a>, sent as '
        "<code>application/problem+json</code>.</p>"
    )
    yield "<nav><ul>"
    for title in ("Event types", *(title for title, _, _ in topics(paths)), "Types"):
        yield f'<li><a href="#{_slug(title)}">{title}</a></li>'
    yield "</ul></nav>"
    yield (
        "<p>The examples use two variables of a shell: <code>$URL</code>, where this service is, "
        "and <code>$TOKEN</code>, which <code>rostra token --scope …</code> prints. "
        "Fields marked <span class=needed></span> are required.</p>"
    )


# -- events


def _events(schemas: Schema) -> Iterator[str]:
    yield '<h2 id="event-types">Event types</h2>'
    yield (
        "<p>An event is a CloudEvent: <code>source</code> and <code>id</code> name it, "
        "<code>type</code> is one of these, and <code>data</code> holds the fields below.</p>"
    )
    yield '<div class="wide"><table>'
    for name in names_by_thing():
        summary = _marked(EVENTS[name].summary)
        yield f'<tr><td><a href="#event-{name}"><code>{name}</code></a><td>{summary}'
    yield "</table></div>"
    for name in names_by_thing():
        yield from _event(name, schemas)


def _event(name: str, schemas: Schema) -> Iterator[str]:
    yield f"<details><summary><code>{name}</code></summary>"
    yield f'<p id="event-{name}">{_marked(EVENTS[name].summary)}</p>'
    yield '<div class="wide"><table>'
    for field in fields_of(schemas[COMMANDS[name].__name__], schemas):
        needed = ' class="needed"' if field.is_required else ""
        yield (
            f"<tr><td{needed}><code>{field.path}</code><td>{type_text(field.schema, MARKUP)}"
            f"<td>{_marked(FIELDS.get(field.path, ''))}"
        )
    yield f"</table></div>\n<h4>Example</h4>{_json(example(name))}</details>"


# -- operations


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    head = f'<span class="method">{method.upper()}</span><code>{escape(path)}</code>'
    yield f"<details><summary>{head} {_marked(operation['summary'])}</summary>"
    if text := operation.get("description"):
        yield f"<p>{_marked(text)}</p>"
    yield from _parameters(operation["parameters"])
    if "requestBody" in operation:
        yield f"<h4>Body</h4>{_content(operation['requestBody']['content'])}"
    yield "<h4>Answer</h4>"
    failures = []
    for status, answer in operation["responses"].items():
        if int(status) < 300:
            line = f"<p><b>{status}</b> {escape(answer['description'])}</p>"
            yield line + _content(answer.get("content", {}))
        else:
            failures.append(f"{status} {escape(answer['description'])}")
    yield f'<p class="quiet">Else: {"; ".join(failures)}.</p>'
    yield from _recorded(f"{method} {path}")
    yield "</details>"


def _recorded(name: str) -> Iterator[str]:
    if (found := recorded_examples().get(name)) is None:
        return
    yield f"<h4>Example</h4><pre>{escape(curl(name, found))}</pre>"
    if "json" in found:
        yield _json(found["json"])
    elif "text" in found:
        yield f"<pre>{escape(found['text'])}</pre>"


def curl(name: str, found: Schema) -> str:
    """Return a recorded request as a command of a shell."""
    method = name.partition(" ")[0].upper()
    parts = ["curl -s" + (f" -X {method}" if method not in ("GET", "POST") else "")]
    parts[0] += f' "$URL{found["path"]}"'
    if found["scope"] is not None:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if found["body"] is not None:
        parts.append(f'-H "Content-Type: {found["media_type"]}"')
        parts.append("-d '" + json.dumps(found["body"]).replace("'", r"'\''") + "'")
    return " \\\n  ".join(parts)


def _parameters(parameters: list[Schema]) -> Iterator[str]:
    if not parameters:
        return
    yield '<h4>Parameters</h4><div class="wide"><table>'
    for one in parameters:
        needed = ' class="needed"' if one["required"] else ""
        place = "" if one["in"] == "query" else f" ({one['in']})"
        default = default_text(one["schema"])
        text = _marked(one.get("description", ""))
        if default is not None:
            text += f" By default {MARKUP.code(default)}."
        kind = type_text(one["schema"], MARKUP)
        yield f"<tr><td{needed}><code>{escape(one['name'])}</code>{place}<td>{kind}<td>{text}"
    yield "</table></div>"


def _content(content: Schema) -> str:
    return "".join(
        f"<p>{MARKUP.code(media_type)}{_body_type(media.get('schema'))}</p>"
        for media_type, media in content.items()
    )


def _body_type(schema: Schema | None) -> str:
    return "" if schema is None else f": {type_text(schema, MARKUP)}"


def _type(name: str, schema: Schema, schemas: Schema) -> Iterator[str]:
    yield f'<h3 id="type-{name}">{name}</h3>'
    if text := schema.get("description"):
        yield f"<p>{_marked(text)}</p>"
    rows = [field for field in fields_of(schema, schemas) if "." not in field.path]
    if not rows:
        yield f"<p>{type_text(schema, MARKUP)}</p>"
        return
    yield '<div class="wide"><table>'
    for field in rows:
        needed = ' class="needed"' if field.is_required else ""
        text = field.schema.get("description", "")
        kind = type_text(field.schema, MARKUP)
        yield f"<tr><td{needed}><code>{field.path}</code><td>{kind}<td>{_marked(text)}"
    yield "</table></div>"


def _json(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False), quote=False)}</pre>"


def _slug(title: str) -> str:
    return title.lower().replace(",", "").replace(" ", "-")


def _marked(text: str) -> str:
    """Return text with parts between backticks as code."""
    parts = text.split("`")
    return "".join(
        MARKUP.code(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )
