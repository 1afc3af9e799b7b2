"""Worker that opens the words of comments and searches them.

It is given the keys of the authors with each part, keeps nothing of it, and ends with the search.
"""

import sys
from collections.abc import Iterable
from uuid import UUID

import msgspec

from rostra.codec import find_words
from rostra.combining_marks import compatible_form
from rostra.comment import CommentEdited, CommentPosted
from rostra.ids import person_id
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
    return compatible_form(compatible_form(text).casefold())


def _has_all(wanted: Iterable[str], texts: Iterable[str]) -> bool:
    text = fold_case("\n".join(texts))
    return all(word in text for word in wanted)


def _texts(comment: SealedComment, keys: GivenKeys, owner: UUID) -> Iterable[str]:
    """Yield the name and the current body of a comment; nothing that is erased or altered."""
    place = comment.id, CommentPosted.topic, comment.words_event
    posted = latest = find_words(comment.words, keys, owner, *place)
    if comment.edited_event is not None:
        place = comment.id, CommentEdited.topic, comment.edited_event
        latest = find_words(comment.edited_words, keys, owner, *place)
    yield (posted and posted.name) or ""
    yield (latest and latest.body) or ""


_decoder = msgspec.msgpack.Decoder(SearchPart)


def _answer(job: bytes) -> bytes:
    return msgspec.msgpack.encode(search(_decoder.decode(job)))


if __name__ == "__main__":
    serve(_answer, sys.stdin.buffer, sys.stdout.buffer)
