"""The decisions of commands that are handled together, each seeing those before it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from rostra import codec, ids
from rostra.commands import (
    CastVote,
    Command,
    Commanded,
    ErasePerson,
    OpenDiscussion,
    ReviseArticle,
    acting_person,
)
from rostra.deciding import repeats
from rostra.deciding.decide import by_own_name, decide, resolve_target, streams, subject
from rostra.deciding.stream_cache import is_assumed
from rostra.deciding.stream_states import DecisionContext, EventRef, NeedsMore, StreamStates
from rostra.deciding.text_work import Work, WorkResult
from rostra.discussion import Discussion
from rostra.ids import StreamId
from rostra.limits import STREAM_EVENTS_MAX, STREAM_EVENTS_RESERVED
from rostra.log import NewEvents
from rostra.person import Person
from rostra.refusals import Refusal
from rostra.sealing import KeyRing


class Outcome(msgspec.Struct, frozen=True):
    """Result of a command.

    `position` is that of its own event; for `unchanged` it is the log's head. `id` is the aggregate
    that the command is about.
    """

    status: Literal["recorded", "duplicate", "unchanged", "rejected"]
    position: int | None = None
    id: StreamId | None = None
    refusal: Refusal | None = None


Row = tuple[int, int, str, bytes, int, bytes]
"""An event to append: stream, version, topic, state, event id and metadata, as in `NewEvents`."""


class Decision(msgspec.Struct):
    """Decision on one command, upon the streams of one attempt."""

    at: int | None
    """Number of the id that its outcome names."""
    guards: Mapping[int, int]
    """Versions of the streams that it read."""
    outcome: Outcome | None = None
    """None if the outcome depends on an append that has not ended."""
    events: int = 0
    """Number of events to append; they follow each other in the decider's `rows`."""
    row: int = 0
    """Index of the first of those."""
    before: int = 0
    """Number of its events before the one that is about its subject."""
    seen: Sequence[EventRef] = ()
    """References to its events in their streams."""
    repeats: EventRef | None = None
    """The event that it repeats, if that is being appended."""


class _Worded(msgspec.Struct):
    """An event whose words are to be sealed."""

    row: int
    stream: StreamId
    event: codec.AnyEvent
    commanded: Commanded


def _named_streams(commanded: Commanded) -> Sequence[StreamId]:
    """Return the streams that a command names; none where naming them is refused."""
    try:
        return streams(commanded.command, commanded.act)
    except Refusal:  # decided as such in its turn
        return ()


def _about(stream: StreamId) -> StreamId:
    """Return the id that publishers know: an article is its discussion's."""
    return ids.discussion_of(stream) if ids.is_article(stream) else stream


def _must_have_room(command: Command, events: int) -> None:
    """Raise stream-full if the command's stream has no room for more events."""
    reserved = 0 if command.may_use_reserved_places else STREAM_EVENTS_RESERVED
    most = STREAM_EVENTS_MAX - reserved
    if events >= most:
        others = f"; {reserved} more are for moderation and erasure" if reserved else ""
        raise Refusal("stream-full", f"there are {most} events about one thing already{others}")


