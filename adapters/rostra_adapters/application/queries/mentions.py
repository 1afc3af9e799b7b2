"""Mentions: names in a comment's HTML, made links to persons."""

import re
import unicodedata
from collections.abc import Sequence
from html import escape
from uuid import UUID

import msgspec

_PART = re.compile(r'<(?:[^<>"]|"[^"]*")*>|[^<]+')
_NAME = re.compile(r"</?([a-z0-9]+)")
_WORDS = re.compile(r"[^\W_]+")
OPAQUE = ("a", "code", "pre")
"""Elements whose text holds no mention."""


class Mentioned(msgspec.Struct, frozen=True):
    """Person whom a comment mentions, with their current name and latest comment."""

    person: str
    name: str
    comment: UUID


def link_mentions(html: str, mentioned: Sequence[Mentioned]) -> str:
    """Make a link of each `@` and name in sanitised HTML. It leads to the person's comment.

    Longer names come first, so that `@Ann Bell` is not a mention of Ann.
    """
    by_text = {escape(one.name, quote=False): one for one in mentioned}
    if not by_text or "@" not in html:
        return html
    longest_first = sorted(by_text, key=len, reverse=True)
    names = re.compile(rf"(?<!\w)@({'|'.join(map(re.escape, longest_first))})(?!\w)")

    def link(found: re.Match[str]) -> str:
        one = by_text[found[1]]
        about = f'data-person="{escape(one.person)}" href="#comment-{one.comment}"'
        return f'<a class="mention" {about}>{found[0]}</a>'

    made: list[str] = []
    depth = 0
    for part in _PART.findall(html):
        tag = _NAME.match(part)
        if tag is None:
            made.append(part if depth else names.sub(link, part))
            continue
        if tag[1] in OPAQUE:
            depth += -1 if part.startswith("</") else 1
        made.append(part)
    return "".join(made)


def begins_with(name: str, prefix: str) -> bool:
    """Return whether a name, or one of its words, begins with a prefix, whatever its case."""
    folded, wanted = _folded(name), _folded(prefix)
    starts = [0, *(found.start() for found in _WORDS.finditer(folded))]
    return any(folded.startswith(wanted, start) for start in starts)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
