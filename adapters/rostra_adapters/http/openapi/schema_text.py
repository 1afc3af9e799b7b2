"""JSON schemas in words, for pages that people read."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

Schema = dict[str, Any]
REFERENCE = "#/components/schemas/"

_FORMATS = {"uuid": "UUID", "date-time": "RFC 3339 time"}
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
}


class Markup(msgspec.Struct, frozen=True):
    """Way to write code and links to types: in HTML or in Markdown."""

    code: Callable[[str], str]
    link: Callable[[str], str]


class Field(msgspec.Struct, frozen=True):
    """Field of an object, or of an object inside it."""

    path: str
    """For example `author.id`."""
    schema: Schema
    is_required: bool


def fields_of(schema: Schema, schemas: dict[str, Schema], *, above: str = "") -> list[Field]:
    """Return the fields of an object, each followed by those of the object that it holds."""
    return list(_fields(schema, schemas, above))


def _fields(
    schema: Schema, schemas: dict[str, Schema], above: str, within: tuple[str, ...] = ()
) -> Iterator[Field]:
    """Yield the fields of an object. A type that holds itself is described once."""
    required = schema.get("required", [])
    for name, inner in schema.get("properties", {}).items():
        path = f"{above}.{name}" if above else name
        yield Field(path, inner, name in required)
        held = _object_in(inner)
        if held is not None and held not in within:
            yield from _fields(schemas[held], schemas, path, (*within, held))


def _object_in(schema: Schema) -> str | None:
    """Return the name of the one type that a schema refers to, itself or beside null.

    Of an array that is the type of its items.
    """
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REFERENCE)
    if schema.get("type") == "array":
        return _object_in(schema.get("items", {}))
    named = [_object_in(one) for one in schema.get("anyOf", [])]
    return next((name for name in named if name is not None), None)


def type_text(schema: Schema, markup: Markup) -> str:
    """Return a type with its limits: "text, at most 200 characters"."""
    if "$ref" in schema:
        return markup.link(str(schema["$ref"]).removeprefix(REFERENCE))
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return _either([type_text(one, markup) for one in schema[union]])
    if "const" in schema:
        return markup.code(_value(schema["const"]))
    if "enum" in schema:
        return _either([markup.code(_value(one)) for one in schema["enum"]])
    kind = schema.get("type")
    if isinstance(kind, list):
        return _either([type_text({**schema, "type": one}, markup) for one in kind])
    if kind == "array":
        items = schema.get("items", {})
        size = _range(schema.get("minItems"), schema.get("maxItems"))
        return ", ".join(["array" + (f" of {type_text(items, markup)}" if items else ""), *size])
    if kind is None:
        return "any JSON"
    name = _FORMATS.get(schema.get("format", ""), _TYPES[kind])
    if kind == "string":
        limits = _range(schema.get("minLength"), schema.get("maxLength"))
        return ", ".join([name, *(f"{limit} characters" for limit in limits)])
    if kind in ("integer", "number"):
        return ", ".join([name, *_range(schema.get("minimum"), schema.get("maximum"))])
    return name


def default_text(schema: Schema) -> str | None:
    """Return the default as JSON, None where there is none to speak of."""
    default = schema.get("default")
    return None if default in (None, [], {}) else _value(default)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _either(texts: list[str]) -> str:
    """Join alternatives; that a field may be null goes without saying."""
    named = [text for text in dict.fromkeys(texts) if text != "null"]
    if len(named) < 2:
        return named[0] if named else "null"
    return f"{', '.join(named[:-1])} or {named[-1]}"


def _range(least: float | None, most: float | None) -> list[str]:
    """Return the limits of a number or a size; those that go without saying are left out."""
    least = None if least in (0, 1) and most is None else least
    most = None if most is not None and most >= 2**31 else most
    if least is not None and most is not None:
        return [f"{least:,} to {most:,}".replace("-", "−")]
    if most is not None:
        return [f"at most {most:,}"]
    return [] if least is None else [f"at least {least:,}"]
