"""Handling of commands: read their streams, decide in order, append with guards.

A batch has the commands that arrived at the same time. It has one read and one append, and later
commands see the effects of earlier ones. Groups that the log refuses as stale are read and decided
again.

With a slot in the pipeline (`BatchSlot`), a batch is decided while the batch before it is appended.
Without one, only step 5 is done, for all groups.

1. `_first_attempt` decides from the cache. That has the states which the earlier batch will write
   if the log takes all its groups.
2. It waits for that append. If the append changed streams otherwise (`disturbed`), and a decision
   read one of them, the whole batch is decided again.
3. `_confirmed` reads the streams of decisions without events, because the log checks the versions
   of the other decisions only. If one is old, the cache is cleared and all is decided again.
4. The cache gets the new states, the next batch may begin, and the groups are appended.
5. `_attempt` reads the streams of the commands without an outcome, decides them and appends.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import groupby
from uuid import UUID

import msgspec

from rostra import ids
from rostra.commands import CastVote, Command, Commanded, ErasePerson, ReviseArticle, acting_person
from rostra.deciding.batch_decider import BatchDecider, Decision, Outcome
from rostra.deciding.batch_slot import BatchSlot
from rostra.deciding.checking import are_checked, checked_or_refusal
from rostra.deciding.stream_cache import StreamCache
from rostra.deciding.stream_states import StreamStates
from rostra.deciding.text_work import Articles, Prepared, PrepareText, Work, WorkResult
from rostra.deciding.vote_runs import cast_votes
from rostra.ids import StreamId
from rostra.log import EventLog
from rostra.refusals import Refusal
from rostra.sealing import KeyRing

__all__ = ["ATTEMPTS_MAX", "Commanded", "Outcome", "acting_person", "answer_each", "handle"]

ATTEMPTS_MAX = 32
"""Attempts to append before a command is refused as busy: another writer won each time."""
MISSING_ROUNDS_MAX = 8
"""Rounds of reads for one decision. Each round gives the streams that the last one asked for."""


_PARTED = frozenset({ErasePerson.topic, ReviseArticle.topic})
"""Types of commands that are handled apart from those before and after them."""


class _Work:
    """The work that decisions of one call asked for, with its results."""

    def __init__(self, articles: Articles | None) -> None:
        self._articles = articles
        self.done: dict[Work, WorkResult] = {}

    async def do(self, works: Collection[Work]) -> None:
        if not works:
            return
        if self._articles is None:
            raise RuntimeError("no store of article texts was given to `handle`")
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
    slot: BatchSlot | None = None,
) -> list[Outcome]:
    """Handle a batch in order. Return one outcome for each command, durable on return.

    Commands after an erasure or a revision are decided when that is durable. `articles` are needed
    if there are articles' texts. Without a `slot` all streams are read. A command that does not fit
    its type is rejected.
    """
    if are_checked(commands):
        return await _handle_checked(log, ring, commands, articles, slot)
    read = [checked_or_refusal(each) for each in commands]
    if slot is not None and not any(isinstance(each, Commanded) for each in read):
        await slot.wait_for_previous()  # so that the next batch learns the changed streams
    return await answer_each(
        read,
        lambda fitting: _handle_checked(log, ring, fitting, articles, slot),
    )


async def answer_each(
    commands: Sequence[Commanded | Refusal],
    submit: Callable[[Sequence[Commanded]], Awaitable[list[Outcome]]],
) -> list[Outcome]:
    """Submit the commands, and answer each in its place; a refusal is answered as rejected."""
    fitting = [each for each in commands if isinstance(each, Commanded)]
    if len(fitting) == len(commands):
        return await submit(fitting)
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
    slot: BatchSlot | None,
) -> list[Outcome]:
    if _PARTED.isdisjoint({each.command.topic for each in commands}):
        return await _handle(log, ring, commands, _Work(articles), slot)
    parts = [[each for _, each in part] for _, part in groupby(enumerate(commands), _part)]
    alone = isinstance(commands[0].command, ErasePerson | ReviseArticle) if commands else False
    if len(parts) == 1 and not alone:
        return await _handle(log, ring, commands, _Work(articles), slot)
    if slot is not None:
        await slot.wait_for_previous()
        slot.cache.clear()
    return [
        outcome
        for part in parts
        for outcome in await _handle(log, ring, part, _Work(articles), None)
    ]


def _part(numbered: tuple[int, Commanded]) -> tuple[bool, int]:
    """Return a key that groups consecutive erasures, and puts each revision in a group of its own.

    The conclusions of a revision depend on all commands before it.
    """
    index, each = numbered
    alone = index + 1 if isinstance(each.command, ReviseArticle) else 0
    return isinstance(each.command, ErasePerson), alone


async def _handle(
    log: EventLog,
    ring: KeyRing,
    commands: Sequence[Commanded],
    work: _Work,
    slot: BatchSlot | None,
) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    pending = list(range(len(commands)))
    # Before anything is read: the log refuses what was decided upon another one.
    log_id = await log.log_id()
    if slot is not None:
        slot.cache.of(log_id)
        outcomes |= await _first_attempt(log, log_id, ring, commands, work, slot)
        pending = [index for index in pending if index not in outcomes]
        slot.cache.judge(len(commands), len(pending))
    for _ in range(ATTEMPTS_MAX):
        if not pending:
            break
        outcomes |= await _attempt(log, log_id, ring, commands, pending, work, slot)
        pending = [index for index in pending if index not in outcomes]
    busy = Refusal("busy", "conflicting writes; retry", retryable=True)
    return [outcomes.get(i) or Outcome("rejected", refusal=busy) for i in range(len(commands))]


async def _attempt(
    log: EventLog,
    log_id: UUID,
    ring: KeyRing,
    commands: Sequence[Commanded],
    pending: Sequence[int],
    work: _Work,
    slot: BatchSlot | None,
) -> dict[int, Outcome]:
    """Read the streams, decide the pending commands once, and append.

    The result lacks the commands whose groups the log refused as stale.
    """
    batch = await _decide_all(log, ring, commands, pending, work)
    outcomes = await _appended(log, log_id, batch, work)
    if slot is not None:
        slot.cache.put(batch.states.written)
        _learn(slot, batch)
        slot.changed_streams.update(batch.states.written)
    return outcomes


async def _first_attempt(
    log: EventLog,
    log_id: UUID,
    ring: KeyRing,
    commands: Sequence[Commanded],
    work: _Work,
    slot: BatchSlot,
) -> dict[int, Outcome]:
    """Decide from cached streams while the batch before is appended, then append.

    The result lacks the commands whose groups the log refused as stale.
    """
    everything = range(len(commands))
    read_in_turn = slot.is_ready
    batch = await _decide_all(log, ring, commands, everything, work, slot.cache)
    changed = await slot.wait_for_previous()
    if changed is None or (
        changed and any(not d.guards.keys().isdisjoint(changed) for d in batch.decisions)
    ):
        read_in_turn = True
        batch = await _decide_all(log, ring, commands, everything, work, slot.cache)
    if not await _confirmed(log, batch, read_in_turn=read_in_turn):
        slot.cache.clear()
        batch = await _decide_all(log, ring, commands, everything, work)
    slot.cache.put(batch.states.written)
    slot.release()
    outcomes = await _appended(log, log_id, batch, work)
    _learn(slot, batch)
    return outcomes


async def _confirmed(log: EventLog, batch: BatchDecider, *, read_in_turn: bool) -> bool:
    """Return whether decisions without events read the newest versions of their streams."""
    upon = {it for decision in batch.decisions if not decision.events for it in decision.guards}
    unsure = upon - batch.read if read_in_turn else upon
    if not unsure:
        return True
    read = await log.read_streams(ids.uuids(unsure))
    return all(len(rows) == batch.states.base(stream.int) for stream, rows in read.items())


def _learn(slot: BatchSlot, batch: BatchDecider) -> None:
    """Update the cache after an append. Words that are not sealed are not cached."""
    lost: set[int] = set()
    for decision in batch.decisions:
        if decision.events and decision.seen[0].position is None:
            slot.cache.drop(decision.guards)
            lost.update(_streams(batch, decision))
    for stream in batch.read - batch.states.written.keys():
        slot.cache.learn(stream, batch.states.by_stream[stream])
    slot.cache.drop([stream for stream, state in batch.states.written.items() if state.plain])
    slot.cache.drop(lost)
    slot.changed_streams |= lost


def _streams(batch: BatchDecider, decision: Decision) -> list[int]:
    """Return the streams of a decision's events."""
    return [row[0] for row in batch.rows[decision.row : decision.row + decision.events]]


