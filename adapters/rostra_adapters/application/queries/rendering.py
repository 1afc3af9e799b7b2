"""A comment's body as HTML: CommonMark with a few extensions, sanitised.

No word of a body is lost. Raw HTML, relative links and links with another scheme than `SCHEMES`
are shown as they were typed; only the tags of `INLINE_TAGS` are taken for tags, where each is
closed. Markup nested deeper than `NESTING_MAX` is shown flat. Beyond CommonMark there are line
breaks at single newlines, links made of bare URLs, strikethrough, tables and footnotes.

Rendering is bounded by its steps, which are counted while a body is parsed: a body that takes
more steps than its length allows is shown as plain text, in paragraphs.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape, unescape
from types import SimpleNamespace
from typing import Any, Literal, TypeVar, cast
from unicodedata import category, east_asian_width

import nh3
from markdown_it import MarkdownIt, helpers
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.parser_block import ParserBlock
from markdown_it.parser_inline import ParserInline
from markdown_it.renderer import RendererHTML
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType
from mdit_py_plugins.footnote import footnote_plugin

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
INLINE_TOKEN_STEPS = 2
PIPE_STEPS = 5
"""Steps of each `|`, which may be a border of a table's cell."""
CHARACTERS_A_STEP = 8
"""Characters of a link's target that are looked at in the time of one step."""
MATCHED_CHARACTERS_A_STEP = 128
"""Characters that a regular expression looks at in the time of one step."""
LONG_PARTS = ("<", "(", '"', "'")
"""Beginnings of parts of a link. If such a part does not end, the parser read all that follows."""
URL_STEPS = 20

INLINE_TAGS = ("b", "i", "em", "strong", "s", "u", "sub", "sup", "kbd", "br")
"""Tags that a body may hold, without attributes. `br` is the one that is not closed."""
NESTING_MAX = 20
"""Levels of blocks and inline markup; each quote and each list item takes one or two."""

WIDE = ("W", "F", "H")
"""Widths of Chinese, Japanese and Korean characters (`East_Asian_Width`)."""
FIRST_CJK = "\u1100"
CJK_SYMBOLS = ("\u2e80", "\U00010000")
"""Wide symbols that are no emoji."""

TAGS = {
    "a", "b", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i",
    "kbd", "li", "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th",
    "thead", "tr", "u", "ul",
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


def _filter_attribute(_: str, attribute: str, value: str) -> str | None:
    """Keep of classes a code block's language, of links those with an allowed scheme.

    Invisible characters of a link are left out before its scheme is read.
    """
    match attribute:
        case "class" if not value.startswith(LANGUAGE):
            return None
        case "href" if scheme := _SCHEME.match(_UNSEEN.sub("", value)):
            return value if scheme[1].lower() in SCHEMES else None
    return value


_cleaner = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    attribute_filter=_filter_attribute,
    url_schemes=SCHEMES,
    link_rel=LINK_REL,
    strip_comments=True,
)


_LINE_END = re.compile(r"\r\n?")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_RUN = {marker: re.compile(f"[{marker}]+") for marker in "*_"}
_LABEL = re.compile(r"\[\^[^\] \n]*")
_UNBROKEN = re.compile(r"\S*")
_TAG = re.compile(rf"<(/?)({'|'.join(INLINE_TAGS)})\s*/?>", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]")
_MARKUP = re.compile(r"<[^>]*>")
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
    """A body takes more steps to render than its length allows."""


class _CountingState(StateBlock):
    """Counts tokens as they are made: a short row of a wide table makes many."""

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        _work.spend(INLINE_TOKEN_STEPS if ttype == "inline" else TOKEN_STEPS)
        return super().push(ttype, tag, nesting)


class _BlockParser(ParserBlock):
    """Show blocks that are nested too deep as one paragraph; the library drops their words."""

    def parse(
        self,
        src: str,
        md: MarkdownIt,
        env: EnvType,
        outTokens: list[Token],  # noqa: N803
    ) -> list[Token] | None:
        if src:
            state = _CountingState(src, md, env, outTokens)
            self.tokenize(state, state.line, state.lineMax)
        return outTokens

    def tokenize(self, state: StateBlock, startLine: int, endLine: int) -> None:  # noqa: N803
        _work.spend(NESTED_STEPS)
        if state.level < NESTING_MAX:
            super().tokenize(state, startLine, endLine)
            return
        end = startLine
        while end < endLine and (
            state.isEmpty(end) or not 0 <= state.sCount[end] < state.blkIndent
        ):
            end += 1
        text = state.getLines(startLine, end, state.blkIndent, keepLastLF=False).strip()
        state.line = max(end, startLine + 1)
        if text:
            state.push("paragraph_open", "p", 1).map = [startLine, end]
            inline = state.push("inline", "", 0)
            inline.content, inline.map, inline.children = text, [startLine, end], []
            state.push("paragraph_close", "p", -1)


