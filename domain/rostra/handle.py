"""Handling commands: read the streams they name, decide in order, append with guards.

Commands that arrive together are handled together: one read for the whole
batch, later commands see the earlier ones, one append. What the log refuses as
stale is read afresh and decided again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Literal
from uuid import UUID

import msgspec

from rostra import codec, ids
from rostra.article_work import Articles, Prepared, PrepareText, Result, Work
from rostra.commands import COMMANDS, Command, ErasePerson, ReviseArticle
from rostra.decide import (
    Decided,
    by_own_name,
    decide,
    refuse_other_content,
    settled,
    streams,
    subject,
)
from rostra.events import Act
from rostra.log import STREAM_EVENTS_MAX, Appended, EventLog, Group, NewEvent, Stale
from rostra.person import Person
from rostra.refusals import Refusal
from rostra.sealing import KeyRing
from rostra.world import Missing, Reading, World

ATTEMPTS_MAX = 32
MISSING_ROUNDS_MAX = 8


class Commanded(msgspec.Struct, frozen=True):
    """A command, and the act of publishing it."""

    command: Command
    act: Act


class Outcome(msgspec.Struct, frozen=True):
    """What became of a command. `position` is that of its own event; for `unchanged`
    the log's head. `id` is the aggregate it is about."""

    status: Literal["recorded", "duplicate", "unchanged", "rejected"]
    position: int | None = None
    id: UUID | None = None
    refusal: Refusal | None = None


class _Decision(msgspec.Struct):
    """A command decided upon the world of one attempt. `group` is None where there
    is nothing to append, and its own event stands in it after `before` others; `command`
    is as it was understood; `repeats` is the command of this batch that it repeats."""

    at: UUID | None
    guards: dict[UUID, int]
    outcome: Outcome | None = None
    group: Group | None = None
    command: Command | None = None
    before: int = 0
    repeats: int | None = None


class _Work:
    """The work that decisions of one call asked for, with its results."""

    def __init__(self, articles: Articles | None) -> None:
        self._articles = articles
        self.done: dict[Work, Result] = {}

    async def do(self, works: Collection[Work]) -> None:
        if not works:
            return
        if self._articles is None:
            raise RuntimeError("the texts of articles are asked for, and none are kept")
        self.done |= await self._articles.work(works)

    async def keep(self, command: Command) -> None:
        """The text of a revision, before the log tells of it."""
        if not isinstance(command, ReviseArticle) or self._articles is None:
            return
        prepared = self.done[PrepareText(command.text, command.html)]
        assert isinstance(prepared, Prepared)
        await self._articles.keep(command.discussion, prepared)


async def handle(
    log: EventLog,
    ring: KeyRing,
    commands: Sequence[Commanded],
    articles: Articles | None = None,
) -> list[Outcome]:
    """Handle a batch in order; one outcome each, durable when this returns. What follows an
    erasure or a revision is decided when that is done. `articles` are
    needed where there are articles' texts."""
    return [
        outcome
        for _, part in groupby(enumerate(commands), _part)
        for outcome in await _handle(log, ring, [each for _, each in part], _Work(articles))
    ]


def _part(numbered: tuple[int, Commanded]) -> tuple[bool, int]:
    """Erasures in a row go together, and each revision alone: what it concludes depends on all
    before it."""
    index, each = numbered
    alone = index + 1 if isinstance(each.command, ReviseArticle) else 0
    return isinstance(each.command, ErasePerson), alone


async def _handle(
    log: EventLog, ring: KeyRing, commands: Sequence[Commanded], work: _Work
) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    pending = list(range(len(commands)))
    for _ in range(ATTEMPTS_MAX):
        outcomes |= await _attempt(log, ring, commands, pending, work)
        pending = [index for index in pending if index not in outcomes]
        if not pending:
            break
    busy = Refusal("busy", "others keep changing what this is about", retryable=True)
    return [outcomes.get(i) or Outcome("rejected", refusal=busy) for i in range(len(commands))]


