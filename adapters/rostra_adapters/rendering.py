"""A comment's body as HTML: CommonMark, sanitised."""

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import cast

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

KEPT_CHARACTERS_MAX = 16 * 1024 * 1024

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


_markdown = MarkdownIt("commonmark")
_renderer = cast(RendererHTML, _markdown.renderer)


def unsanitised(body: str) -> str:
    """The body as CommonMark says. Nobody is ever shown this."""
    return str(_markdown.render(body))


def render(body: str) -> str:
    """The body as sanitised HTML, an image as a link to it: shown, it would tell its host who
    reads."""
    tokens = _markdown.parse(body)
    for token in tokens:
        if token.children:
            token.children = list(_without_images(token.children))
    return _cleaner.clean(_renderer.render(tokens, _markdown.options, {}))


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


class Rendering:
    """Renders bodies, and keeps what it rendered of each, within a bound in characters."""

    def __init__(self, characters_max: int = KEPT_CHARACTERS_MAX) -> None:
        self._characters_max = characters_max
        self._characters = 0
        self._kept: OrderedDict[str, str] = OrderedDict()

    def html(self, body: str) -> str:
        """The body as HTML that a page may hold as it is."""
        found = self._kept.get(body)
        if found is not None:
            self._kept.move_to_end(body)
            return found
        made = self._kept[body] = render(body)
        self._characters += len(body) + len(made)
        while self._characters > self._characters_max:
            gone = self._kept.popitem(last=False)
            self._characters -= sum(map(len, gone))
        return made

    def forget(self) -> None:
        """Keep nothing: somebody's words are to be gone."""
        self._kept.clear()
        self._characters = 0
