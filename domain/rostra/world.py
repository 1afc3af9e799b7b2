"""The streams that a batch of commands reads, folded, and changed as it decides.

Later commands of a batch see what earlier ones concluded. What a decision
looked at is remembered: those are its guards.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec

from rostra import codec, comment, discussion, flag, ids, passage, person, site, vote
from rostra.codec import AnyEvent
from rostra.events import Words
from rostra.log import Recorded
from rostra.sealing import Damaged, Erased, KeyRing, associated_data

S = TypeVar("S")

_FOLDS: dict[ids.Kind, tuple[Any, Callable[[Any, Any], Any]]] = {
    ids.Kind.SITE: (site.INITIAL, site.evolve),
    ids.Kind.PERSON: (person.INITIAL, person.evolve),
    ids.Kind.DISCUSSION: (discussion.INITIAL, discussion.evolve),
    ids.Kind.COMMENT: (comment.INITIAL, comment.evolve),
    ids.Kind.VOTE: (vote.INITIAL, vote.evolve),
    ids.Kind.PASSAGE: (passage.INITIAL, passage.evolve),
    ids.Kind.FLAG: (flag.INITIAL, flag.evolve),
}


class Missing(Exception):
    """A decision looked at a stream, or needs a key, that has not been read yet."""

    def __init__(self, *, stream: UUID | None = None, owner: UUID | None = None) -> None:
        super().__init__("not read yet")
        self.stream = stream
        self.owner = owner


class Seen(msgspec.Struct, frozen=True, gc=False):
    """An event of a stream: which one, and where. `position` is None while it waits
    to be appended by the command at `decided_by` of the same batch."""

    event_id: UUID | None
    topic: str
    position: int | None
    decided_by: int | None = None


class Standing(msgspec.Struct):
    """A stream: its events seen so far and the state they fold to."""

    state: Any
    seen: list[Seen]

    @property
    def version(self) -> int:
        return len(self.seen)


def fold(kind: ids.Kind, events: Iterable[AnyEvent]) -> Any:
    """The state of an aggregate after its events."""
    state, evolve = _FOLDS[kind]
    for event in events:
        state = evolve(state, event)
    return state


class World:
    """Streams by id, as read from the log and as decided since."""

    def __init__(self) -> None:
        self._standing: dict[UUID, Standing] = {}

    def __contains__(self, stream: UUID) -> bool:
        return stream in self._standing

    def take(self, stream: UUID, rows: Iterable[Recorded]) -> None:
        """A stream as the log has it. Foreign events count, but change no state."""
        state, evolve = _FOLDS[ids.kind_of(stream)]
        seen = []
        for row in rows:
            seen.append(Seen(row.event_id, row.topic, row.position))
            event = codec.decode(row.topic, row.state)
            if event is not None:
                state = evolve(state, event)
        self._standing[stream] = Standing(state, seen)

    def apply(self, stream: UUID, event: AnyEvent, event_id: UUID, decided_by: int) -> int:
        """Let the commands that follow see a decided event; returns its version."""
        standing = self._standing[stream]
        evolve = _FOLDS[ids.kind_of(stream)][1]
        standing.state = evolve(standing.state, event)
        standing.seen.append(Seen(event_id, event.topic, None, decided_by))
        return standing.version

    def standing(self, stream: UUID) -> Standing:
        """Raises Missing where the stream has not been read."""
        try:
            return self._standing[stream]
        except KeyError:
            raise Missing(stream=stream) from None


class Reading:
    """One command's look at the world; `guards` are the versions it saw. `keyless` are
    those for whom no key can be made."""

    def __init__(
        self,
        world: World,
        ring: KeyRing,
        keys_loaded: set[UUID],
        keyless: Collection[UUID] = (),
    ) -> None:
        self._world = world
        self._ring = ring
        self._keys_loaded = keys_loaded
        self.keyless = keyless
        self.guards: dict[UUID, int] = {}

    def standing(self, stream: UUID) -> Standing:
        """A stream whole, which the decision from now on stands on."""
        standing = self._world.standing(stream)
        self.guards.setdefault(stream, standing.version)
        return standing

    def site(self, stream: UUID) -> site.Site:
        return cast(site.Site, self.standing(stream).state)

    def person(self, stream: UUID) -> person.Person:
        return cast(person.Person, self.standing(stream).state)

    def discussion(self, stream: UUID) -> discussion.Discussion:
        return cast(discussion.Discussion, self.standing(stream).state)

    def comment(self, stream: UUID) -> comment.Comment:
        return cast(comment.Comment, self.standing(stream).state)

    def vote(self, stream: UUID) -> vote.Vote:
        return cast(vote.Vote, self.standing(stream).state)

    def passage(self, stream: UUID) -> passage.Passage:
        return cast(passage.Passage, self.standing(stream).state)

    def flag(self, stream: UUID) -> flag.Flag:
        return cast(flag.Flag, self.standing(stream).state)

    def words(
        self, stream: UUID, personal: Words | bytes | None, *, version: int, owner: UUID
    ) -> Words | None:
        """Words of the event at `version` of a stream; None where they are erased or
        damaged. Raises Missing where the owner's key has not been loaded."""
        if personal is None or isinstance(personal, Words):
            return personal
        if owner not in self._keys_loaded:
            raise Missing(owner=owner)
        seen = self.standing(stream).seen[version - 1]
        if seen.event_id is None:
            return None
        place = associated_data(stream, seen.topic, seen.event_id, codec.PERSONAL)
        try:
            return codec.open_words(personal, self._ring, owner, place)
        except (Erased, Damaged):
            return None
