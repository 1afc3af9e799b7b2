"""Names that a stranger can read: no past participle as a function, and no dialect."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.plain_english import has_dialect_name, is_participle

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "projections", "adapters")

EXCEPTIONS = {
    "connection_made": "asyncio calls it",
    "connection_lost": "asyncio calls it",
    "data_received": "asyncio calls it",
    "message_consumed": "aiohttp calls it",
    "sealed": "the glossary's word for encrypted with a person's key",
}


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(each) in ("property", "once") for each in node.decorator_list)


def _breaches(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each public definition with a name that breaks a rule."""
    bodies: list[tuple[ast.Module | ast.ClassDef, bool]] = [(tree, False)]
    while bodies:
        body, in_class = bodies.pop()
        for node in body.body:
            names: list[str] = []
            is_function = False
            match node:
                case ast.ClassDef():
                    names = [node.name]
                    if not node.name.startswith("_"):
                        bodies.append((node, True))
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    names = [node.name]
                    is_function = not _is_property(node)
                    names += _own_attributes(node) if in_class else []
                case ast.AnnAssign(target=ast.Name(id=name)):
                    names = [name]
                case ast.Assign():
                    names = [each.id for each in node.targets if isinstance(each, ast.Name)]
            for name in names:
                if name.startswith("_") or name in EXCEPTIONS or (name.isupper() and not in_class):
                    continue
                called = is_function and name == names[0]
                if has_dialect_name(name) or (called and is_participle(name)):
                    yield node.lineno, name


def _own_attributes(method: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Return the names that a method sets on `self`."""
    return [
        node.attr
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_plain(package: str) -> None:
    paths = sorted((ROOT / package).rglob("*.py"))
    assert paths
    broken = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in paths
        for line, name in _breaches(ast.parse(path.read_text("utf-8")))
    ]
    assert broken == []


def test_every_exception_is_in_use() -> None:
    text = "".join(
        path.read_text("utf-8") for package in PACKAGES for path in (ROOT / package).rglob("*.py")
    )
    assert [name for name in EXCEPTIONS if f"def {name}(" not in text] == []
    assert len(EXCEPTIONS) < 10


def test_no_module_has_its_packages_name() -> None:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert [str(path) for path in paths if path.stem == path.parent.name] == []


def test_the_rules_find_what_they_are_about() -> None:
    code = """
def settled(): ...
def names_wanted(): ...
class Standing: ...
class Cache:
    def keep(self): ...
    def put(self):
        self.kept = 1
    @property
    def opened(self): ...
def is_settled(): ...
def read_parked(): ...
def find_feed(): ...
"""
    found = [name for _, name in _breaches(ast.parse(code))]
    assert sorted(found) == ["Standing", "keep", "kept", "names_wanted", "settled"]
