"""Handling commands: read the streams they name, decide in order, append with guards.

Commands that arrive together are handled together: one read for the whole
batch, later commands see the earlier ones, one append. What the log refuses as
stale is read afresh and decided again.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
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
from rostra.known import Known, Turn
from rostra.log import STREAM_EVENTS_MAX, Appended, EventLog, Group, NewEvent, Stale
from rostra.person import Person
from rostra.refusals import Refusal
from rostra.sealing import KeyRing
from rostra.world import Missing, Reading, Seen, World

ATTEMPTS_MAX = 32
MISSING_ROUNDS_MAX = 8


class Commanded(msgspec.Struct, frozen=True, dict=True):
    """A command, and the act of publishing it (`dict` makes room for what is computed once)."""

    command: Command
    act: Act

    @cached_property
    def event_id(self) -> UUID:
        return ids.event_id(self.act.source, self.act.id)

    @cached_property
    def streams(self) -> Sequence[UUID]:
        """What it names; nothing where it is to be refused for that."""
        try:
            return streams(self.command, self.act)
        except Refusal:  # decided as such in its turn
            return ()


class Outcome(msgspec.Struct, frozen=True):
    """What became of a command. `position` is that of its own event; for `unchanged`
    the log's head. `id` is the aggregate it is about."""

    status: Literal["recorded", "duplicate", "unchanged", "rejected"]
    position: int | None = None
    id: UUID | None = None
    refusal: Refusal | None = None


class _Decision(msgspec.Struct):
    """A command decided upon the world of one attempt. `group` is None where there
    is nothing to append, and its own event stands in it after `before` others, all of which
    streams have `seen`; `command` is as it was understood; `repeats` is what it repeats of
    that which is being appended."""

    at: UUID | None
    guards: dict[UUID, int]
    outcome: Outcome | None = None
    group: Group | None = None
    command: Command | None = None
    before: int = 0
    seen: Sequence[Seen] = ()
    repeats: Seen | None = None


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
    turn: Turn | None = None,
) -> list[Outcome]:
    """Handle a batch in order; one outcome each, durable when this returns. What follows an
    erasure or a revision is decided when that is done. `articles` are needed where there are
    articles' texts. Without a `turn` all is read."""
    parts = [[each for _, each in part] for _, part in groupby(enumerate(commands), _part)]
    alone = isinstance(commands[0].command, ErasePerson | ReviseArticle) if commands else False
    if len(parts) == 1 and not alone:
        return await _handle(log, ring, commands, _Work(articles), turn)
    if turn is not None:
        await turn.come()
        turn.known.clear()
    return [
        outcome
        for part in parts
        for outcome in await _handle(log, ring, part, _Work(articles), None)
    ]


def _part(numbered: tuple[int, Commanded]) -> tuple[bool, int]:
    """Erasures in a row go together, and each revision alone: what it concludes depends on all
    before it."""
    index, each = numbered
    alone = index + 1 if isinstance(each.command, ReviseArticle) else 0
    return isinstance(each.command, ErasePerson), alone


async def _handle(
    log: EventLog,
    ring: KeyRing,
    commands: Sequence[Commanded],
    work: _Work,
    turn: Turn | None,
) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    pending = list(range(len(commands)))
    if turn is not None:
        turn.known.of(await log.log_id())
        outcomes |= await _first_attempt(log, ring, commands, work, turn)
        pending = [index for index in pending if index not in outcomes]
        turn.known.judge(len(commands), len(pending))
    for _ in range(ATTEMPTS_MAX):
        if not pending:
            break
        outcomes |= await _attempt(log, ring, commands, pending, work, turn)
        pending = [index for index in pending if index not in outcomes]
    busy = Refusal("busy", "others keep changing what this is about", retryable=True)
    return [outcomes.get(i) or Outcome("rejected", refusal=busy) for i in range(len(commands))]


async def _attempt(
    log: EventLog,
    ring: KeyRing,
    commands: Sequence[Commanded],
    pending: Sequence[int],
    work: _Work,
    turn: Turn | None,
) -> dict[int, Outcome]:
    """Read, and decide what is pending once; what comes back stale is left out of the answer."""
    batch = await _decide_all(log, ring, commands, pending, work)
    outcomes = await _appended(log, commands, batch, work)
    if turn is not None:
        _learn(turn, batch)
        turn.disturbed.update(batch.world.written)
    return outcomes


async def _first_attempt(
    log: EventLog, ring: KeyRing, commands: Sequence[Commanded], work: _Work, turn: Turn
) -> dict[int, Outcome]:
    """The same upon what is known, while the batch before is being appended."""
    everything = range(len(commands))
    read_in_turn = turn.has_come
    batch = await _decide_all(log, ring, commands, everything, work, turn.known)
    disturbed = await turn.come()
    if disturbed is None or any(not d.guards.keys().isdisjoint(disturbed) for d in batch.decisions):
        read_in_turn = True
        batch = await _decide_all(log, ring, commands, everything, work, turn.known)
    if not await _confirmed(log, batch, read_in_turn=read_in_turn):
        turn.known.clear()
        batch = await _decide_all(log, ring, commands, everything, work)
    for stream, standing in batch.world.written.items():
        turn.known.keep(stream, standing)
    turn.pass_on()
    outcomes = await _appended(log, commands, batch, work)
    _learn(turn, batch)
    return outcomes


async def _confirmed(log: EventLog, batch: "_Batch", *, read_in_turn: bool) -> bool:
    """Whether that which appends nothing was decided upon streams as they stand."""
    upon = {stream for d in batch.decisions if d.group is None for stream in d.guards}
    unsure = upon - batch.read if read_in_turn else upon
    if not unsure:
        return True
    read = await log.read_streams(list(unsure))
    return all(len(rows) == batch.world.base[stream] for stream, rows in read.items())


