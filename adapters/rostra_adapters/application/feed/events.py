"""The feed: the log as CloudEvents that can be published again.

It has exactly the published types. Conclusions of Rostra, and rows that other programs wrote into
the log, are left out.
"""

import logging
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import Protocol
from uuid import UUID

import msgspec

from rostra import codec, ids
from rostra.article import ArticleRevised
from rostra.codec import AnyEvent
from rostra.commands import FEED_TOPICS
from rostra.comment import CommentEdited, CommentWordingHeld
from rostra.events import Words
from rostra.log import EventLog, Recorded
from rostra.sealing import Damaged, Erased, KeyRing
from rostra_adapters.application.feed.data import (
    WORDED,
    Data,
    data_of,
    required_names,
    with_text,
    with_words,
)
from rostra_adapters.application.feed.names import Names

ROWS_READ_MAX = 500
ROWS_LOOKED_AT_MAX = 20_000
PAGE_BYTES_MAX = 8 * 1024 * 1024
TEXT_CHARACTERS_MAX = 8 * 1024 * 1024
SEQUENCE_DIGITS = 20

_logger = logging.getLogger(__name__)


class Wanted(msgspec.Struct, frozen=True):
    """Filter of the feed; by default everything.

    A resource or a person is one of the site; `discussion` is the resource's id. A person's events
    are those of their words and their acts.
    """

    types: frozenset[str] = FEED_TOPICS
    site: str | None = None
    resource: str | None = None
    person: str | None = None
    discussion: UUID | None = None

    async def resolve(self, named: Callable[[str, str], Awaitable[UUID]]) -> "Wanted":
        """Return a filter by discussion, since the resource may be an alias of a moved one."""
        if self.site is None or self.resource is None:
            return self
        discussion = await named(self.site, self.resource)
        return msgspec.structs.replace(self, discussion=discussion)

    def may_hold(self, row: Recorded) -> bool:
        """Return False if the row alone shows that the filter excludes it."""
        if codec.published_topic(row.topic) not in self.types or not ids.is_ours(row.stream):
            return False
        if self.site is None or self.resource is None:
            return True
        return self._is_of_resource(row.stream)

    def holds(self, published: "_Published", data: Data) -> bool:
        """Return whether the filter takes the event and its subject."""
        return self.site in (None, data["site"]) and self.person in (None, _whose(published))

    def matches(self, event: "FeedEvent") -> bool:
        """Return whether the filter takes an event."""
        return (
            event.topic in self.types
            and self.site in (None, event.site)
            and (self.resource is None or self._is_of_resource(event.stream))
        )

    def _is_of_resource(self, stream: UUID) -> bool:
        assert self.site is not None and self.resource is not None
        named = self.discussion or ids.discussion_id(self.site, self.resource)
        return ids.discussion_of(stream) == named


ALL_EVENTS = Wanted()


def _whose(published: "_Published") -> str | None:
    """Return the person who did it, None if nobody is named.

    A passage's event does not say who marked it; its metadata does. A comment's words are its
    author's, also when somebody else edits them.
    """
    event, acted = published.event, published.origin.by
    if not isinstance(event, CommentEdited | CommentWordingHeld):
        return acted
    return event.author if event.by in (None, event.author) else None


class FeedEvent(msgspec.Struct, frozen=True, gc=False):
    """A CloudEvent as JSON, its place in the log, and what filters look at."""

    position: int
    json: bytes
    topic: str
    site: str
    stream: UUID


class FeedPage(msgspec.Struct, frozen=True):
    """`position` is the last one looked at: the next page begins after it."""

    events: list[FeedEvent]
    position: int


class Texts(Protocol):
    """The texts of articles."""

    async def read(self, discussion: UUID, text_hash: str) -> str | None:
        """None where it was dropped."""


