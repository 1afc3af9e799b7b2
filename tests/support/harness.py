"""`given(what happened).when(a command).then(what follows)`: the domain's tests as sentences."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from rostra import codec, ids
from rostra.codec import AnyEvent
from rostra.commands import COMMANDS, AnyCommand
from rostra.deciding.decide import decide, resolve_target, subject
from rostra.deciding.handle import Commanded
from rostra.deciding.stream_states import DecisionContext, Events, NeedsMore, StreamStates
from rostra.events import CommandContext
from rostra.ids import Position, StreamId
from rostra.log import Recorded
from rostra.refusals import Refusal
from support.examples import Happened
from support.memory import MemoryArticles, MemoryRing


def commanded(act: dict[str, Any]) -> Commanded:
    """A CloudEvent as a command and its act."""
    command = msgspec.convert(act["data"], COMMANDS[act["type"]])
    return Commanded(command, CommandContext(act["source"], act["id"], act["time"]))


def given(*happened: Happened) -> "Given":
    """A log that holds these events."""
    return Given(happened)


class Given:
    def __init__(self, happened: Sequence[Happened]) -> None:
        self._happened = happened
        self._articles = MemoryArticles()

    def when(self, command: AnyCommand, act: CommandContext) -> "Then":
        """Decide the command upon the log."""
        read: set[UUID] = set()
        while True:
            reading = DecisionContext(
                self._world(read), MemoryRing(), set(), (), self._articles.done
            )
            try:
                meant = resolve_target(command, act, reading)
                return Then(decide(meant, act, reading, subject(meant, act)), None)
            except Refusal as refusal:
                return Then([], refusal)
            except NeedsMore as missing:
                read |= missing.streams
                self._articles.do(missing.works)

    def _world(self, read: set[UUID]) -> StreamStates:
        world = StreamStates()
        happened: dict[UUID, list[AnyEvent]] = {}
        for at, event in self._happened:
            happened.setdefault(at, []).append(event)
        for stream in read:
            events = happened.get(stream, [])
            world.load(StreamId(stream), [_row(stream, n, it) for n, it in enumerate(events, 1)])
        return world


def _row(stream: UUID, version: int, event: AnyEvent) -> Recorded:
    event_id = ids.event_id("given", f"{stream}/{version}")
    return Recorded(
        Position(version),
        StreamId(stream),
        version,
        event.topic,
        codec.encode(event),
        event_id,
        None,
    )


class Then:
    def __init__(self, decided: Events, refusal: Refusal | None) -> None:
        self.decided = decided
        self._refusal = refusal

    def then(self, *happened: Happened) -> None:
        """Exactly these events follow, in these streams."""
        assert self._refusal is None
        assert self.decided == list(happened)

    def then_nothing(self) -> None:
        """Nothing changes."""
        self.then()

    def then_refused(self, name: str, *, retryable: bool = False) -> None:
        """It is not allowed."""
        assert self._refusal is not None, self.decided
        assert (self._refusal.name, self._refusal.retryable) == (name, retryable)
