"""Tables of the web component, from the description that it comes with."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from reference.markdown import cell, table

MANIFEST = (
    Path(__file__).parents[2] / "adapters/rostra_adapters/web/custom-elements.json"
)  # a Custom Elements Manifest
ELEMENTS = {"discussion": "rostra-discussion", "count": "rostra-count"}
LISTS = {
    "attributes": ("Attribute", "attributes"),
    "properties": ("Property", "members"),
    "events": ("Event", "events"),
    "parts": ("Part", "cssParts"),
    "custom-properties": ("Property", "cssProperties"),
}
MEANINGS = {"events": "`detail`", "parts": "Element"}


def element(tag: str) -> dict[str, Any]:
    """Return the description of an element. Raises LookupError."""
    modules = json.loads(MANIFEST.read_text("utf-8"))["modules"]
    declared = (one for module in modules for one in module["declarations"])
    found: dict[str, Any] = next(one for one in declared if one["tagName"] == tag)
    return found


def listed(tag: str, name: str) -> str:
    """List what an element has of one kind; of its properties those without an attribute."""
    title, kind = LISTS[name]
    rows = [
        (f"`{one['name']}`", cell(one["description"]))
        for one in element(tag).get(kind, ())
        if "attribute" not in one
    ]
    return table((title, MEANINGS.get(name, "Meaning")), rows)


PARTS: dict[str, Callable[[], str]] = {
    f"{short}-{name}": partial(listed, tag, name)
    for short, tag in ELEMENTS.items()
    for name in LISTS
}
