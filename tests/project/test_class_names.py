"""One word, one concept: no two public classes or aliases of the packages share a name."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "projections", "adapters")
ALIAS = re.compile(r"[A-Z]\w*[a-z]\w*")
FIELD_TYPES = "domain/rostra/fields.py"
"""Types of fields have the names of the fields: `fields.Name`."""
SHARED = {"Address", "Position", "Status"}
"""Names that a route and another module still share."""


def _aliases(node: ast.stmt) -> Iterator[str]:
    """Yield the public types that an assignment of a module defines."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    yield from (
        target.id
        for target in targets
        if isinstance(target, ast.Name) and ALIAS.fullmatch(target.id)
    )


def public_names(root: Path) -> dict[str, list[str]]:
    """Return the places of each public class and alias, by name."""
    found: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            path, module = file.relative_to(root), ast.parse(file.read_text())
            for node in ast.walk(module):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(f"{path}:{node.lineno}")
            if path.as_posix() != FIELD_TYPES:
                for statement in module.body:
                    for name in _aliases(statement):
                        found[name].append(f"{path}:{statement.lineno}")
    return found


def test_no_public_name_is_used_twice() -> None:
    found = public_names(ROOT)

    assert len(found) > 400
    assert {name for name, places in found.items() if len(places) > 1} == SHARED


def test_a_name_that_is_used_twice_is_found(tmp_path: Path) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "made.py").write_text(
            "class Line: ...\nclass _Line: ...\nRow = tuple[int]\nKind: object = str\nROWS = 1\n"
        )

    found = {name: len(places) for name, places in public_names(tmp_path).items()}
    assert found == {"Line": 3, "Row": 3, "Kind": 3}
