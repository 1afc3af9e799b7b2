"""Folded streams of a batch of commands, which change as the batch decides.

Later commands of a batch see the effects of earlier ones. The versions that a decision saw are its
guards.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, assert_never
from uuid import UUID

import msgspec

from rostra import (
    article,
    codec,
    comment,
    discussion,
    flag,
    ids,
    passage,
    person,
    site,
    subscription,
    vote,
)
from rostra.codec import AnyEvent
from rostra.deciding.text_work import Work, WorkResult
from rostra.events import Words
from rostra.ids import EventId, StreamId
from rostra.log import Recorded
from rostra.passage import Passage
from rostra.refusals import Refusal
from rostra.sealing import Damaged, Erased, KeyRing
from rostra.times import Time

Events = list[tuple[StreamId, AnyEvent]]
"""Events with the stream each is for; one at least is for the command's subject."""
_FOLDS: dict[ids.Kind, tuple[Any, Callable[[Any, Any], Any]]] = {
    ids.Kind.SITE: (site.INITIAL, site.evolve),
    ids.Kind.PERSON: (person.INITIAL, person.evolve),
    ids.Kind.DISCUSSION: (discussion.INITIAL, discussion.evolve),
    ids.Kind.COMMENT: (comment.INITIAL, comment.evolve),
    ids.Kind.VOTE: (vote.INITIAL, vote.evolve),
    ids.Kind.SUBSCRIPTION: (subscription.INITIAL, subscription.evolve),
    ids.Kind.PASSAGE: (passage.INITIAL, passage.evolve),
    ids.Kind.FLAG: (flag.INITIAL, flag.evolve),
}


def _fold_of(stream: UUID) -> tuple[Any, Callable[[Any, Any], Any]]:
    if ids.is_article(stream):
        return article.INITIAL, article.evolve
    return _FOLDS[ids.kind_of(stream)]


def _of_one_type(before: Any, after: Any) -> Any:
    """Return the state after an event. Raises TypeError where its stream is of another kind."""
    if type(after) is not type(before):
        raise TypeError(f"it does not change a {type(before).__name__}")
    return after


class NeedsMore(Exception):
    """A decision needs streams, a key or results of work that are not loaded yet."""

    def __init__(
        self,
        *,
        streams: Collection[StreamId] = (),
        owner: UUID | None = None,
        works: Collection[Work] = (),
    ) -> None:
        super().__init__("not there yet")
        self.streams = frozenset(streams)
        self.owner = owner
        self.works = frozenset(works)


class EventRef(msgspec.Struct, gc=False):
    """An event of a stream, as small as it can be: streams are kept in memory."""

    event_id: int | None
    """Number of the event's id (`UUID.int`)."""
    topic: str
    position: int | None
    """None while the event waits to be appended, and for ever where that was refused."""
    content: object
    """Content that a repeat must equal (`rostra.deciding.repeats`), if the state lacks it."""


class FirstVote(EventRef, gc=False):
    """The stream of a vote that was cast once, in one small object: most streams are such.

    It is also the reference to the stream's only event.
    """

    comment: UUID
    voter: str
    time: Time
    source: str
    id: str

    plain: ClassVar[bool] = False
    version: ClassVar[int] = 1

    def stream(self) -> "StreamState":
        """Return the stream as any other."""
        order = self.time, self.source, self.id
        value: Any = self.content
        return StreamState(vote.Vote(self.comment, self.voter, order, value, casts=1), (self,))


def _content(event: AnyEvent) -> object:
    """Return the part of an event that distinguishes it from another event of the same id."""
    match event:
        case vote.VoteCast():
            return event.value
        case comment.CommentEdited() | comment.CommentWordingHeld():
            return event.personal
        case discussion.DiscussionMoved():
            return event.to
        case discussion.DiscussionAliased():
            return event.opened
        case article.ArticleRevised():
            return event.revision
        case subscription.SubscriptionStarted():
            return event.to
        case (
            comment.CommentApproved() | comment.CommentRejected() | comment.CommentWordingRejected()
        ):
            return event.wording
        case person.PersonBanned():
            return event.until, event.comments, event.votes
        case person.PersonUnbanned():
            return event.restore
        case (
            comment.CommentPosted()
            | comment.CommentHeld()
            | comment.CommentRemoved()
            | comment.CommentRestored()
            | comment.CommentPinned()
            | comment.CommentUnpinned()
            | vote.VoteNullified()
            | vote.VoteRestored()
            | flag.CommentFlagged()
            | passage.PassageMarked()
            | passage.PassageMoved()
            | passage.PassageOrphaned()
            | passage.PassageClosed()
            | passage.PassageReopened()
            | passage.PassageUnmarked()
            | article.ArticleMarked()
            | discussion.DiscussionOpened()
            | discussion.DiscussionClosed()
            | discussion.DiscussionReopened()
            | person.PersonTrusted()
            | person.PersonErased()
            | person.PersonReturned()
            | person.PersonConfigured()
            | person.PersonLabelled()
            | person.PersonDistrusted()
            | subscription.SubscriptionEnded()
            | site.SiteConfigured()
        ):
            return None
        case _:
            assert_never(event)