async def _attempt(
    log: EventLog,
    ring: KeyRing,
    commands: Sequence[Commanded],
    pending: Sequence[int],
    work: _Work,
) -> dict[int, Outcome]:
    """Decide what is pending once; what comes back stale is left out of the answer."""
    decisions = await _decide_all(log, ring, commands, pending, work)
    appending = [i for i in pending if decisions[i].group is not None]
    for i in appending:
        await work.keep(decisions[i].command or commands[i].command)
    groups = [decision.group for i in appending if (decision := decisions[i]).group]
    appended = dict(zip(appending, await log.append(groups) if groups else [], strict=True))
    head = 0
    if any(decision.group is None for decision in decisions.values()):
        head = await log.head()
    return _outcomes(decisions, appended, head)


def _outcomes(
    decisions: dict[int, _Decision], appended: dict[int, Appended | Stale], head: int
) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    never: set[UUID] = set()  # streams that were to change, and did not
    for index, decision in decisions.items():
        result = appended.get(index)
        if decision.group is not None and isinstance(result, Stale):
            never.update(event.stream for event in decision.group.events)
        elif isinstance(result, Appended):
            outcomes[index] = Outcome("recorded", result.first + decision.before, decision.at)
        elif decision.repeats is not None:
            if (first := outcomes.get(decision.repeats)) is not None:
                outcomes[index] = Outcome("duplicate", first.position, decision.at)
        elif decision.outcome is not None and never.isdisjoint(decision.guards):
            outcomes[index] = _at_head(decision.outcome, head)
    return outcomes


def _at_head(outcome: Outcome, head: int) -> Outcome:
    if outcome.status != "unchanged":
        return outcome
    return msgspec.structs.replace(outcome, position=head)


async def _decide_all(
    log: EventLog,
    ring: KeyRing,
    commands: Sequence[Commanded],
    pending: Sequence[int],
    work: _Work,
) -> dict[int, _Decision]:
    """Decide in order. Where a decision looks at what was not read, read that too and
    begin again, so that order is kept."""
    wanted = {stream for i in pending for stream in _streams(commands[i])}
    owners: set[UUID] = set()
    keyless: set[UUID] = set()
    for _ in range(MISSING_ROUNDS_MAX):
        world = World()
        for stream, rows in (await log.read_streams(list(wanted))).items():
            world.take(stream, rows)
        await ring.load(owners)
        decider = _Batch(world, ring, owners, keyless, work.done)
        decided = {i: decider.decide(i, commands[i]) for i in pending}
        if not decider.missing_anything:
            refused = await _seal_all(ring, decided, decider)
            if not refused:
                return decided
            keyless |= refused
        wanted |= decider.missing_streams
        owners |= decider.missing_owners
        await work.do(decider.missing_works)
    raise RuntimeError("decisions never stop naming further streams")


def _about(stream: UUID) -> UUID:
    """What publishers know it as: an article is its discussion's."""
    return ids.discussion_of(stream) if ids.is_article(stream) else stream


def _streams(commanded: Commanded) -> Iterable[UUID]:
    try:
        return streams(commanded.command, commanded.act)
    except Refusal:  # decided as such in its turn
        return ()