def _learn(turn: Turn, batch: "_Batch") -> None:
    """What is known from now on. Words that are not sealed are not kept."""
    lost: set[UUID] = set()
    for decision in batch.decisions:
        if decision.group is not None and decision.seen[0].position is None:
            turn.known.drop(decision.group.guards)
            lost.update(event.stream for event in decision.group.events)
    for stream in batch.read - batch.world.written.keys():
        turn.known.learn(stream, batch.world.standing(stream))
    for stream, standing in batch.world.written.items():
        if standing.plain or stream in lost:
            turn.known.drop([stream])
        else:
            turn.known.keep(stream, standing)
    turn.disturbed |= lost


async def _appended(
    log: EventLog, commands: Sequence[Commanded], batch: "_Batch", work: _Work
) -> dict[int, Outcome]:
    decisions = batch.by_command
    appending = [i for i, decision in decisions.items() if decision.group is not None]
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
            for position, seen in enumerate(decision.seen, result.first):
                seen.position = position
            outcomes[index] = Outcome("recorded", result.first + decision.before, decision.at)
        elif decision.repeats is not None:
            if (first := decision.repeats.position) is not None:
                outcomes[index] = Outcome("duplicate", first, decision.at)
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
    known: Known | None = None,
) -> "_Batch":
    """Decide in order. Where a decision looks at what was not read, nor is known, read that
    too and begin again, so that order is kept."""
    wanted = {stream for i in pending for stream in commands[i].streams}
    owners: set[UUID] = set()
    keyless: set[UUID] = set()
    for _ in range(MISSING_ROUNDS_MAX):
        world = World()
        if known is not None:
            _take_known(world, known, wanted)
        cold = [stream for stream in wanted if stream not in world]
        for stream, rows in (await log.read_streams(cold) if cold else {}).items():
            world.take(stream, rows)
        await ring.load(owners)
        decider = _Batch(world, set(cold), ring, owners, keyless, work.done)
        for i in pending:
            decider.by_command[i] = decider.decide(i, commands[i])
        if not decider.missing_anything:
            refused = await _seal_all(ring, decider)
            if not refused:
                return decider
            keyless |= refused
        wanted |= decider.missing_streams
        owners |= decider.missing_owners
        await work.do(decider.missing_works)
    raise RuntimeError("decisions never stop naming further streams")


def _take_known(world: World, known: Known, wanted: Collection[UUID]) -> None:
    for stream in wanted:
        if (standing := known.get(stream)) is not None:
            world.put(stream, standing)


def _about(stream: UUID) -> UUID:
    """What publishers know it as: an article is its discussion's."""
    return ids.discussion_of(stream) if ids.is_article(stream) else stream


class _Batch:
    """The decisions of one attempt, each seeing those before it. `read`: the streams that
    were read for it."""

    def __init__(
        self,
        world: World,
        read: set[UUID],
        ring: KeyRing,
        owners: set[UUID],
        keyless: set[UUID],
        worked: Mapping[Work, Result],
    ) -> None:
        self._worked = worked
        self.world = world
        self.read = read
        self.by_command: dict[int, _Decision] = {}
        self._looked_at: set[UUID] = set()
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

    @property
    def decisions(self) -> Collection[_Decision]:
        return self.by_command.values()

    def decide(self, index: int, commanded: Commanded) -> _Decision:
        reading = Reading(self.world, self._ring, self._owners, self._keyless, self._worked)
        try:
            command = by_own_name(commanded.command, reading)
            if command is not commanded.command:
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
        for seen in reading.standing(at).seen:
            if seen.event_id == commanded.event_id and seen.topic in COMMANDS:
                refuse_other_content(commanded.command, commanded.act, at, reading)
                if seen.position is None:
                    return _Decision(_about(at), reading.guards, repeats=seen)
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
        changed = {stream for stream, _ in decided}
        self._keep_order(changed, reading)
        seen = []
        for stream, event in decided:
            reading.standing(stream)
            seen.append(self.world.apply(stream, event, commanded.event_id))
        self.decided[index] = decided
        self.commands[index] = commanded
        self._looked_at.update(reading.guards.keys() - changed)
        worded = [event for _, event in decided if codec.plain_words(event) is not None]
        owners = {codec.words_owner(event, commanded.command.site) for event in worded}
        self.owners[index] = {owner: self._erasures(owner) for owner in owners}
        before = next(number for number, (stream, _) in enumerate(decided) if stream == at)
        return _Decision(_about(at), reading.guards, before=before, seen=seen)

    def _keep_order(self, changed: set[UUID], reading: Reading) -> None:
        """What earlier commands looked at is changed for those who follow only if theirs is
        recorded, too: else they, decided again, would see what came after them."""
        for stream in changed & self._looked_at:
            for index, earlier in self.decided.items():
                if stream in self.by_command[index].guards:
                    for written, _ in earlier:
                        reading.standing(written)

    def _erasures(self, owner: UUID) -> int:
        """How often an owner was erased; a site never is."""
        if ids.kind_of(owner) != ids.Kind.PERSON:
            return 0
        known: Person = self.world.standing(owner).state
        return known.erasures


async def _seal_all(
    ring: KeyRing,
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
            decision = decider.by_command[index]
            commanded = decider.commands[index]
            decision.command = commanded.command
            decision.group = _group(ring, commanded, events, decision.guards)
    return refused


def _counted(by_command: dict[int, dict[UUID, int]]) -> dict[UUID, int]:
    """The last count of each owner."""
    return {owner: count for counts in by_command.values() for owner, count in counts.items()}


def _group(ring: KeyRing, commanded: Commanded, events: Decided, guards: dict[UUID, int]) -> Group:
    site = commanded.command.site
    event_id = commanded.event_id
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
