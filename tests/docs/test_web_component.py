"""The page on the web component names what its modules have."""

import re
from pathlib import Path

from rostra_adapters import web
from support.pages import PROJECT

PAGE = (PROJECT / "docs/reference/web-component.md").read_text("utf-8")
MODULES = "\n".join(path.read_text("utf-8") for path in Path(web.__path__[0]).glob("*.js"))
STYLES = "\n".join(path.read_text("utf-8") for path in Path(web.__path__[0]).glob("*.css"))
INSIDE = {"data-comment", "href", "id", "rel", "start", "title"}
"""Attributes that modules read of other elements."""


def listed(section: str) -> set[str]:
    """Return the names in the first column of a section's table."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE))


def test_attributes() -> None:
    read = set(re.findall(r"[gG]etAttribute\(\"([\w-]+)\"\)", MODULES)) - INSIDE
    observed = re.search(r"observedAttributes = \[(.*?)\]", MODULES, re.DOTALL)
    assert observed is not None
    styled = set(re.findall(r":host\(\[([\w-]+)", STYLES))
    read |= set(re.findall(r"\"([\w-]+)\"", observed[1])) | styled
    assert listed("Attributes") == read


def test_events() -> None:
    assert listed("Events") == set(re.findall(r"CustomEvent\(\s*\"([\w-]+)\"", MODULES))


def test_parts() -> None:
    assert listed("Parts") == set(re.findall(r"\bpart: \"([\w-]+)\"", MODULES))


def test_custom_properties() -> None:
    assert listed("Custom properties") == set(re.findall(r"var\((--rostra-[\w-]+)", STYLES))
