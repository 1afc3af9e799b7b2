"""Number of votes that each person has cast, counted from the log for moderators.

No view stores who voted. The counts are kept beside the log: they can be lost, and are then counted
again from its beginning.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from math import inf
from uuid import UUID

from rostra import codec, ids
from rostra.discussion import DiscussionOpened
from rostra.log import Recorded
from rostra.person import PersonErased
from rostra.vote import VoteCast
from rostra_adapters.aio.background import repeat_steps
from rostra_adapters.application.app import App
from rostra_adapters.application.moderation_jobs.store import VoteChanges
from rostra_adapters.application.queries.my_votes import vote_value
from rostra_adapters.application.stream_state_reader import decode_row
from rostra_adapters.lru_cache import LruCache

PAGE_EVENTS = 2_000
LOOK_SECONDS = 0.5
CAUGHT_UP_EVENTS_MAX = 20_000
"""Events that a read of one person's votes counts beforehand."""
DISCUSSIONS_KEPT_MAX = 20_000
_TOPICS = frozenset({VoteCast.topic, PersonErased.topic})
_Counted = tuple[Recorded, VoteCast | PersonErased]
_PersonsStart = tuple[int, bytes]
"""Parts that the ids of all persons of a site share (see `ids.persons_start`)."""


class VoteCounter:
    """Counts the votes of the log. Several may do so at once: each event is counted once."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._counts = app.vote_counts
        self._starts: LruCache[int, _PersonsStart] = LruCache(DISCUSSIONS_KEPT_MAX)

    async def of_person(self, person: UUID) -> int:
        """Return the number of votes of a person that are not retracted, nullified ones included.

        A process that only reads does not count: it shows what another has counted.
        """
        if not self._app.is_read_only:
            await self.catch_up(CAUGHT_UP_EVENTS_MAX)
        return await self._counts.of_person(person)

    def run(self) -> AsyncGenerator[None, None]:
        """Follow the log for ever, as the work of a background task."""
        return repeat_steps(self._handle_pages, LOOK_SECONDS)()

    async def catch_up(self, events_max: float = inf) -> None:
        """Count all votes that are recorded by now, or those of the next `events_max` events."""
        async for _ in self._handle_pages(events_max):
            pass

    async def _handle_pages(self, events_max: float = inf) -> AsyncGenerator[None, None]:
        """Count the votes of the same events as `catch_up`, a page a step."""
        history, head = await self._app.log.history(), await self._app.log.head()
        while events_max > 0:
            counted = await self._counts.checkpoint()
            if counted is None or not history.holds(counted.log, counted.position):
                await self._counts.begin(history.id)
                continue
            if counted.position >= head:
                return
            limit = int(min(PAGE_EVENTS, events_max))
            page = await self._app.log.read_after(counted.position, limit, may_be_cached=True)
            if not page:
                return
            position, changes = page[-1].position, await self._changes(page)
            await self._counts.add(counted, history.id, position, changes)
            events_max -= len(page)
            yield

    async def _changes(self, page: Sequence[Recorded]) -> VoteChanges:
        events = [(row, event) for row in page if (event := _event(row)) is not None]
        starts = await self._starts_of(events)
        before = await self._values_before(events)
        erased: set[UUID] = set()
        added: dict[int, int] = {}
        for row, event in events:
            if isinstance(event, PersonErased):
                erased.add(row.stream)
                added.pop(row.stream.int, None)
                continue
            was = before.get(row.position, event.was)
            votes = (event.value != 0) - (was != 0)
            start = starts.get(ids.prefix_of(row.stream))
            if votes and start is not None:
                person = ids.number_of(*start, codec.encode(event.voter))
                added[person] = added.get(person, 0) + votes
        return VoteChanges(erased, dict(zip(ids.uuids(added), added.values(), strict=True)))

    async def _values_before(self, events: Sequence[_Counted]) -> Mapping[int, int]:
        """Return earlier values of votes, by the position of each change without them.

        The effect of a nullified vote is 0, as that of a retracted one.
        """
        unknown = [
            row
            for row, event in events
            if isinstance(event, VoteCast) and not event.was and row.version > 1
        ]
        streams = await self._app.log.read_streams([row.stream for row in unknown])
        return {
            row.position: vote_value(
                [each for each in streams[row.stream] if each.version < row.version]
            )
            for row in unknown
        }

    async def _starts_of(self, events: Sequence[_Counted]) -> Mapping[int, _PersonsStart]:
        """Return the parts that ids of persons share, by the prefix of discussions voted in."""
        wanted = {
            ids.prefix_of(row.stream): row.stream
            for row, event in events
            if type(event) is VoteCast
        }
        found = {one: start for one in wanted if (start := self._starts.find(one)) is not None}
        unknown = [ids.discussion_of(wanted[one]) for one in wanted.keys() - found.keys()]
        streams = await self._app.log.read_streams(unknown)
        for discussion, rows in streams.items():
            for row in rows:
                if isinstance(opened := decode_row(row), DiscussionOpened):
                    prefix, start = ids.prefix_of(discussion), ids.persons_start(opened.site)
                    found[prefix] = start
                    self._starts.put(prefix, start)
                    break
        return found


def _event(row: Recorded) -> VoteCast | PersonErased | None:
    """Return the event of a row that counts, None for any other and for one that is damaged."""
    if row.topic not in _TOPICS or not ids.is_ours(row.stream):
        return None
    event = decode_row(row)
    return event if isinstance(event, VoteCast | PersonErased) else None