class _InlineState(StateInline):
    """Finds emphasis beside Chinese, Japanese and Korean characters.

    These languages put no blank between a word and its punctuation, so that CommonMark takes the
    second `**` of `**强调。**后` for text. Their punctuation counts as letters here, and their
    characters as the edge of a word, as in the specification of `markdown-cjk-friendly`.
    """

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: FBT001, N802, N803
        scanned = super().scanDelims(start, canSplitWord)
        end = start + scanned.length
        last = self.src[start - 1] if start else " "
        following = self.src[end] if end < self.posMax else " "
        last_is_cjk, next_is_cjk = _is_cjk(last), _is_cjk(following)
        if not last_is_cjk and not next_is_cjk:
            return scanned
        last_is_punct, next_is_punct = _is_punctuation(last), _is_punctuation(following)
        last_is_edge = last_is_cjk or last_is_punct or isWhiteSpace(ord(last))
        next_is_edge = next_is_cjk or next_is_punct or isWhiteSpace(ord(following))
        begins = not isWhiteSpace(ord(following)) and (
            next_is_cjk or not next_is_punct or last_is_edge
        )
        ends = not isWhiteSpace(ord(last)) and (last_is_cjk or not last_is_punct or next_is_edge)
        return Scanned(
            begins and (canSplitWord or not ends or last_is_punct),
            ends and (canSplitWord or not begins or next_is_punct),
            scanned.length,
        )


def _is_punctuation(character: str) -> bool:
    return isMdAsciiPunct(ord(character)) or isPunctChar(character)


def _is_cjk(character: str) -> bool:
    """Return whether a character is wide, or half-width Japanese or Korean, and no emoji."""
    if character < FIRST_CJK or east_asian_width(character) not in WIDE:
        return False
    is_symbol = category(character) in ("So", "Sk")
    return not is_symbol or CJK_SYMBOLS[0] <= character < CJK_SYMBOLS[1]


