"""Docstrings that a stranger can read, in all packages."""

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from support.plain_english import begins_wrongly, has_dialect

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "projections", "adapters", "infra")
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of the docstrings of modules, classes, functions and variables."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, DOCUMENTED):
            if text := ast.get_docstring(node):
                yield getattr(node, "lineno", 1), text.strip()
            yield from _of_variables(node.body)


def _of_variables(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    for before, after in pairwise(body):
        match before, after:
            case (
                ast.Assign() | ast.AnnAssign(),
                ast.Expr(value=ast.Constant(value=str() as text), lineno=line),
            ):
                yield line, text.strip()


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


def test_docstrings_of_variables_are_read(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('A = 1\n"""One."""\n\n\nclass B:\n    c: int = 2\n    """Two."""\n')
    assert [text for _, text in _docstrings(module)] == ["One.", "Two."]


def test_the_rules_find_what_they_are_about() -> None:
    assert _breaks_a_rule("Whether it is there.")
    assert _breaks_a_rule("The page as it stands.")
    assert not _breaks_a_rule("Return the page that starts after `cursor`.")
