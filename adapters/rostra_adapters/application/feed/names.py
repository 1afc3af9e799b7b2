"""Publishers' names of the log's streams: sites, resources, keys."""

from collections.abc import Collection
from itertools import islice
from uuid import UUID

import msgspec

from rostra.codec import AnyEvent
from rostra.comment import CommentPosted
from rostra.discussion import DiscussionOpened
from rostra.log import EventLog
from rostra.passage import PassageMarked
from rostra_adapters.application.stream_state_reader import decode_row
from rostra_adapters.lru_cache import LruCache

NAMES_KEPT_MAX = 100_000
STREAMS_READ_MAX = 1_000


class Name(msgspec.Struct, frozen=True, gc=False):
    """Names of a stream: a discussion's site and resource, a comment's or a passage's key."""

    site: str | None = None
    resource: str | None = None
    key: str | None = None


class Names:
    """Names by id, learned from the events that give them, kept within a bound."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._cache: LruCache[UUID, Name] = LruCache(NAMES_KEPT_MAX)

    def learn(self, stream: UUID, event: AnyEvent) -> None:
        """Keep the name that an event gives, if it does."""
        name = _given(event)
        if name is not None:
            self._cache.put(stream, name)

    async def of(self, wanted: Collection[UUID]) -> dict[UUID, Name]:
        """Return the names of streams. A stream without a name in the log is left out."""
        found = {stream: name for stream in wanted if (name := self._cache.find(stream))}
        missing = iter([stream for stream in wanted if stream not in found])
        while batch := list(islice(missing, STREAMS_READ_MAX)):
            for stream, rows in (await self._log.read_streams(batch)).items():
                first = decode_row(rows[0]) if rows else None
                if first is not None and (name := _given(first)):
                    self._cache.put(stream, name)
                    found[stream] = name
        return found


def _given(event: AnyEvent) -> Name | None:
    if isinstance(event, DiscussionOpened):
        return Name(site=event.site, resource=event.resource)
    if isinstance(event, CommentPosted | PassageMarked):
        return Name(key=event.key)
    return None