class _Batch:
    """The decisions of one attempt, each seeing those before it."""

    def __init__(
        self,
        world: World,
        ring: KeyRing,
        owners: set[UUID],
        keyless: set[UUID],
        worked: Mapping[Work, Result],
    ) -> None:
        self._worked = worked
        self._world = world
        self._ring = ring
        self._owners = owners
        self._keyless = keyless
        self.missing_streams: set[UUID] = set()
        self.missing_owners: set[UUID] = set()
        self.missing_works: set[Work] = set()
        self.decided: dict[int, Decided] = {}
        self.commands: dict[int, Commanded] = {}
        # Whose words, and how often they were erased by then.
        self.owners: dict[int, dict[UUID, int]] = {}
        self.erasing: dict[int, dict[UUID, int]] = {}

    def decide(self, index: int, commanded: Commanded) -> _Decision:
        reading = Reading(self._world, self._ring, self._owners, self._keyless, self._worked)
        try:
            command = by_own_name(commanded.command, reading)
            commanded = msgspec.structs.replace(commanded, command=command)
            at = subject(command, commanded.act)
            decision = self._repeat(at, commanded, reading)
            decision = decision or self._new(index, commanded, reading)
            if isinstance(
                commanded.command, ErasePerson
            ):  # also again: it may have been broken off
                self.erasing[index] = {at: reading.person(at).erasures}
            return decision
        except Refusal as refusal:
            return _Decision(None, reading.guards, Outcome("rejected", refusal=refusal))
        except Missing as missing:
            self.missing_streams |= missing.streams
            self.missing_works |= missing.works
            self.missing_owners |= {missing.owner} - {None}  # type: ignore[arg-type]
            return _Decision(None, reading.guards)

    def _repeat(self, at: UUID, commanded: Commanded, reading: Reading) -> _Decision | None:
        """The same event published before: found in the stream it is about."""
        event_id = ids.event_id(commanded.act.source, commanded.act.id)
        for seen in reading.standing(at).seen:
            if seen.event_id == event_id and seen.topic in COMMANDS:
                refuse_other_content(commanded.command, commanded.act, at, reading)
                if seen.position is None:
                    return _Decision(_about(at), reading.guards, repeats=seen.decided_by)
                found = Outcome("duplicate", seen.position, _about(at))
                return _Decision(_about(at), reading.guards, found)
        return None

    @property
    def missing_anything(self) -> bool:
        return bool(self.missing_streams or self.missing_owners or self.missing_works)

    def _new(self, index: int, commanded: Commanded, reading: Reading) -> _Decision:
        command = settled(commanded.command, commanded.act, reading)
        at = subject(command, commanded.act)
        decided = decide(command, commanded.act, reading)
        if not decided:
            return _Decision(_about(at), reading.guards, Outcome("unchanged", None, _about(at)))
        if len(reading.standing(at).seen) >= STREAM_EVENTS_MAX:
            raise Refusal("stream-full", f"more than {STREAM_EVENTS_MAX} events about one thing")
        event_id = ids.event_id(commanded.act.source, commanded.act.id)
        for stream, event in decided:
            reading.standing(stream)
            self._world.apply(stream, event, event_id, index)
        self.decided[index] = decided
        self.commands[index] = commanded
        worded = [event for _, event in decided if codec.plain_words(event) is not None]
        owners = {codec.words_owner(event, commanded.command.site) for event in worded}
        self.owners[index] = {owner: self._erasures(owner) for owner in owners}
        before = next(number for number, (stream, _) in enumerate(decided) if stream == at)
        return _Decision(_about(at), reading.guards, before=before)

    def _erasures(self, owner: UUID) -> int:
        """How often an owner was erased; a site never is."""
        if ids.kind_of(owner) != ids.Kind.PERSON:
            return 0
        known: Person = self._world.standing(owner).state
        return known.erasures


async def _seal_all(
    ring: KeyRing,
    decisions: dict[int, _Decision],
    decider: _Batch,
) -> frozenset[UUID]:
    """Give the decisions their groups, personal words sealed; the keys of who is erased go
    first. Answers whose words could not be sealed: then all is to be decided again without."""
    if decider.erasing:
        await ring.destroy(_counted(decider.erasing))
    owners = _counted(decider.owners)
    refused = await ring.make(owners, owners)
    if not refused:
        for index, events in decider.decided.items():
            decision = decisions[index]
            commanded = decider.commands[index]
            decision.command = commanded.command
            decision.group = _group(ring, commanded, events, decision.guards)
    return refused


def _counted(by_command: dict[int, dict[UUID, int]]) -> dict[UUID, int]:
    """The last count of each owner."""
    return {owner: count for counts in by_command.values() for owner, count in counts.items()}


def _group(ring: KeyRing, commanded: Commanded, events: Decided, guards: dict[UUID, int]) -> Group:
    act, site = commanded.act, commanded.command.site
    event_id = ids.event_id(act.source, act.id)
    versions = dict(guards)
    rows = []
    for stream, event in events:
        versions[stream] += 1
        sealed = codec.seal(event, ring, stream=stream, event_id=event_id, site=site)
        rows.append(NewEvent(stream, versions[stream], event.topic, codec.encode(sealed)))
    return Group(tuple(rows), guards, event_id, _metadata(commanded))


def _metadata(commanded: Commanded) -> bytes:
    act = commanded.act
    metadata = {"source": act.source, "id": act.id}
    by = acting_person(commanded.command) or act.person
    return codec.encode(metadata if by is None else {**metadata, "by": by})


def acting_person(command: Command) -> str | None:
    """Who does what the command says, where it says so."""
    for field in ("by", "voter"):
        if (person := getattr(command, field, None)) is not None:
            return str(person)
    author = getattr(command, "author", None)
    return None if author is None else str(author.id)
