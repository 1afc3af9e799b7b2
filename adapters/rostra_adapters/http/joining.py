"""Joiner of modules into few files, since a reader waits for each file that a browser requests.

Each module becomes a function that is called once and returns its exports, so that equal names in
two modules stay apart. A style sheet becomes a constructed sheet, which a page's Content Security
Policy allows and older browsers support. JSON becomes a constant.

Only the forms of `import` and `export` that the web reader uses are supported: names in braces,
none of them renamed, `import style from "./style.css" with { type: "css" }` with the sheet's own
name, and `import en from "./languages/en.json" with { type: "json" }`. A module may also be in the
folder above: `"../markup.js"`.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping

_IMPORT = re.compile(
    r'^import \{ ((?:\w+, )*\w+) \} from "\.{1,2}/(\w+\.(?:js|css|json))";\n', re.MULTILINE
)
_EXPORT = re.compile(r"^export (?=(?:(?:async )?function\*?|class|const) (\w+))", re.MULTILINE)
_SHEET = re.compile(r'^import (\w+) from "\.{1,2}/\1\.css" with \{ type: "css" \};$', re.MULTILINE)
_JSON = re.compile(
    r'^import (\w+) from "\./(?:\w+/)?\1\.json" with \{ type: "json" \};$', re.MULTILINE
)
_DATA_IN_BRACES = re.compile(r'^import \{.*\} from "\./[\w/]+\.(?:css|json)"', re.MULTILINE)
_LATER = re.compile(r'\bimport\("\./(\w+\.js)"\)')
_LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def join_modules(files: Mapping[str, str], entry: str) -> dict[str, str]:
    """Return the joined files by name.

    `entry` contains all modules that it needs at the start. Each module that these import later has
    a file, with the further modules that it needs. Raises ValueError for an unknown form of import
    or export.
    """
    modules = {name: _module(name, text) for name, text in files.items()}
    first = _in_order(modules, entry)
    later = {name for module in first for name in _LATER.findall(modules[module])}
    made = {entry: _file(modules, first)}
    for name in later:
        besides = _in_order(modules, name, first)
        if further := [one for one in besides if _LATER.search(modules[one])]:
            raise ValueError(f"{further[0]} imports what would come later still")
        made[name] = _file(modules, besides, entry, first)
    return made


def _module(name: str, text: str) -> str:
    """Return a module as it is joined: data as a module that exports it by its name."""
    stem, _, suffix = name.rpartition(".")
    if suffix == "json":
        return f"export const {stem} = {json.dumps(json.loads(text), ensure_ascii=False)};\n"
    if suffix == "css":
        sheet = f"export const {stem} = new CSSStyleSheet();\n"
        return f"{sheet}{stem}.replaceSync({json.dumps(text, ensure_ascii=False)});\n"
    if wrong := _DATA_IN_BRACES.search(text):
        raise ValueError(f"{name}: {wrong[0]}")
    text = _SHEET.sub(r'import { \1 } from "./\1.css";', text)
    return _JSON.sub(r'import { \1 } from "./\1.json";', text)


def _in_order(modules: Mapping[str, str], name: str, given: Iterable[str] = ()) -> list[str]:
    """Return `name` and the modules that it needs, each after those that it needs itself."""
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
    """Return the modules `names` as one file, which imports the exports of `given` from `first`."""
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
