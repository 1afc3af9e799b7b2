"""Comments and names of the JavaScript modules that a stranger can read."""

import re
from collections.abc import Iterator
from pathlib import Path

from support.plain_english import (
    begins_wrongly,
    has_dialect,
    has_dialect_name,
    is_participle,
)

ROOT = Path(__file__).parents[2]
FOLDERS = ("adapters/rostra_adapters/web", "infra/demo", "infra/checks/js")

_COMMENT = re.compile(r"^\s*(?:/\*\*?|\*(?!/)|//)(.*)|\s//(.*)")
_TAG = re.compile(
    r"^@(?:param|property|typedef)(?: \{.*?\}+(?= |$))? \[?[\w.]+\]?|^@\w+(?: \{.*?\}+(?= |$))?"
)
_FUNCTION = re.compile(
    r"^\s*(?:export )?(?:async )?function\*? (\w+)\("
    r"|^  (?:static )?(?:async )?\*?(#?\w+)\([^;]*\) \{(?: .*\})?$"
)
_OTHER = re.compile(
    r"^(?:export )?(?:const|let|class) (\w+)|^  get (#?\w+)\(|^  (#?\w+)(?: = .*)?;$"
)
_KEYWORDS = frozenset({"if", "for", "while", "switch", "catch"})


def _sources() -> list[Path]:
    return sorted(
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".js", ".ts") and "node_modules" not in path.parts
    )


def _broken_comments(code: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comment that breaks a rule."""
    was_comment = False
    for number, line in enumerate(code.splitlines(), 1):
        found = _COMMENT.search(line)
        text = "" if found is None else (found[1] or found[2] or "").removesuffix("*/").strip()
        said = _TAG.sub("", text).strip()
        begins = bool(said) and found is not None and (found[1] is not None and not was_comment)
        if has_dialect(said) or (begins and begins_wrongly(said)):
            yield number, text
        was_comment = bool(text)


def _broken_names(code: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each definition with a name that breaks a rule."""
    for number, line in enumerate(code.splitlines(), 1):
        function, other = _FUNCTION.match(line), _OTHER.match(line)
        for found in filter(None, (function, other)):
            name = next(filter(None, found.groups()))
            if name in _KEYWORDS:
                continue
            if has_dialect_name(name) or (found is function and is_participle(name)):
                yield number, name


def test_comments_and_names_are_plain() -> None:
    paths = _sources()
    assert len(paths) > 40
    broken = [
        f"{path.relative_to(ROOT)}:{number}: {text}"
        for path in paths
        for breaches in (_broken_comments, _broken_names)
        for number, text in breaches(path.read_text("utf-8"))
    ]
    assert broken == []


def test_the_rules_find_what_they_are_about() -> None:
    code = """
// What it is.
const first = 1; // as the page stands
/**
 * Of a person.
 * @param {string} name what the page was told
 */
export function shown(name) {
class Inbox {
  told = false;
  /** Show it. Whether it is new is known. */
  async posted(done) {
  show() {
  get seen() {
"""
    assert [text for _, text in _broken_comments(code)] == [
        "What it is.",
        "as the page stands",
        "Of a person.",
        "@param {string} name what the page was told",
    ]
    assert [name for _, name in _broken_names(code)] == ["shown", "told", "posted"]
