"""Handling commands: read the streams they name, decide in order, append with guards.

Commands that arrive together are handled together: one read for the whole
batch, later commands see the earlier ones, one append. What the log refuses as
stale is read afresh and decided again.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import groupby
from uuid import UUID

import msgspec

from rostra import codec
from rostra.commands import Command, ErasePerson, ReviseArticle, acting_person
from rostra.deciding.batch_decider import BatchDecider, Commanded, Decision, Outcome
from rostra.deciding.checking import are_checked, checked_or_refusal
from rostra.deciding.decide import Events
from rostra.deciding.stream_cache import BatchSlot, StreamCache
from rostra.deciding.stream_states import StreamStates
from rostra.deciding.text_work import Articles, Prepared, PrepareText, Result, Work
from rostra.ids import StreamId
from rostra.log import Appended, EventLog, Group, NewEvent, Stale
from rostra.refusals import Refusal
from rostra.sealing import KeyRing

__all__ = ["ATTEMPTS_MAX", "Commanded", "Outcome", "acting_person", "answer_each", "handle"]

ATTEMPTS_MAX = 32
MISSING_ROUNDS_MAX = 8


_PARTED = frozenset({ErasePerson.topic, ReviseArticle.topic})
"""Types of commands that are handled apart from those before and after them."""


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

    async def store_text(self, command: Command) -> None:
        """Store the text of a revision before the log names it."""
        if not isinstance(command, ReviseArticle) or self._articles is None:
            return
        prepared = self.done[PrepareText(command.text, command.html)]
        assert isinstance(prepared, Prepared)
        await self._articles.store(command.discussion, prepared)


async def handle(
    log: EventLog,
    ring: KeyRing,
    commands: Sequence[Commanded],
    articles: Articles | None = None,
    turn: BatchSlot | None = None,
) -> list[Outcome]:
    """Handle a batch in order; one outcome each, durable when this returns.

    What follows an erasure or a revision is decided when that is done. `articles` are needed
    where there are articles' texts. Without a `turn` all is read. A command that does not fit
    its type is rejected.
    """
    if are_checked(commands):
        return await _handle_checked(log, ring, commands, articles, turn)
    read = [checked_or_refusal(each) for each in commands]
    if turn is not None and not any(isinstance(each, Commanded) for each in read):
        await turn.wait_for_previous()  # lest the next does not hear what the one before disturbed
    return await answer_each(
        read,
        lambda fitting: _handle_checked(log, ring, fitting, articles, turn),
    )


async def answer_each(
    commands: Sequence[Commanded | Refusal],
    submit: Callable[[Sequence[Commanded]], Awaitable[list[Outcome]]],
) -> list[Outcome]:
    """Submit the commands, and answer each in its place; a refusal is answered as rejected."""
    if {type(each) for each in commands} == {Commanded}:
        return await submit(commands)  # type: ignore[arg-type]
    fitting = [each for each in commands if isinstance(each, Commanded)]
    outcomes = iter(await submit(fitting) if fitting else ())
    return [
        Outcome("rejected", refusal=each) if isinstance(each, Refusal) else next(outcomes)
        for each in commands
    ]


async def _handle_checked(
    log: EventLog,
    ring: KeyRing,
    commands: Sequence[Commanded],
    articles: Articles | None,
    turn: BatchSlot | None,
) -> list[Outcome]:
    if _PARTED.isdisjoint({each.command.topic for each in commands}):
        return await _handle(log, ring, commands, _Work(articles), turn)
    parts = [[each for _, each in part] for _, part in groupby(enumerate(commands), _part)]
    alone = isinstance(commands[0].command, ErasePerson | ReviseArticle) if commands else False
    if len(parts) == 1 and not alone:
        return await _handle(log, ring, commands, _Work(articles), turn)
    if turn is not None:
        await turn.wait_for_previous()
        turn.known.clear()
    return [
        outcome
        for part in parts
        for outcome in await _handle(log, ring, part, _Work(articles), None)
    ]


def _part(numbered: tuple[int, Commanded]) -> tuple[bool, int]:
    """Erasures in a row go together, and each revision alone: what it concludes depends on all
    before it.
    """
    index, each = numbered
    alone = index + 1 if isinstance(each.command, ReviseArticle) else 0
    return isinstance(each.command, ErasePerson), alone


async def _handle(
    log: EventLog,
    ring: KeyRing,
    commands: Sequence[Commanded],
    work: _Work,
    turn: BatchSlot | None,
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
    turn: BatchSlot | None,
) -> dict[int, Outcome]:
    """Read, and decide what is pending once; what comes back stale is left out of the answer."""
    batch = await _decide_all(log, ring, commands, pending, work)
    outcomes = await _appended(log, commands, batch, work)
    if turn is not None:
        _learn(turn, batch)
        turn.disturbed.update(batch.world.written)
    return outcomes


async def _first_attempt(
    log: EventLog, ring: KeyRing, commands: Sequence[Commanded], work: _Work, turn: BatchSlot
) -> dict[int, Outcome]:
    """The same upon what is known, while the batch before is being appended."""
    everything = range(len(commands))
    read_in_turn = turn.is_ready
    batch = await _decide_all(log, ring, commands, everything, work, turn.known)
    disturbed = await turn.wait_for_previous()
    if disturbed is None or (
        disturbed and any(not d.guards.keys().isdisjoint(disturbed) for d in batch.decisions)
    ):
        read_in_turn = True
        batch = await _decide_all(log, ring, commands, everything, work, turn.known)
    if not await _confirmed(log, batch, read_in_turn=read_in_turn):
        turn.known.clear()
        batch = await _decide_all(log, ring, commands, everything, work)
    for stream, current in batch.world.written.items():
        turn.known.put(stream, current)
    turn.release()
    outcomes = await _appended(log, commands, batch, work)
    _learn(turn, batch)
    return outcomes


async def _confirmed(log: EventLog, batch: BatchDecider, *, read_in_turn: bool) -> bool:
    """Check that decisions without events read the newest versions of their streams."""
    upon = {StreamId(it) for d in batch.decisions if d.group is None for it in d.guards}
    unsure = upon - batch.read if read_in_turn else upon
    if not unsure:
        return True
    read = await log.read_streams(list(unsure))
    return all(len(read[stream]) == batch.world.base(stream) for stream in unsure)


def _learn(turn: BatchSlot, batch: BatchDecider) -> None:
    """Update the cache after an append. Words that are not sealed are not cached."""
    lost: set[StreamId] = set()
    for decision in batch.decisions:
        if decision.group is not None and decision.seen[0].position is None:
            turn.known.drop([StreamId(stream) for stream in decision.group.guards])
            lost.update(event.stream for event in decision.group.events)
    for stream in batch.read - batch.world.written.keys():
        turn.known.learn(stream, batch.world.state_of(stream))
    for stream, current in batch.world.written.items():
        if current.plain or (lost and stream in lost):
            turn.known.drop([stream])
        else:
            turn.known.put(stream, current)
    turn.disturbed |= lost


async def _appended(
    log: EventLog, commands: Sequence[Commanded], batch: BatchDecider, work: _Work
) -> dict[int, Outcome]:
    decisions = batch.by_command
    appending = [i for i, decision in decisions.items() if decision.group is not None]
    for i in appending:
        await work.store_text(decisions[i].command or commands[i].command)
    groups = [decision.group for i in appending if (decision := decisions[i]).group]
    appended = dict(zip(appending, await log.append(groups) if groups else [], strict=True))
    head = 0
    if any(decision.group is None for decision in decisions.values()):
        head = await log.head()
    return _outcomes(decisions, appended, head)


def _outcomes(
    decisions: dict[int, Decision], appended: dict[int, Appended | Stale], head: int
) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    never: set[StreamId] = set()  # streams that were to change, and did not
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
    known: StreamCache | None = None,
) -> BatchDecider:
    """Decide in order. Where a decision looks at what was not read, nor is known, read that
    too and begin again, so that order is kept.
    """
    wanted = {stream.int: stream for i in pending for stream in commands[i].streams}
    owners: set[UUID] = set()
    keyless: set[UUID] = set()
    for _ in range(MISSING_ROUNDS_MAX):
        world = StreamStates()
        named = wanted.values()
        cold = list(named) if known is None else _take_known(world, known, named)
        read = await log.read_streams(cold) if cold else {}
        for stream in cold:
            world.load(stream, read[stream])
        await ring.load(owners)
        decider = BatchDecider(world, set(cold), ring, owners, keyless, work.done)
        for i in pending:
            decider.by_command[i] = decider.decide(i, commands[i])
        if not decider.missing_anything:
            refused = await _seal_all(ring, decider)
            if not refused:
                return decider
            keyless |= refused
        wanted |= {stream.int: stream for stream in decider.missing_streams}
        owners |= decider.missing_owners
        await work.do(decider.missing_works)
    raise RuntimeError("decisions never stop naming further streams")


def _take_known(
    world: StreamStates, known: StreamCache, wanted: Collection[StreamId]
) -> list[StreamId]:
    """Answers what is not known."""
    cold = []
    for stream in wanted:
        if (current := known.get(stream)) is None:
            cold.append(stream)
        else:
            world.put(stream, current)
    return cold


async def _seal_all(
    ring: KeyRing,
    decider: BatchDecider,
) -> frozenset[UUID]:
    """Give the decisions their groups, personal words sealed; the keys of who is erased go
    first. Answers whose words could not be sealed: then all is to be decided again without.
    """
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


def _group(ring: KeyRing, commanded: Commanded, events: Events, guards: dict[UUID, int]) -> Group:
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