class _InlineParser(ParserInline):
    """Counts the steps of looking ahead for the end of a link's text."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        state = _InlineState(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens

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
            label = _LABEL.match(state.src, state.pos, state.posMax)
            seen = 0 if label is None else len(label[0])
            _work.spend(BRACKET_STEPS + seen // CHARACTERS_A_STEP)
        case ":" if state.src.startswith("://", state.pos):
            _work.spend(URL_STEPS + len(state.pending) // MATCHED_CHARACTERS_A_STEP)
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


def _tag(state: StateInline, silent: bool) -> bool:  # noqa: FBT001
    """Take one of `INLINE_TAGS` for a tag; any other `<` is text."""
    found = _TAG.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        name = found[2].lower()
        token = state.push("br_tag" if name == "br" else "tag", name, 0)
        token.content, token.meta = found[0], {"closes": bool(found[1])}
    state.pos = found.end()
    return True


def _has_known_scheme(url: str) -> bool:
    """Return whether a link leads somewhere: neither relative nor with a scheme that runs."""
    scheme = _SCHEME.match(_UNSEEN.sub("", url))
    return scheme is not None and scheme[1].lower() in SCHEMES


def _parser(*, breaks: bool) -> MarkdownIt:
    made = MarkdownIt("commonmark", {"maxNesting": NESTING_MAX, "breaks": breaks, "linkify": True})
    made.block, made.inline = _BlockParser(), _InlineParser()
    made.configure("commonmark")
    made.options.update({"maxNesting": NESTING_MAX, "breaks": breaks, "linkify": True})
    made.use(footnote_plugin, inline=False)
    made.disable(["html_block", "html_inline", "footnote_tail"])
    made.enable(["table", "strikethrough", "linkify"])
    made.core.ruler.disable("linkify")  # it looks for addresses without a scheme, too
    made.inline.ruler.after("html_inline", "tag", _tag)
    before_others: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    made.block.ruler.before("code", "work", _count_block, before_others)
    made.inline.ruler.before("text", "work", _count_inline)
    made.block.ruler.enable("work")
    made.inline.ruler.enable(["work", "tag"])
    counting: Any = SimpleNamespace(
        parseLinkLabel=helpers.parseLinkLabel,
        parseLinkDestination=_counting(helpers.parseLinkDestination),
        parseLinkTitle=_counting(helpers.parseLinkTitle),
    )
    made.helpers = counting
    made.validateLink = _has_known_scheme  # type: ignore[method-assign]
    for name, rule in _RENDERERS.items():
        made.add_render_rule(name, rule)
    return made


def _render_tag(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    tag = tokens[index]
    return f"</{tag.tag}>" if tag.meta["closes"] else f"<{tag.tag}>"


def _render_footnote_label(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    return f"<sup>[{escape(tokens[index].meta['label'], quote=False)}]</sup> "


def _render_footnote_start(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    label = tokens[index].content
    return f"<p><sup>[{escape(label, quote=False)}]</sup></p>\n" if label else ""


def _render_nothing(*_: Any) -> str:
    return ""


_RENDERERS: dict[str, Callable[..., str]] = {
    "tag": _render_tag,
    "br_tag": lambda *_: "<br>",
    "footnote_ref": _render_footnote_label,
    "footnote_reference_open": _render_footnote_start,
    "footnote_reference_close": _render_nothing,
}

_parsers = {breaks: _parser(breaks=breaks) for breaks in (False, True)}
_renderer = cast(RendererHTML, _parsers[True].renderer)
_options = _parsers[True].options


def render(body: str, *, breaks: bool = True) -> str:
    """Return the body as sanitised HTML.

    With `breaks`, a single newline is a line break. An image becomes a link to it, because loading
    it would reveal the reader to its host.
    """
    try:
        html = _cleaner.clean(unsafe_html(body, breaks=breaks))
    except TooMuchWork:
        return plain(body)
    return html if _has_words(html) or not _WORD.search(body) else plain(body)


def _has_words(html: str) -> bool:
    return bool(unescape(_MARKUP.sub("", html)).strip())


def plain(body: str) -> str:
    """Return the body as HTML with every character escaped."""
    text = _LINE_END.sub("\n", body).replace("\0", "\ufffd")
    paragraphs = (lines.strip("\n") for lines in _BLANK_LINES.split(text))
    shown = (escape(lines, quote=False).replace("\n", "<br>\n") for lines in paragraphs if lines)
    return "".join(f"<p>{lines}</p>\n" for lines in shown)


def unsafe_html(body: str, *, breaks: bool = True) -> str:
    """Return the body as HTML that nobody may be shown.

    Raises TooMuchWork.
    """
    _work.left = STEPS_BASE + int(len(body) * STEPS_PER_CHARACTER)
    _work.spend(PIPE_STEPS * body.count("|"))
    parser = _parsers[breaks]
    env: dict[str, Any] = {}
    tokens = parser.parse(body, env)
    for token in tokens:
        if token.children:
            token.children = list(_without_images(_with_closed_tags(token.children)))
    _label_footnotes(tokens)
    html = str(_renderer.render(tokens, parser.options, env))
    return html + "".join(
        f"<p>{escape(line, quote=False)}</p>\n" for line in _unused(body, tokens, env)
    )


def _with_closed_tags(tokens: Sequence[Token]) -> Sequence[Token]:
    """Turn a tag into text where its other half is missing, or where too many are open."""
    open_: list[Token] = []
    paired: set[int] = set()
    for token in tokens:
        if token.type != "tag":
            continue
        if not token.meta["closes"]:
            open_.append(token)
        elif open_ and open_[-1].tag == token.tag:
            if len(open_) <= NESTING_MAX:
                paired |= {id(open_[-1]), id(token)}
            open_.pop()
    for token in tokens:
        if token.type == "tag" and id(token) not in paired:
            token.type, token.tag = "text", ""
    return tokens


def _label_footnotes(tokens: Sequence[Token]) -> None:
    """Begin each footnote, which stays where it was written, with its label."""
    for index, token in enumerate(tokens):
        if token.type != "footnote_reference_open":
            continue
        following = tokens[index + 2 : index + 3]
        if following and following[0].type == "inline" and following[0].children:
            following[0].children.insert(0, Token("footnote_ref", "", 0, meta=token.meta))
        else:
            token.content = token.meta["label"]


def _unused(body: str, tokens: Sequence[Token], env: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of link definitions that no link uses: CommonMark leaves them out."""
    definitions = [*env.get("references", {}).values(), *env.get("duplicate_refs", ())]
    if not definitions:
        return
    used = {
        child.attrGet("href")
        for token in tokens
        for child in token.children or ()
        if child.type == "link_open"
    }
    lines = _LINE_END.sub("\n", body).split("\n")
    for definition in definitions:
        if definition["href"] not in used:
            first, last = definition["map"]
            yield from lines[first:last]


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
    alt = _renderer.renderInlineAsText(image.children or [], _options, {})
    text = Token("text", "", 0, content=alt or source)
    if inside:
        yield text
        return
    yield Token("link_open", "a", 1, attrs={"href": source})
    yield text
    yield Token("link_close", "a", -1)