class StreamState(msgspec.Struct, frozen=True, gc=False):
    """A stream: its events seen so far and the state they fold to."""

    state: Any
    seen: tuple[EventRef, ...]
    payload_bytes: int = 0
    plain: bool = False
    """True if the state holds words that are not sealed."""
    fault: str | None = None
    """The first event that cannot be folded, and why: nothing more is decided about it."""

    @property
    def version(self) -> int:
        return len(self.seen)


StoredStream = StreamState | FirstVote
"""A stream as it is kept in memory."""


def fold(kind: ids.Kind, events: Iterable[AnyEvent | None]) -> Any:
    """Return the state of an aggregate after its events, as `fold_stream` does."""
    return _fold_events(*_FOLDS[kind], events)


def fold_stream(stream: UUID, events: Iterable[AnyEvent | None], begun: Any = None) -> Any:
    """Return the state of a stream, which may be an article's, after its events.

    An event of an unknown topic is None. If a state is given, the events are those after it.
    """
    initial, evolve = _fold_of(stream)
    return _fold_events(initial if begun is None else begun, evolve, events)


def _fold_events(
    state: Any, evolve: Callable[[Any, Any], Any], events: Iterable[AnyEvent | None]
) -> Any:
    for event in events:
        state = _pass_over(state) if event is None else evolve(state, event)
    return state


def _pass_over(state: Any) -> Any:
    """Return the state after an event of an unknown topic, which counts in the version."""
    if not isinstance(state, person.Person | comment.Comment):
        return state  # without a version
    return msgspec.structs.replace(state, version=state.version + 1)


def unwritten_of(kind: ids.Kind) -> StreamState:
    """Return a stream without events."""
    return StreamState(_FOLDS[kind][0], ())


def _whole(stream: StoredStream) -> StreamState:
    return stream.stream() if isinstance(stream, FirstVote) else stream


class StreamSource(Protocol):
    """Cached streams."""

    def find(self, number: int) -> StoredStream | None:
        """Return the cached or assumed state of a stream; None if it has to be read."""


class StreamStates:
    """Streams as one attempt to decide sees them, by the numbers of their ids.

    A UUID's own hash takes two calls.
    """

    def __init__(self, cache: StreamSource | None = None) -> None:
        self._cache = cache
        self.by_stream: dict[int, StoredStream] = {}
        """All streams that were read or looked at."""
        self.written: dict[int, StoredStream] = {}
        """Streams that decisions have changed. The others may be shared, and never change."""
        self._bases: dict[int, int] = {}

    def find(self, number: int) -> StreamState | None:
        """Return a stream as it was read, cached or changed; None if it must be read."""
        state = self.by_stream.get(number)
        if state is None:
            if self._cache is None:
                return None
            state = self._cache.find(number)
            if state is None:
                return None
            self.by_stream[number] = state
        return state if type(state) is StreamState else _whole(state)

    def load(self, stream: StreamId, rows: Iterable[Recorded]) -> None:
        """Fold a stream that was read. Foreign events change no more than its version."""
        state, evolve = _fold_of(stream)
        seen: list[EventRef] = []
        payload_bytes = 0
        fault = None
        for row in rows:
            payload_bytes += len(row.state)
            content = None
            try:
                event = codec.decode(row.topic, row.state)
                if event is None:
                    state = _pass_over(state)
                elif fault is None:
                    content = _content(event)
                    state = _of_one_type(state, evolve(state, event))
            except Exception as error:  # noqa: BLE001  # another writer may have recorded anything
                fault = fault or f"position {row.position}: {error}"
            event_id = None if row.event_id is None else row.event_id.int
            seen.append(EventRef(event_id, row.topic, row.position, content))
        self.by_stream[stream.int] = StreamState(state, tuple(seen), payload_bytes, fault=fault)

    def base(self, number: int) -> int:
        """Return a stream's version before this attempt."""
        version = self._bases.get(number)
        return self.by_stream[number].version if version is None else version

    def write(self, number: int, before: StreamState, after: StoredStream) -> None:
        """Let the commands that follow see a changed stream."""
        if number not in self.written:
            self._bases[number] = len(before.seen)
        self.by_stream[number] = self.written[number] = after

    def apply(self, stream: StreamId, event: AnyEvent, event_id: EventId) -> EventRef:
        """Let the commands that follow see a decided event."""
        before = self.state_of(stream)
        _, evolve = _fold_of(stream)
        seen = EventRef(event_id.int, event.topic, None, _content(event))
        plain = before.plain or codec.plain_words(event) is not None
        after = StreamState(
            evolve(before.state, event), (*before.seen, seen), before.payload_bytes, plain
        )
        self.write(stream.int, before, after)
        return seen

    def state_of(self, stream: StreamId) -> StreamState:
        """Return a stream. Raises NeedsMore if it has not been read."""
        state = self.find(stream.int)
        if state is None:
            raise NeedsMore(streams=[stream])
        return state