async def _appended(
    log: EventLog, log_id: UUID, batch: BatchDecider, work: _Work
) -> dict[int, Outcome]:
    for revision in batch.revisions:
        await work.store_text(revision)
    positions = await log.append(batch.new_events(log_id)) if batch.rows else ()
    head = 0
    if len(positions) < len(batch.by_command):
        head = await log.head()
    return _outcomes(batch, positions, head)


def _outcomes(
    batch: BatchDecider, positions: Sequence[int | None], head: int
) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    never: set[int] = set()  # streams that were to change, and did not
    recorded: list[tuple[int, int, int]] = []
    group = 0
    for index, decision in batch.by_command.items():
        if decision.events:
            first = positions[group]
            group += 1
            if first is None:
                never.update(_streams(batch, decision))
                continue
            assert decision.at is not None
            recorded.append((index, first + decision.before, decision.at))
            for seen in decision.seen:
                seen.position = first
                first += 1
        elif decision.repeats is not None:
            if (position := decision.repeats.position) is not None:
                assert decision.at is not None
                outcomes[index] = Outcome("duplicate", position, StreamId(UUID(int=decision.at)))
        elif decision.outcome is not None and never.isdisjoint(decision.guards):
            outcomes[index] = _at_head(decision.outcome, head)
    about = ids.uuids([at for _, _, at in recorded])
    for (index, position, _), id_ in zip(recorded, about, strict=True):
        outcomes[index] = Outcome("recorded", position, StreamId(id_))
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
    cache: StreamCache | None = None,
) -> BatchDecider:
    """Decide in order.

    If a decision needs a stream that is neither read nor cached, read it and begin again, so that
    the order is kept.
    """
    wanted: set[int] = set()
    owners: set[UUID] = set()
    keyless: set[UUID] = set()
    for _ in range(MISSING_ROUNDS_MAX):
        states = StreamStates(cache)
        read = await log.read_streams(ids.uuids(wanted)) if wanted else {}
        for stream, rows in read.items():
            states.load(StreamId(stream), rows)
        await ring.load(owners)
        batch = BatchDecider(states, wanted, ring, owners, keyless, work.done)
        votes: list[tuple[int, Commanded]] = []
        for i in pending:
            commanded = commands[i]
            if commanded.command.topic == CastVote.topic:
                votes.append((i, commanded))
            else:
                cast_votes(batch, votes, cache)
                votes.clear()
                batch.decide(i, commanded)
        cast_votes(batch, votes, cache)
        if not batch.missing_anything:
            refused = await _seal_all(ring, batch)
            if not refused:
                return batch
            keyless |= refused
        wanted = wanted | batch.missing_streams
        owners |= batch.missing_owners
        await work.do(batch.missing_works)
    raise RuntimeError(f"a decision asked for more streams in each of {MISSING_ROUNDS_MAX} rounds")


async def _seal_all(ring: KeyRing, batch: BatchDecider) -> frozenset[UUID]:
    """Seal the words of the new events, after the keys of erased persons are destroyed.

    Return the owners whose words cannot be sealed. Then all commands are decided again without
    them.
    """
    if batch.erasing:
        await ring.destroy(batch.erasing)
    refused = await ring.make(batch.owners, batch.owners)
    if not refused:
        batch.seal()
    return refused