class BatchDecider:
    """Decides the commands of one attempt, each seeing those before it."""

    def __init__(
        self,
        states: StreamStates,
        read: set[int],
        ring: KeyRing,
        owners: set[UUID],
        keyless: set[UUID],
        worked: Mapping[Work, WorkResult],
    ) -> None:
        self.states = states
        self.read = read
        """Streams that were read for this attempt."""
        self.by_command: dict[int, Decision] = {}
        self.rows: list[Row] = []
        self.expected: dict[int, int] = {}
        """Versions that guarded streams had before this attempt."""
        self.votes_upon: list[Mapping[int, int]] = []
        """Versions of streams that votes were decided upon, their own excepted."""
        self._looked_at: set[int] = set()
        """Streams that commands with events looked at, and did not change."""
        self._votes_noted = 0
        self.missing_streams: set[int] = set()
        self.missing_owners: set[UUID] = set()
        self.missing_works: set[Work] = set()
        self.erasing: dict[UUID, int] = {}
        """Persons who are erased, and how often they were erased by then."""
        self.owners: dict[UUID, int] = {}
        """Owners of the keys that seal words, and how often each was erased by then."""
        self._ring = ring
        self._loaded = owners
        self.keyless = keyless
        self._worked = worked
        self._worded: list[_Worded] = []
        self.revisions: list[ReviseArticle] = []
        """Revisions that are to be recorded."""

    @property
    def decisions(self) -> Collection[Decision]:
        return self.by_command.values()

    @property
    def missing_anything(self) -> bool:
        return bool(self.missing_streams or self.missing_owners or self.missing_works)

    def context(self) -> DecisionContext:
        """Return a new look at the streams."""
        return DecisionContext(self.states, self._ring, self._loaded, self.keyless, self._worked)

    def decide(self, index: int, commanded: Commanded) -> None:
        """Decide one command."""
        self.by_command[index] = self._decision(commanded)

    def _decision(self, commanded: Commanded) -> Decision:
        context = self.context()
        try:
            given = commanded.command
            if type(given) is not CastVote:
                self._must_be_read(_named_streams(commanded))
            command = by_own_name(given, context)
            if command is not given:
                commanded = msgspec.structs.replace(commanded, command=command)
            at = subject(command, commanded.act)
            decision = None
            if command is not given and isinstance(given, OpenDiscussion):
                alias = ids.discussion_id(given.site, given.resource)
                decision = self._repeat(alias, at, commanded, context)
            decision = decision or self._repeat(at, at, commanded, context)
            decision = decision or self._new(commanded, context, at)
            if isinstance(command, ErasePerson):  # also again: it may have been broken off
                self.erasing[at] = self._erasures(at)
            return decision
        except Refusal as refusal:
            return Decision(None, context.guards, Outcome("rejected", refusal=refusal))
        except NeedsMore as missing:
            self.missing_streams |= {stream.int for stream in missing.streams}
            named = {stream.int for stream in _named_streams(commanded)}
            self.missing_streams |= {one for one in named if self.states.find(one) is None}
            self.missing_works |= missing.works
            self.missing_owners |= {missing.owner} - {None}  # type: ignore[arg-type]
            return Decision(None, context.guards)

    def _must_be_read(self, streams: Sequence[StreamId]) -> None:
        """Raise NeedsMore if a stream is only assumed to have no events.

        Votes alone are decided upon such streams. A wrong assumption costs a refused append. Other
        commands are rarer, and most of them read another stream anyway.
        """
        assumed = [one for one in streams if is_assumed(self.states.find(one.int))]
        if assumed:
            raise NeedsMore(streams=assumed)

    def _repeat(
        self,
        stream: StreamId,
        at: StreamId,
        commanded: Commanded,
        context: DecisionContext,
    ) -> Decision | None:
        """Return the decision on an event that `stream` has already, None for a new one."""
        seen = repeats.find(stream, commanded.event_id, commanded.command, context)
        if seen is None:
            return None
        about = _about(at)
        if seen.position is None:
            return Decision(about.int, context.guards, repeats=seen)
        return Decision(about.int, context.guards, Outcome("duplicate", seen.position, about))

    def _new(self, commanded: Commanded, context: DecisionContext, at: StreamId) -> Decision:
        command = resolve_target(commanded.command, commanded.act, context)
        if command is not commanded.command:
            commanded = msgspec.structs.replace(commanded, command=command)
            at = subject(command, commanded.act)
        decided = decide(command, commanded.act, context, at)
        if not decided:
            about = _about(at)
            return Decision(about.int, context.guards, Outcome("unchanged", None, about))
        _must_have_room(command, context.state_of(at).version)
        changed = {stream.int for stream, _ in decided}
        self._keep_order(changed, context)
        for stream in changed:
            context.state_of(StreamId(UUID(int=stream)))
        for stream, version in context.guards.items():
            self.expected.setdefault(stream, version)
        self._looked_at |= context.guards.keys() - changed
        if isinstance(command, ReviseArticle):
            self.revisions.append(command)
        row = len(self.rows)
        seen = [self._add(stream, event, commanded) for stream, event in decided]
        return Decision(
            self._about(at, command.site).int,
            context.guards,
            events=len(decided),
            row=row,
            before=next(number for number, (stream, _) in enumerate(decided) if stream == at),
            seen=seen,
        )

    def _about(self, at: StreamId, site: str) -> StreamId:
        """Return the id that publishers know: an alias is that of another discussion."""
        if ids.kind_of(at) == ids.Kind.DISCUSSION and not ids.is_article(at):
            named: Discussion = self.states.state_of(at).state
            if named.alias_of is not None:
                return ids.discussion_id(site, named.alias_of)
        return _about(at)

    def _add(self, stream: StreamId, event: codec.AnyEvent, commanded: Commanded) -> EventRef:
        """Add an event to those to append, and to its stream."""
        version = self.states.state_of(stream).version + 1
        seen = self.states.apply(stream, event, commanded.event_id)
        state = b""
        if codec.plain_words(event) is None:
            state = codec.encode(event)
        else:
            self._worded.append(_Worded(len(self.rows), stream, event, commanded))
            owner = codec.words_owner(event, commanded.command.site)
            self.owners[owner] = self._erasures(owner)
        self.rows.append(
            (stream.int, version, event.topic, state, seen.event_id or 0, _metadata(commanded))
        )
        return seen

    def seal(self) -> None:
        """Seal the words of the events to append. Their owners' keys must have been made."""
        for each in self._worded:
            commanded = each.commanded
            sealed = codec.seal(
                each.event,
                self._ring,
                stream=each.stream,
                event_id=commanded.event_id,
                site=commanded.command.site,
            )
            stream, version, topic, _, event_id, metadata = self.rows[each.row]
            row = (stream, version, topic, codec.encode(sealed), event_id, metadata)
            self.rows[each.row] = row

    def new_events(self, log: UUID) -> NewEvents:
        """Return the events to append to the log that they were decided upon."""
        streams, versions, topics, states, event_ids, metadata = zip(*self.rows, strict=True)
        appending = [decision for decision in self.decisions if decision.events]
        expected: dict[int, int] = {}
        for guards in self.votes_upon:
            expected.update(guards)
        expected.update(self.expected)  # older, if commands have changed a stream meanwhile
        return NewEvents(
            streams=streams,
            versions=versions,
            topics=topics,
            states=states,
            event_ids=event_ids,
            metadata=metadata,
            ends=[decision.row + decision.events for decision in appending],
            guards=[decision.guards for decision in appending],
            expected=expected,
            log=log,
        )

    def _keep_order(self, changed: set[int], context: DecisionContext) -> None:
        """Guard streams that earlier commands read and this command changes.

        If an earlier command were not recorded and decided again, it would otherwise see changes
        that came after it.
        """
        self._looked_at.update(*self.votes_upon[self._votes_noted :])
        self._votes_noted = len(self.votes_upon)
        for stream in changed & self._looked_at:
            for earlier in self.decisions:
                if earlier.events and stream in earlier.guards:
                    for row in self.rows[earlier.row : earlier.row + earlier.events]:
                        context.state_of(StreamId(UUID(int=row[0])))

    def _erasures(self, owner: UUID) -> int:
        """Return how often an owner was erased; a site never is."""
        if ids.kind_of(owner) != ids.Kind.PERSON:
            return 0
        known: Person = self.states.state_of(StreamId(owner)).state
        return known.erasures


def _metadata(commanded: Commanded) -> bytes:
    act = commanded.act
    metadata = {"source": act.source, "id": act.id}
    by = acting_person(commanded.command) or act.person
    return codec.encode(metadata if by is None else {**metadata, "by": by})
