"""Comments' bodies as readers see them, for the rules of sites."""

from html.parser import HTMLParser

from rostra.content_rules import ShownBody
from rostra_adapters.application.queries.rendering import render

_BLOCKS = frozenset(
    ("p", "li", "br", "td", "th", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "hr")
)


class _Reader(HTMLParser):
    """Reader of the visible text and the links of rendered HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n")
        if tag == "a":
            target = dict(attrs).get("href") or ""
            if not target.startswith("#"):  # a footnote's link stays in the comment
                self.targets.append(target)

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def shown_body(body: str, *, breaks: bool) -> ShownBody:
    """Return the visible text of a body, and the number of its links."""
    reader = _Reader()
    reader.feed(render(body, breaks=breaks))
    reader.close()
    text = "".join(reader.parts)
    return ShownBody("\n".join([text, *reader.targets]), len(reader.targets))
