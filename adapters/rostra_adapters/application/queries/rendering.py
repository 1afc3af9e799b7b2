"""A comment's body as HTML: CommonMark, sanitised.

Rendering is bounded by its steps, which are counted while a body is parsed: a body that takes
more than bodies of its length may is shown as plain text, in paragraphs.
"""

import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from html import escape
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import nh3
from markdown_it import MarkdownIt, helpers
from markdown_it.parser_block import ParserBlock
from markdown_it.parser_inline import ParserInline
from markdown_it.renderer import RendererHTML
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

STEPS_BASE = 1_000
"""Steps that a body of any length may take, each of some two microseconds."""
STEPS_PER_CHARACTER = 0.75
"""Densely marked-up bodies take 0.7."""
INLINE_STEPS = 1
DELIMITER_STEPS = 4
BRACKET_STEPS = 3
NEWLINE_STEPS = 2
SKIP_STEPS = 1
BLOCK_STEPS = 6
NESTED_STEPS = 3
LINE_STEPS = 1
TOKEN_STEPS = 1
CHARACTERS_A_STEP = 8
"""Characters of a link's target that are looked at in the time of one step."""
MATCHED_CHARACTERS_A_STEP = 128
"""The same, where a regular expression looks at them."""
LONG_PARTS = ("<", "(", '"', "'")
"""Where such a part of a link does not end, all that follows was looked at."""
TAGS_A_STEP = 8

TAGS = {
    "a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "i", "kbd", "li", "ol", "p", "pre", "strong", "sub", "sup", "ul",
}  # fmt: skip
ATTRIBUTES: dict[str, set[str]] = {
    "*": set(),
    "a": {"href", "title"},
    "code": {"class"},
    "ol": {"start"},
}
SCHEMES = {"http", "https", "mailto"}
LINK_REL = "nofollow ugc noopener"
LANGUAGE = "language-"


_UNSEEN = re.compile(r"[\s\x00-\x1f\u180e\u200b-\u200f\u2060-\u2064\ufeff]+")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def _kept(_: str, attribute: str, value: str) -> str | None:
    """Of classes only the one that says which language a block of code is in; of links none
    whose scheme shows once what is not seen is left out."""
    match attribute:
        case "class" if not value.startswith(LANGUAGE):
            return None
        case "href" if scheme := _SCHEME.match(_UNSEEN.sub("", value)):
            return value if scheme[1].lower() in SCHEMES else None
    return value


_cleaner = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    attribute_filter=_kept,
    url_schemes=SCHEMES,
    link_rel=LINK_REL,
    strip_comments=True,
)


_LINE_END = re.compile(r"\r\n?")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_RUN = {marker: re.compile(f"[{marker}]+") for marker in "*_"}
_UNBROKEN = re.compile(r"\S*")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)")
_P = TypeVar("_P", bound=Any)


class _Work(threading.local):
    """Steps that the rendering in this thread may still take."""

    left = 0

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise TooMuchWork


_work = _Work()


class TooMuchWork(Exception):
    """A body is nested too deep, or takes more steps to render than bodies of its length may."""


class _BlockParser(ParserBlock):
    """Refuses what is nested too deep. CommonMark's parser would leave its words out."""

    def tokenize(self, state: StateBlock, startLine: int, endLine: int) -> None:  # noqa: N803
        if state.level >= state.md.options["maxNesting"]:
            raise TooMuchWork
        _work.spend(NESTED_STEPS)
        super().tokenize(state, startLine, endLine)


class _InlineParser(ParserInline):
    """Counts the steps of looking ahead for the end of a link's text."""

    def skipToken(self, state: StateInline) -> None:  # noqa: N802  # as the parser calls it
        _work.spend(SKIP_STEPS)
        super().skipToken(state)


def _count_block(_: StateBlock, __: int, ___: int, silent: bool) -> bool:  # noqa: FBT001
    """Count a line that is looked at, as a rule that never matches."""
    _work.spend(LINE_STEPS if silent else BLOCK_STEPS)
    return False