class DecisionContext:
    """One command's look at the streams.

    `guards`: versions that it saw, by the numbers of stream ids. `keyless`: owners for whom no
    key can be made.
    """

    def __init__(
        self,
        states: StreamStates,
        ring: KeyRing,
        keys_loaded: set[UUID],
        keyless: Collection[UUID] = (),
        worked: Mapping[Work, WorkResult] | None = None,
    ) -> None:
        self._states = states
        self._ring = ring
        self._keys_loaded = keys_loaded
        self.keyless = keyless
        self._worked = {} if worked is None else worked
        self._looked_at: dict[int, StreamState] = {}
        self.guards: dict[int, int] = {}

    def state_of(self, stream: StreamId) -> StreamState:
        """Return a whole stream, and guard its version.

        Raises the Refusal `stream-unreadable` if an event of it cannot be folded.
        """
        current = self._looked_at.get(stream.int)
        if current is None:
            current = self._looked_at[stream.int] = self._states.state_of(stream)
            self.guards[stream.int] = len(current.seen)
            if current.fault is not None:
                raise Refusal("stream-unreadable", f"cannot fold {current.fault}")
        return current

    def site(self, stream: StreamId) -> site.Site:
        state: site.Site = self.state_of(stream).state
        return state

    def person(self, stream: StreamId) -> person.Person:
        state: person.Person = self.state_of(stream).state
        return state

    def discussion(self, stream: StreamId) -> discussion.Discussion:
        state: discussion.Discussion = self.state_of(stream).state
        return state

    def comment(self, stream: StreamId) -> comment.Comment:
        state: comment.Comment = self.state_of(stream).state
        return state

    def vote(self, stream: StreamId) -> vote.Vote:
        state: vote.Vote = self.state_of(stream).state
        return state

    def passage(self, stream: StreamId) -> passage.Passage:
        state: passage.Passage = self.state_of(stream).state
        return state

    def subscription(self, stream: StreamId) -> subscription.Subscription:
        state: subscription.Subscription = self.state_of(stream).state
        return state

    def passages(self, streams: Sequence[StreamId]) -> list[Passage]:
        """Return passages. Raises NeedsMore if any has not been read."""
        if missing := [stream for stream in streams if self._states.find(stream.int) is None]:
            raise NeedsMore(streams=missing)
        return [self.passage(stream) for stream in streams]

    def article(self, stream: StreamId) -> article.Article:
        state: article.Article = self.state_of(stream).state
        return state

    def results_of(self, *works: Work) -> list[Any]:
        """Return the result of each piece of work.

        Raises NeedsMore if one is missing, and the Refusal of a piece that cannot be done.
        """
        if missing := [work for work in works if work not in self._worked]:
            raise NeedsMore(works=missing)
        results = [self._worked[work] for work in works]
        for result in results:
            if isinstance(result, Refusal):
                raise result
        return results

    def flag(self, stream: StreamId) -> flag.Flag:
        state: flag.Flag = self.state_of(stream).state
        return state

    def words(
        self, stream: StreamId, personal: Words | bytes | None, *, version: int, owner: UUID
    ) -> Words | None:
        """Return the words of the event at `version` of a stream; None if erased or damaged.

        Raises NeedsMore if the owner's key has not been loaded.
        """
        if personal is None or isinstance(personal, Words):
            return personal
        if owner not in self._keys_loaded:
            raise NeedsMore(owner=owner)
        seen = self.state_of(stream).seen[version - 1]
        if seen.event_id is None:
            return None
        place = codec.words_place(stream, seen.topic, UUID(int=seen.event_id))
        try:
            return codec.open_words(personal, self._ring, owner, place)
        except (Erased, Damaged):
            return None
