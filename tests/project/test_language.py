"""Docstrings that a stranger can read, in all packages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.plain_english import begins_wrongly, has_dialect

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "projections", "adapters", "infra")
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _docstrings(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
            yield getattr(node, "lineno", 1), text.strip()


def _breaks_a_rule(text: str) -> bool:
    return begins_wrongly(text) or has_dialect(text)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_docstring_says_what_the_thing_is_or_does(package: str) -> None:
    paths = sorted((ROOT / package).rglob("*.py"))
    assert paths
    broken = [
        f"{path.relative_to(ROOT)}:{number}: {text.splitlines()[0]}"
        for path in paths
        for number, text in _docstrings(path)
        if _breaks_a_rule(text)
    ]
    assert broken == []


def test_the_rules_find_what_they_are_about() -> None:
    assert _breaks_a_rule("Whether it is there.")
    assert _breaks_a_rule("The page as it stands.")
    assert not _breaks_a_rule("Return the page that starts after `cursor`.")