def _count_inline(state: StateInline, silent: bool) -> bool:  # noqa: FBT001
    """Count a place that is looked at, as a rule that never matches."""
    match state.src[state.pos]:
        case "*" | "_" as marker if not silent:
            run = _RUN[marker].match(state.src, state.pos, state.posMax)
            _work.spend(DELIMITER_STEPS * (1 if run is None else len(run[0])))
        case "\n":
            _work.spend(NEWLINE_STEPS)
        case "[":
            _work.spend(BRACKET_STEPS)
        case "<" if state.src.startswith(("<!", "<?"), state.pos):
            ahead = state.posMax - state.pos
            _work.spend(INLINE_STEPS + ahead // MATCHED_CHARACTERS_A_STEP)
        case _:
            _work.spend(INLINE_STEPS)
    return False


def _counting(parse: Callable[..., _P]) -> Callable[..., _P]:
    """Count the characters that a parser of a part of a link looks at."""

    def parse_and_count(text: str, start: int, end: int, *more: Any) -> _P:
        found = parse(text, start, end, *more)
        read = found.pos - start
        if not found.ok:
            is_long = text[start : start + 1] in LONG_PARTS
            seen = None if is_long else _UNBROKEN.match(text, start, end)
            read = (end if seen is None else seen.end()) - start
        _work.spend(max(read, 0) // CHARACTERS_A_STEP)
        return found

    return parse_and_count


def _parser() -> MarkdownIt:
    made = MarkdownIt("commonmark")
    made.block, made.inline = _BlockParser(), _InlineParser()
    made.configure("commonmark")
    before_others: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    made.block.ruler.before("code", "work", _count_block, before_others)
    made.inline.ruler.before("text", "work", _count_inline)
    made.block.ruler.enable("work")
    made.inline.ruler.enable("work")
    counting: Any = SimpleNamespace(
        parseLinkLabel=helpers.parseLinkLabel,
        parseLinkDestination=_counting(helpers.parseLinkDestination),
        parseLinkTitle=_counting(helpers.parseLinkTitle),
    )
    made.helpers = counting
    return made


_markdown = _parser()
_renderer = cast(RendererHTML, _markdown.renderer)


def unsanitised(body: str) -> str:
    """The body as CommonMark says. Nobody is ever shown this."""
    _work.left = sys.maxsize
    return str(_markdown.render(body))


def render(body: str) -> str:
    """Return the body as sanitised HTML. An image becomes a link to it: shown, it would tell
    its host who reads."""
    try:
        return _cleaner.clean(_rendered(body))
    except TooMuchWork:
        return plain(body)


def plain(body: str) -> str:
    """Return the body as HTML in which every character stands for itself."""
    text = _LINE_END.sub("\n", body).replace("\0", "\ufffd")
    paragraphs = (lines.strip("\n") for lines in _BLANK_LINES.split(text))
    shown = (escape(lines, quote=False).replace("\n", "<br>\n") for lines in paragraphs if lines)
    return "".join(f"<p>{lines}</p>\n" for lines in shown)


def _rendered(body: str) -> str:
    """Raises TooMuchWork."""
    _work.left = STEPS_BASE + int(len(body) * STEPS_PER_CHARACTER)
    tokens = _markdown.parse(body)
    _work.spend(TOKEN_STEPS * len(tokens))
    _spend_tags(tokens)
    for token in tokens:
        if token.children:
            token.children = list(_without_images(token.children))
    return str(_renderer.render(tokens, _markdown.options, {}))


def _spend_tags(tokens: Sequence[Token]) -> None:
    """Count what the sanitiser has to do for tags in the body: one that is not closed where it
    was opened is opened again in every block that follows."""
    loose = 0
    for token in tokens:
        if token.type == "html_block":
            loose += token.content.count("<")
        opened: list[str] = []
        for child in token.children or ():
            if child.type == "html_inline" and (tag := _TAG.match(child.content)):
                _work.spend(TOKEN_STEPS)
                if not tag[1]:
                    opened.append(tag[2].lower())
                elif opened and opened[-1] == tag[2].lower():
                    opened.pop()
                else:
                    loose += 1
        loose += len(opened)
    _work.spend(loose * (loose + len(tokens)) // TAGS_A_STEP)


def _without_images(tokens: Sequence[Token]) -> Iterator[Token]:
    inside = 0  # links cannot hold links: there the image's text must do
    for token in tokens:
        inside += (token.type == "link_open") - (token.type == "link_close")
        if token.type == "image":
            yield from _as_link(token, inside=bool(inside))
        else:
            yield token


def _as_link(image: Token, *, inside: bool) -> Iterator[Token]:
    source = str(image.attrGet("src") or "")
    alt = _renderer.renderInlineAsText(image.children or [], _markdown.options, {})
    text = Token("text", "", 0, content=alt or source)
    if inside:
        yield text
        return
    yield Token("link_open", "a", 1, attrs={"href": source})
    yield text
    yield Token("link_close", "a", -1)
