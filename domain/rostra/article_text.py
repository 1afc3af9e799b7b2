"""Plain text of an article, in which passages are marked and which their offsets count.

Normalisation 1 holds for plain text and for the text of HTML:

- CR LF and CR become LF. A byte order mark at the beginning is removed.
- NUL and lone surrogates each become U+FFFD, because UTF-8 and the database refuse them.
- All other code points are unchanged. There is no NFC, no case folding and no squeezing of white
  space. So a browser that counts the code points on its page computes the same offsets.
  `rostra.anchoring.normalise` handles other forms when it compares texts.

The text of HTML is a browser's `textContent` without hidden elements (`HIDDEN`). A LF is added
where a block or a table's cell begins or ends, unless the markup has a line break there. `<br>` is
a LF.

Offsets are Unicode code points, as in Python. Browsers count UTF-16 code units; `utf16_offset` and
`code_point_offset` convert them.
"""

import re
from collections.abc import Iterator
from typing import Any

from rostra.refusals import Refusal

NORMALISATION = 1
"""Goes up whenever the same input would give another text: offsets mean that text alone."""

OPEN_ELEMENTS_MAX = 2_000
"""Parsers take time in the square of the depth; articles are some 30 deep, browsers stop at 512."""

HIDDEN = frozenset({"script", "style", "template", "noscript", "noembed", "noframes", "iframe"})
_BLOCKS = """
    address article aside blockquote body caption center dd details dialog dir div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li listing
    main menu nav ol optgroup option p plaintext pre search section select summary table tbody td
    tfoot th thead title tr ul xmp
"""
BLOCKS = frozenset(_BLOCKS.split())
_ENDED_BY_OTHERS = "p|li|dt|dd|tr|td|th|thead|tbody|tfoot|option|optgroup|colgroup|rt|rp"
_VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_NESTING_TAG = re.compile(
    rf"<(?!(?:{_ENDED_BY_OTHERS}|{_VOID})\b)(?:[a-z][^<>]*|(?P<end>/)[a-z])", re.IGNORECASE
)
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


def normalise(text: str) -> str:
    """Unify line ends, drop a leading byte order mark, and replace NUL and lone surrogates.

    Normalising a text twice gives the same text.
    """
    unified = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return _NOT_TEXT.sub("\ufffd", unified)


def text_of_html(html: str) -> str:
    """Return the text of an HTML fragment or document.

    Raises a Refusal if the HTML is nested too deeply.
    """
    _check_depth(html)
    # The parser's sanitiser would take away text; nothing here is ever shown as HTML.
    from justhtml import JustHTML  # half of what `import rostra` would cost

    tree = JustHTML(normalise(html), sanitize=False)
    return normalise("".join(_lines(_pieces(tree.root))))


def utf16_offset(text: str, offset: int) -> int:
    """Return the number of UTF-16 code units before the code point at `offset`."""
    return len(text[:offset].encode("utf-16-le", "surrogatepass")) // 2


def code_point_offset(text: str, units: int) -> int:
    """Return the number of code points before a UTF-16 code unit; within a pair, before it."""
    before = text[:units].encode("utf-16-le", "replace")[: 2 * units]
    return len(before.decode("utf-16-le", "ignore"))


def _check_depth(html: str) -> None:
    """Raise a Refusal if start tags, less end tags, show that HTML may be too deep."""
    depth = 0
    for tag in _NESTING_TAG.finditer(html):
        depth = max(depth - 1, 0) if tag["end"] else depth + 1
        if depth > OPEN_ELEMENTS_MAX:
            detail = f"more than {OPEN_ELEMENTS_MAX} elements of the HTML are open at once"
            raise Refusal("html-too-deep", detail)


def _pieces(root: Any) -> Iterator[str | None]:
    """Yield texts in document order, and None where a block begins or ends. Do not recurse."""
    waiting: list[Any] = [root]
    while waiting:
        node = waiting.pop()
        if node is None:
            yield None
        elif node.name == "#text":
            yield node.data
        elif node.name == "br":
            yield "\n"
        elif node.name not in HIDDEN:
            edge = [None] if node.name in BLOCKS else []
            waiting += [*edge, *reversed(node.children or []), *edge]


def _lines(pieces: Iterator[str | None]) -> Iterator[str]:
    """Yield the pieces, with a line break at a block's edge unless the text has one."""
    at_edge, fresh = False, True
    for piece in pieces:
        if piece is None:
            at_edge = True
        elif piece:
            blank = piece[: len(piece) - len(piece.lstrip())]
            if at_edge and not fresh and "\n" not in blank:
                yield "\n"
                fresh = True
            yield piece
            at_edge, fresh = False, _breaks_line(piece, fresh=fresh)


def _breaks_line(piece: str, *, fresh: bool) -> bool:
    """Return whether only white space follows the last line break of the piece."""
    rest = piece.rpartition("\n")
    return not rest[2].strip() and (fresh or bool(rest[1]))
