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
    files = {entry: _file(modules, first)}
    for name in later:
        besides = _in_order(modules, name, first)
        if further := [one for one in besides if _LATER.search(modules[one])]:
            raise ValueError(f"{further[0]} imports what would come later still")
        files[name] = _file(modules, besides, entry, first)
    return files


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
    modules: Mapping[str, str], names: Iterable[str], first: str = "", given: Collection[str] = ()
) -> str:
    """The modules in one file, which takes what the `given` ones export from the `first` file."""
    parts: list[str] = []
    exported: list[str] = []
    wanted: set[str] = set()
    for name in names:
        code = modules[name]
        for taken, module in _IMPORT.findall(code):
            if module in given:
                wanted.update(taken.split(", "))
        gives = _EXPORT.findall(code)
        code = _EXPORT.sub("", _IMPORT.sub("", code)).strip()
        if left := _LEFT.search(code):
            raise ValueError(f"{name}: {left[0]}")
        listed = ", ".join(gives)
        parts.append(f"const {{ {listed} }} = (() => {{\n{code}\nreturn {{ {listed} }};\n}})();\n")
        exported += gives
    head = f'import {{ {", ".join(sorted(wanted))} }} from "./{first}";\n' if wanted else ""
    return f"{head}{''.join(parts)}export {{ {', '.join(exported)} }};\n"
