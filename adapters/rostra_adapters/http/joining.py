"""Modules joined into few files: for each one that a browser asks for, a reader waits.

Each module becomes a function that is called once and gives what it exports, so that what two of
them call by the same name stays apart. Only the forms of `import` and `export` that the web
reader is written in are known: names in braces, none of them renamed.
"""

import re
from collections.abc import Collection, Iterable, Mapping

_IMPORT = re.compile(r'^import \{ ((?:\w+, )*\w+) \} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) (\w+))", re.MULTILINE)
_LATER = re.compile(r'\bimport\("\./(\w+\.js)"\)')
_LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def joined(modules: Mapping[str, str], entry: str) -> dict[str, str]:
    """The entry with what it needs from the start, by its name; and what any of these imports
    later, with what that needs besides. ValueError for a form that is not known."""
    first = _in_order(modules, entry)
    later = {name for module in first for name in _LATER.findall(modules[module])}
    return {
        entry: _file(modules, first, ()),
        **{name: _file(modules, _in_order(modules, name, first), (entry, first)) for name in later},
    }


def _in_order(modules: Mapping[str, str], name: str, given: Iterable[str] = ()) -> list[str]:
    """The module and those that it needs, each after those that it needs itself."""
    done = dict.fromkeys(given)
    before = len(done)

    def visit(one: str, above: tuple[str, ...] = ()) -> None:
        if one in above:
            raise ValueError(f"{one} needs itself: {' → '.join(above)}")
        if one in done:
            return
        for _, needed in _IMPORT.findall(modules[one]):
            visit(needed, (*above, one))
        done[one] = None

    visit(name)
    return list(done)[before:]


def _file(
    modules: Mapping[str, str], names: Iterable[str], taken: tuple[str, Collection[str]] | tuple[()]
) -> str:
    parts: list[str] = []
    exported: list[str] = []
    wanted: set[str] = set()
    for name in names:
        code = modules[name]
        if taken:
            imports = [given for given, module in _IMPORT.findall(code) if module in taken[1]]
            wanted.update(one for given in imports for one in given.split(", "))
        gives = _EXPORT.findall(code)
        code = _EXPORT.sub("", _IMPORT.sub("", code)).strip()
        if left := _LEFT.search(code):
            raise ValueError(f"{name}: {left[0]}")
        given = ", ".join(gives)
        parts.append(f"const {{ {given} }} = (() => {{\n{code}\nreturn {{ {given} }};\n}})();\n")
        exported += gives
    head = f'import {{ {", ".join(sorted(wanted))} }} from "./{taken[0]}";\n' if taken else ""
    return f"{head}{''.join(parts)}export {{ {', '.join(exported)} }};\n"
