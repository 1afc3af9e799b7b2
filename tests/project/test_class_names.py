"""One word, one concept: no two public classes of the packages share a name."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "projections", "adapters")


def class_names(root: Path) -> dict[str, list[str]]:
    """Return the places of each public class, by name."""
    found: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(f"{file.relative_to(root)}:{node.lineno}")
    return found


def test_no_public_class_name_is_used_twice() -> None:
    found = class_names(ROOT)

    assert len(found) > 300
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_a_name_that_is_used_twice_is_found(tmp_path: Path) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "made.py").write_text("class Line: ...\nclass _Line: ...\n")

    assert {name: len(places) for name, places in class_names(tmp_path).items()} == {"Line": 3}
