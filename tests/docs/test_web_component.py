"""The web component's description, from which its page is made, names what its modules have."""

import json
import re
from pathlib import Path
from typing import Any

from rostra_adapters import web
from support.pages import PROJECT

FOLDER = Path(web.__path__[0])
MODULES = "\n".join(path.read_text("utf-8") for path in FOLDER.glob("*.js"))
STYLES = "\n".join(path.read_text("utf-8") for path in FOLDER.glob("*.css"))
TYPES = (FOLDER / "rostra.d.ts").read_text("utf-8")
MANIFEST = json.loads((FOLDER / "custom-elements.json").read_text("utf-8"))
DECLARED = {one["name"]: one for it in MANIFEST["modules"] for one in it["declarations"]}
DISCUSSION = DECLARED["RostraDiscussion"]
PAGE = (PROJECT / "docs/reference/web-component.md").read_text("utf-8")
BUILT_IN = {"lang"}
"""Attributes that have a property in every element."""


def named(kind: str, of: dict[str, Any] = DISCUSSION) -> set[str]:
    return {one["name"] for one in of[kind]}


def constant(name: str, module: str) -> set[str]:
    """Return the texts of a list in a module."""
    code = (FOLDER / module).read_text("utf-8")
    found = re.search(rf"\bconst {name} = \[(.*?)\];", code, re.DOTALL)
    assert found is not None
    return set(re.findall(r'"([\w-]+)"', found[1]))


def test_attributes() -> None:
    for module in MANIFEST["modules"]:
        [declared] = module["declarations"]
        assert named("attributes", declared) == constant("REFLECTED", module["path"]) | BUILT_IN
    assert {"theme", *re.findall(r":host\(\[([\w-]+)", STYLES)} <= named("attributes")


def test_every_attribute_has_a_property() -> None:
    for declared in DECLARED.values():
        reflected = {one["attribute"] for one in declared["members"] if "attribute" in one}
        assert reflected == named("attributes", declared) - BUILT_IN


def test_every_property_has_a_type() -> None:
    for name, declared in DECLARED.items():
        text = re.search(
            rf"class {name} extends HTMLElement \{{(.*?)^\}}", TYPES, re.DOTALL | re.MULTILINE
        )
        assert text is not None
        typed = dict(re.findall(r"^  (\w+): (.+);$", text[1], re.MULTILINE))
        assert typed == {one["name"]: one["type"]["text"] for one in declared["members"]}


def test_languages() -> None:
    languages = {path.stem for path in FOLDER.glob("languages/*.json")}
    assert languages == constant("LANGUAGES", "languages.js") | {"en"}
    text = PAGE.split("\n## Languages\n")[1].split("\n## ")[0]
    assert set(re.findall(r"`(\w\w)`", text)) == languages


def test_events() -> None:
    found = set(re.findall(r"CustomEvent\(\s*\"([\w-]+)\"", MODULES))
    assert named("events") == found
    assert set(re.findall(r'^  "([\w-]+)": CustomEvent<', TYPES, re.MULTILINE)) == found


def test_parts() -> None:
    assert named("cssParts") == set(re.findall(r"\bpart: \"([\w-]+)\"", MODULES))


def test_custom_properties() -> None:
    found = set(re.findall(r"var\((--rostra-[\w-]+)", STYLES))
    assert named("cssProperties") == found