class Feed:
    """Reads pages of the feed. Names that it has looked up it keeps, within a bound."""

    def __init__(self, log: EventLog, ring: KeyRing, texts: Texts) -> None:
        self._log = log
        self._ring = ring
        self._texts = texts
        self._names = Names(log)

    async def page(self, after: int, *, limit: int, wanted: Wanted = ALL_EVENTS) -> FeedPage:
        """Return the next events after a position, at most `limit`.

        A page has fewer events if more would be too long to send or to search for.
        """
        events: list[FeedEvent] = []
        position = after
        size = looked_at = 0
        while looked_at < ROWS_LOOKED_AT_MAX and size < PAGE_BYTES_MAX:
            rows = await self._log.read_after(position, ROWS_READ_MAX)
            if not rows:
                break
            for part in split_by_size(rows):
                found = await self.events_of(part, wanted)
                events += found
                if len(events) >= limit:
                    return FeedPage(events[:limit], events[limit - 1].position)
                position = part[-1].position
                looked_at += len(part)
                size += sum(len(event.json) for event in found)
                if size >= PAGE_BYTES_MAX:
                    break
        return FeedPage(events, position)

    async def pages(self, *, wanted: Wanted = ALL_EVENTS) -> AsyncIterator[FeedPage]:
        """Yield the whole feed up to the log's present head."""
        head, position = await self._log.head(), 0
        while position < head:
            page = await self.page(position, limit=ROWS_READ_MAX, wanted=wanted)
            if page.position == position:  # the rest is a gap
                return
            position = page.position
            yield page

    async def events_of(
        self, rows: Sequence[Recorded], wanted: Wanted = ALL_EVENTS
    ) -> list[FeedEvent]:
        """Return the events of the feed among rows of the log."""
        found = [event for row in rows if wanted.may_hold(row) and (event := _published(row))]
        for event in found:
            self._names.learn(event.row.stream, event.event)
        names = await self._names.of(
            {name for event in found for name in required_names(event.row.stream, event.event)}
        )
        shown = [
            (event, data)
            for event in found
            if (data := data_of(event.row.stream, event.event, names)) and wanted.holds(event, data)
        ]
        texts = await self._texts_of(event for event, _ in shown)
        # Last, since a loaded key may be destroyed during any wait.
        await self._ring.load({_owner(event, data) for event, data in shown if event.sealed})
        return [
            FeedEvent(
                event.row.position,
                self._json(event, data, texts),
                codec.published_topic(event.row.topic),
                str(data["site"]),
                event.row.stream,
            )
            for event, data in shown
        ]

    async def _texts_of(self, shown: Iterable["_Published"]) -> dict[int, str | None]:
        """Return the texts of the revisions among events, by position."""
        return {
            one.row.position: await self._texts.read(
                ids.discussion_of(one.row.stream), one.event.hash
            )
            for one in shown
            if isinstance(one.event, ArticleRevised)
        }

    def _json(self, published: "_Published", data: Data, texts: Mapping[int, str | None]) -> bytes:
        row = published.row
        if row.position in texts:
            data = with_text(data, texts[row.position])
        if published.sealed is not None:
            owner = _owner(published, data)
            data = with_words(published.event, data, self._words(published, owner))
        elif isinstance(published.event, WORDED):  # its words were gone before it came here
            data = with_words(published.event, data, None)
        return msgspec.json.encode(
            {
                "specversion": "1.0",
                "id": published.origin.id,
                "source": published.origin.source,
                "type": codec.published_topic(row.topic),
                "time": published.event.time,
                "sequence": f"{row.position:0{SEQUENCE_DIGITS}}",
                "data": data,
            }
        )

    def _words(self, published: "_Published", owner: UUID) -> Words | None:
        """Return the words, None if they are erased or altered."""
        row = published.row
        place = codec.words_place(row.stream, row.topic, published.event_id)
        try:
            return codec.open_words(published.sealed or b"", self._ring, owner, place)
        except Erased:
            return None
        except Damaged:
            _logger.exception("the words at position %d do not open", row.position)
            return None


def split_by_size(rows: Sequence[Recorded]) -> Iterator[Sequence[Recorded]]:
    """Yield the rows in parts, each with at most as much text of articles as is read at once."""
    start = characters = 0
    for index, row in enumerate(rows):
        if row.topic != ArticleRevised.topic:
            continue
        length = _characters(row)
        if characters + length > TEXT_CHARACTERS_MAX and index > start:
            yield rows[start:index]
            start, characters = index, 0
        characters += length
    if start < len(rows):
        yield rows[start:]


def _characters(row: Recorded) -> int:
    published = _published(row)
    if published is None or not isinstance(published.event, ArticleRevised):
        return 0
    return published.event.characters


class _Origin(msgspec.Struct, frozen=True, gc=False):
    """Publisher's name of an event and the person who acted, from a row's metadata."""

    source: str
    id: str
    by: str | None = None


class _Published(msgspec.Struct, frozen=True):
    row: Recorded
    event: AnyEvent
    event_id: UUID
    origin: _Origin

    @property
    def sealed(self) -> bytes | None:
        """The words as the log has them."""
        return codec.sealed_words(self.event)


_origin = msgspec.json.Decoder(_Origin)


def _published(row: Recorded) -> _Published | None:
    """Return the row as a published event, None if it is not one."""
    if row.event_id is None or row.metadata is None:
        return None
    try:
        event, origin = codec.decode(row.topic, row.state), _origin.decode(row.metadata)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _logger.warning("passed over position %d: not a %s of ours", row.position, row.topic)
        return None
    return None if event is None else _Published(row, event, row.event_id, origin)


def _owner(published: _Published, data: Data) -> UUID:
    return codec.words_owner(published.event, str(data["site"]))
