"""The page on the web component names what its modules have."""

import re
from pathlib import Path

from rostra_adapters import web
from support.pages import PROJECT

PAGE = (PROJECT / "docs/reference/web-component.md").read_text("utf-8")
MODULES = "\n".join(path.read_text("utf-8") for path in Path(web.__path__[0]).glob("*.js"))
STYLES = "\n".join(path.read_text("utf-8") for path in Path(web.__path__[0]).glob("*.css"))
INTERNAL = {"--rostra-em"}
"""Custom properties that the component sets for itself."""


def listed(section: str) -> set[str]:
    """Return the names in the first column of a section's table."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE))


def names_in(constant: str) -> set[str]:
    found = re.search(rf"{constant} = \[(.*?)\]", MODULES, re.DOTALL)
    assert found is not None
    return set(re.findall(r"\"([\w-]+)\"", found[1]))


def test_attributes() -> None:
    assert listed("Attributes") == names_in("REFLECTED") | names_in("RESTARTING") | {"token"}


def test_properties() -> None:
    assert listed("Properties") == names_in("UPGRADED") | names_in("REFLECTED")


def test_languages() -> None:
    languages = {path.stem for path in Path(web.__path__[0]).glob("languages/*.json")}
    text = PAGE.split("\n## Languages\n")[1].split("\n## ")[0]
    assert set(re.findall(r"`(\w\w)`", text)) == languages


def test_events() -> None:
    assert listed("Events") == set(re.findall(r"CustomEvent\(\s*\"([\w-]+)\"", MODULES))


def test_parts() -> None:
    assert listed("Parts") == set(re.findall(r"\bpart: \"([\w-]+)\"", MODULES))


def test_custom_properties() -> None:
    assert (
        listed("Custom properties") == set(re.findall(r"var\((--rostra-[\w-]+)", STYLES)) - INTERNAL
    )
