"""Worker that opens the words of comments and searches them.

It is given the keys of the authors with each part, keeps nothing of it, and ends with the search.
"""

import sys
import unicodedata
from collections.abc import Iterable
from uuid import UUID

import msgspec

from rostra.codec import open_words, words_place
from rostra.comment import CommentEdited, CommentPosted
from rostra.events import Words
from rostra.ids import person_id
from rostra.sealing import Damaged, Erased
from rostra_adapters.aio.worker_processes import serve
from rostra_adapters.keys.ring import GivenKeys, PlainKey
from rostra_projections.query_port import SealedComment


class SearchPart(msgspec.Struct, frozen=True):
    """Comments of one site to search, with the keys of their authors."""

    site: str
    words: str
    """Words that a comment must have, each anywhere in its text or its author's name."""
    comments: list[SealedComment]
    keys: list[PlainKey]


def search(part: SearchPart) -> list[UUID]:
    """Return the comments that have all the words, in the order given."""
    wanted, keys = fold_case(part.words).split(), GivenKeys(part.keys)
    return [
        comment.id
        for comment in part.comments
        if _has_all(wanted, _texts(comment, keys, person_id(part.site, comment.author)))
    ]


def fold_case(text: str) -> str:
    """Return text without differences of case and of width."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _has_all(wanted: Iterable[str], texts: Iterable[str]) -> bool:
    text = fold_case("\n".join(texts))
    return all(word in text for word in wanted)


def _texts(comment: SealedComment, keys: GivenKeys, owner: UUID) -> Iterable[str]:
    """Yield the name and the current body of a comment; nothing that is erased or altered."""
    posted = _opened(
        comment.words, keys, owner, (comment.id, CommentPosted.topic, comment.words_event)
    )
    latest = posted
    if comment.edited_event is not None:
        place = comment.id, CommentEdited.topic, comment.edited_event
        latest = _opened(comment.edited_words, keys, owner, place)
    yield posted.name or ""
    yield latest.body or ""


def _opened(
    sealed: bytes | None, keys: GivenKeys, owner: UUID, place: tuple[UUID, str, UUID | None]
) -> Words:
    stream, topic, event = place
    if sealed is None or event is None:
        return Words()
    try:
        return open_words(sealed, keys, owner, words_place(stream, topic, event))
    except (Erased, Damaged):
        return Words()


_decoder = msgspec.msgpack.Decoder(SearchPart)


def _answer(job: bytes) -> bytes:
    return msgspec.msgpack.encode(search(_decoder.decode(job)))


if __name__ == "__main__":
    serve(_answer, sys.stdin.buffer, sys.stdout.buffer)
