"""Reference of the HTTP interface and of events, from the OpenAPI document and its examples."""

import asyncio
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import rostra_adapters
from reference.markdown import cell, table
from rostra.commands import COMMANDS
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.http.openapi.document import describe
from rostra_adapters.http.openapi.event_reference import EVENTS, FIELDS, example, names_by_thing
from rostra_adapters.http.openapi.page import curl, recorded_examples, topics
from rostra_adapters.http.openapi.schema_text import (
    Markup,
    default_text,
    fields_of,
    type_text,
)
from rostra_adapters.http.problems import KINDS

Schema = dict[str, Any]
ON_HTTP_PAGE = Markup(code=lambda text: f"`{text}`", link=lambda name: f"[{name}](#{name.lower()})")
ELSEWHERE = Markup(
    code=lambda text: f"`{text}`", link=lambda name: f"[{name}](http.md#{name.lower()})"
)


@cache
def document() -> Schema:
    """Return the OpenAPI document of a service."""

    async def found() -> Schema:
        async with rostra_adapters.open("memory:") as app:
            return describe(make_app(app, HttpSettings(secret="x" * 40)))

    return asyncio.run(found())


def event_list() -> str:
    """List the types of events."""
    rows = [
        (f"[`{name}`](#{name.replace('.', '')})", EVENTS[name].summary) for name in names_by_thing()
    ]
    return table(("Type", "Meaning"), rows)


def events() -> Iterator[str]:
    """Describe each type of event: its fields and an example."""
    schemas = document()["components"]["schemas"]
    for name in names_by_thing():
        yield f"\n## {name}\n\n{EVENTS[name].summary}\n\n"
        fields = fields_of(schemas[COMMANDS[name].__name__], schemas)
        rows = [
            (
                f"`{one.path}`",
                "yes" if one.is_required else "",
                type_text(one.schema, ELSEWHERE),
                FIELDS.get(one.path, ""),
            )
            for one in fields
        ]
        yield table(("Field of `data`", "Required", "Type", "Meaning"), rows)
        yield f"\n{_json(example(name))}"


def operations() -> Iterator[str]:
    """Describe each operation by topic."""
    paths = document()["paths"]
    for title, introduction, names in topics(paths):
        yield f"\n## {title}\n\n{introduction}\n"
        for name in names:
            method, _, path = name.partition(" ")
            yield from _operation(method, path, paths[path][method])


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    yield f"\n### {method.upper()} {path}\n\n{operation['summary']}.\n"
    if text := operation.get("description"):
        yield f"\n{text}\n"
    if operation["parameters"]:
        yield "\n" + table(
            ("Parameter", "Type", "Meaning"), map(_parameter, operation["parameters"])
        )
    if "requestBody" in operation:
        yield f"\nBody: {_content(operation['requestBody']['content'])}.\n"
    failures = []
    for status, answer in operation["responses"].items():
        if int(status) < 300:
            yield f"\nAnswer {status}: {_content(answer.get('content', {}))}.\n"
        else:
            failures.append(status)
    yield f"\nOther statuses: {', '.join(failures)}.\n"
    found = recorded_examples().get(f"{method} {path}")
    if found is not None:
        yield f"\n```console\n$ {curl(f'{method} {path}', found)}\n```\n"
        if "json" in found:
            yield f"\n{_json(found['json'])}"
        elif "text" in found:
            yield f"\n```text\n{found['text']}\n```\n"


def _parameter(one: Schema) -> tuple[str, str, str]:
    place = "" if one["in"] == "query" else f" ({one['in']})"
    needed = ", required" if one["required"] else ""
    text = one.get("description", "")
    if (default := default_text(one["schema"])) is not None:
        text += f" By default `{default}`."
    return (
        f"`{one['name']}`{place}{needed}",
        type_text(one["schema"], ON_HTTP_PAGE),
        cell(text),
    )


def _content(content: Schema) -> str:
    if not content:
        return "nothing"
    return "; ".join(
        f"`{media_type}`"
        + (f" ({type_text(media['schema'], ON_HTTP_PAGE)})" if "schema" in media else "")
        for media_type, media in content.items()
    )


def types() -> Iterator[str]:
    """Describe the types of bodies."""
    schemas = document()["components"]["schemas"]
    for name, schema in sorted(schemas.items()):
        yield f"\n### {name}\n"
        if text := schema.get("description"):
            yield f"\n{cell(text)}\n"
        fields = [one for one in fields_of(schema, schemas) if "." not in one.path]
        if not fields:
            yield f"\n{type_text(schema, ON_HTTP_PAGE)}\n"
            continue
        rows = [
            (
                f"`{one.path}`",
                "yes" if one.is_required else "",
                type_text(one.schema, ON_HTTP_PAGE),
                cell(one.schema.get("description", "")),
            )
            for one in fields
        ]
        yield "\n" + table(("Field", "Required", "Type", "Meaning"), rows)


def problems() -> str:
    """List the problems."""
    rows = [
        (f"`/problems/{name}`", str(kind.status), kind.title, cell(kind.meaning))
        for name, kind in sorted(KINDS.items(), key=lambda one: (one[1].status, one[0]))
    ]
    return table(("Type", "Status", "Title", "Meaning"), rows)


def _json(value: Any) -> str:
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```\n"
