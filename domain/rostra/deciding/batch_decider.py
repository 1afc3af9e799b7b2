"""The decisions of commands that are handled together, each seeing those before it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from rostra import codec, ids
from rostra.commands import AnyCommand, Command, ErasePerson, OpenDiscussion
from rostra.deciding import repeats
from rostra.deciding.decide import Events, by_own_name, decide, resolve_target, streams, subject
from rostra.deciding.stream_states import DecisionContext, EventRef, NeedsMore, StreamStates
from rostra.deciding.text_work import Result, Work
from rostra.discussion import Discussion
from rostra.events import CommandContext
from rostra.ids import EventId, StreamId
from rostra.limits import STREAM_EVENTS_MAX, STREAM_EVENTS_RESERVED
from rostra.log import Group
from rostra.once import once
from rostra.person import Person
from rostra.refusals import Refusal
from rostra.sealing import KeyRing


class Commanded(msgspec.Struct, frozen=True, dict=True):
    """A command, and the act of publishing it (`dict` makes room for what is computed once)."""

    command: AnyCommand
    act: CommandContext
    is_checked: bool = False
    """True where a decoder has made both; else `rostra.deciding.checking` looks at them first."""

    @once
    def event_id(self) -> EventId:
        return ids.event_id(self.act.source, self.act.id)

    @once
    def streams(self) -> Sequence[StreamId]:
        """Streams that the command names; none where naming them is refused."""
        try:
            return streams(self.command, self.act)
        except Refusal:  # decided as such in its turn
            return ()


class Outcome(msgspec.Struct, frozen=True):
    """Result of a command. `position` is that of its own event; for `unchanged`
    the log's head. `id` is the aggregate it is about.
    """

    status: Literal["recorded", "duplicate", "unchanged", "rejected"]
    position: int | None = None
    id: StreamId | None = None
    refusal: Refusal | None = None


class Decision(msgspec.Struct):
    """A command decided upon the world of one attempt. `group` is None where there
    is nothing to append, and its own event stands in it after `before` others, all of which
    streams have `seen`; `command` is as it was understood; `repeats` is what it repeats of
    that which is being appended.
    """

    at: StreamId | None
    guards: dict[UUID, int]
    outcome: Outcome | None = None
    group: Group | None = None
    command: AnyCommand | None = None
    before: int = 0
    seen: Sequence[EventRef] = ()
    repeats: EventRef | None = None


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
    """The decisions of one attempt, each seeing those before it. `read`: the streams that
    were read for it.
    """

    def __init__(
        self,
        world: StreamStates,
        read: set[StreamId],
        ring: KeyRing,
        owners: set[UUID],
        keyless: set[UUID],
        worked: Mapping[Work, Result],
    ) -> None:
        self._worked = worked
        self.world = world
        self.read = read
        self.by_command: dict[int, Decision] = {}
        self._looked_at: set[UUID] = set()
        self._ring = ring
        self._owners = owners
        self._keyless = keyless
        self.missing_streams: set[StreamId] = set()
        self.missing_owners: set[UUID] = set()
        self.missing_works: set[Work] = set()
        self.decided: dict[int, Events] = {}
        self.commands: dict[int, Commanded] = {}
        # Whose words, and how often they were erased by then.
        self.owners: dict[int, dict[UUID, int]] = {}
        self.erasing: dict[int, dict[UUID, int]] = {}

    @property
    def decisions(self) -> Collection[Decision]:
        return self.by_command.values()

    def decide(self, index: int, commanded: Commanded) -> Decision:
        reading = DecisionContext(self.world, self._ring, self._owners, self._keyless, self._worked)
        try:
            given = commanded.command
            command = by_own_name(given, reading)
            if command is not given:
                commanded = msgspec.structs.replace(commanded, command=command)
            at = subject(command, commanded.act)
            decision = None
            if command is not given and isinstance(given, OpenDiscussion):
                alias = ids.discussion_id(given.site, given.resource)
                decision = self._repeat(alias, at, commanded, reading)
            decision = decision or self._repeat(at, at, commanded, reading)
            decision = decision or self._new(index, commanded, reading, at)
            if isinstance(command, ErasePerson):  # also again: it may have been broken off
                self.erasing[index] = {at: self._erasures(at)}
            return decision
        except Refusal as refusal:
            return Decision(None, reading.guards, Outcome("rejected", refusal=refusal))
        except NeedsMore as missing:
            self.missing_streams |= missing.streams
            self.missing_works |= missing.works
            self.missing_owners |= {missing.owner} - {None}  # type: ignore[arg-type]
            return Decision(None, reading.guards)

    def _repeat(
        self,
        stream: StreamId,
        at: StreamId,
        commanded: Commanded,
        reading: DecisionContext,
    ) -> Decision | None:
        """Answer the same event published before, if `stream` holds it; it is about `at`."""
        seen = repeats.find(stream, commanded.event_id, commanded.command, reading)
        if seen is None:
            return None
        if seen.position is None:
            return Decision(_about(at), reading.guards, repeats=seen)
        found = Outcome("duplicate", seen.position, _about(at))
        return Decision(_about(at), reading.guards, found)

    @property
    def missing_anything(self) -> bool:
        return bool(self.missing_streams or self.missing_owners or self.missing_works)

    def _new(
        self, index: int, commanded: Commanded, reading: DecisionContext, at: StreamId
    ) -> Decision:
        command = resolve_target(commanded.command, commanded.act, reading)
        if command is not commanded.command:
            at = subject(command, commanded.act)
        decided = decide(command, commanded.act, reading, at)
        if not decided:
            return Decision(_about(at), reading.guards, Outcome("unchanged", None, _about(at)))
        _must_have_room(command, reading.state_of(at).version)
        changed = {stream for stream, _ in decided}
        self._keep_order(changed, reading)
        seen = []
        for stream, event in decided:
            reading.state_of(stream)
            seen.append(self.world.apply(stream, event, commanded.event_id))
        self.decided[index] = decided
        self.commands[index] = commanded
        looked_at = set(reading.guards)  # a dict's own hashes are used: a UUID's cost the most here
        looked_at.difference_update(changed)
        self._looked_at |= looked_at
        self._keep_owners(index, commanded, decided)
        before = next(number for number, (stream, _) in enumerate(decided) if stream == at)
        return Decision(self._about(at, command.site), reading.guards, before=before, seen=seen)

    def _about(self, at: StreamId, site: str) -> StreamId:
        """Return the id that publishers know: an alias is that of another discussion."""
        if ids.kind_of(at) == ids.Kind.DISCUSSION and not ids.is_article(at):
            named: Discussion = self.world.state_of(at).state
            if named.alias_of is not None:
                return ids.discussion_id(site, named.alias_of)
        return _about(at)

    def _keep_owners(self, index: int, commanded: Commanded, decided: Events) -> None:
        """Note the owners of the keys that seal the words, if there are any."""
        worded = [event for _, event in decided if codec.plain_words(event) is not None]
        if worded:
            owners = {codec.words_owner(event, commanded.command.site) for event in worded}
            self.owners[index] = {owner: self._erasures(owner) for owner in owners}

    def _keep_order(self, changed: set[StreamId], reading: DecisionContext) -> None:
        """Guard streams that earlier commands read and this command changes.

        If an earlier command were not recorded and decided again, it would otherwise see changes
        that came after it.
        """
        for stream in changed & self._looked_at:
            for index, earlier in self.decided.items():
                if stream in self.by_command[index].guards:
                    for written, _ in earlier:
                        reading.state_of(written)

    def _erasures(self, owner: UUID) -> int:
        """Return how often an owner was erased; a site never is."""
        if ids.kind_of(owner) != ids.Kind.PERSON:
            return 0
        known: Person = self.world.state_of(StreamId(owner)).state
        return known.erasures
