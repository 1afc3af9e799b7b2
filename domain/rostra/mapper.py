"""Mapper of Rostra's events for a stock `eventsourcing.application.Application`.

    class Talk(Application[UUID]):
        env = {"MAPPER_TOPIC": "rostra.mapper:Mapper"}

        def close(self, command: CloseDiscussion, act: CommandContext) -> None:
            decide_and_save(
                self, command.discussion, lambda state: discussion.close(state, command, act)
            )

Rows have Rostra's tags and JSON. The mapper never imports a name that a row gives. A stock recorder
checks the version of the streams that it writes to, and of no other stream. So a rule that spans
streams holds only while one process decides at a time. Otherwise use `rostra.deciding.handle` on a
log, whose guards cover all streams that were read.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import UUID

import msgspec
from eventsourcing import persistence
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    IntegrityError,
    MapperDeserialisationError,
    Recording,
    StoredEvent,
)

from rostra import codec, ids
from rostra.codec import AnyEvent
from rostra.deciding.checking import checked_event
from rostra.deciding.stream_states import fold_stream
from rostra.events import Words
from rostra.sealing import KeyRing

ATTEMPTS_MAX = 10
SOURCE = "rostra.mapper"


class Unknown(msgspec.Struct, frozen=True):
    """An event whose tag is not ours, as it is stored. It changes only a state's version."""

    topic: str
    state: bytes


class StreamEvent(msgspec.Struct, frozen=True):
    """An event with the ids of its row. `site` is needed only to seal its words."""

    originator_id: UUID
    originator_version: int
    payload: AnyEvent | Unknown
    site: str | None = None

    def mutate(self, aggregate: "Aggregate | None") -> "Aggregate":
        """Apply the event to an `Aggregate`, for a stock repository."""
        rebuilt = aggregate or Aggregate(self.originator_id)
        rebuilt.version = self.originator_version
        rebuilt.add(self.payload)
        return rebuilt


class Aggregate:
    """A stream with its events, the state that they fold to, and the new events to save."""

    def __init__(self, stream: UUID) -> None:
        self.id = stream
        self.version = 0
        self.events: list[AnyEvent] = []
        self._folded: list[AnyEvent | None] = []
        self._pending: list[StreamEvent] = []

    def add(self, payload: AnyEvent | Unknown) -> None:
        """Add an event of the stream; an unknown one counts only in the version."""
        if isinstance(payload, Unknown):
            self._folded.append(None)
        else:
            self.events.append(payload)
            self._folded.append(payload)

    @property
    def state(self) -> Any:
        """A `rostra.comment.Comment`, `rostra.vote.Vote`, … by the kind of the id."""
        return fold_stream(self.id, self._folded)

    def record(self, events: Sequence[AnyEvent], *, site: str | None = None) -> None:
        """Take decided events, to be saved by `Application.save`."""
        for event in events:
            recorded = StreamEvent(self.id, self.version + 1, event, site)
            self._pending.append(recorded)
            recorded.mutate(self)

    def collect_events(self) -> Sequence[StreamEvent]:
        collected, self._pending = self._pending, []
        return collected


def read(application: Application[UUID], stream: UUID) -> Aggregate:
    """Return the current state of a stream; one without events has version 0."""
    try:
        return cast(Aggregate, application.repository.get(stream))
    except AggregateNotFoundError:
        return Aggregate(stream)


def decide_and_save(
    application: Application[UUID],
    stream: UUID,
    decide: Callable[[Any], Sequence[AnyEvent]],
    *,
    site: str | None = None,
) -> list[Recording[UUID]]:
    """Read, fold, decide and save. If another writer was first, repeat all of it.

    Raises the Refusal `invalid-event` and saves nothing if a view could not fold an event. Pass a
    command that may not fit its type to `rostra.deciding.checking.validate` first. Raises Refusal,
    and IntegrityError if other writers are first again and again.
    """
    for attempt in range(1, ATTEMPTS_MAX + 1):
        aggregate = read(application, stream)
        aggregate.record(decide(aggregate.state), site=site)
        try:
            return application.save(aggregate)
        except IntegrityError:
            if attempt == ATTEMPTS_MAX:
                raise
    raise AssertionError("unreachable")


class Mapper(persistence.Mapper[UUID]):
    """Converter between a `StreamEvent` and a stored event.

    A person's words are stored as plain JSON, unless the `cipher` is a `rostra.sealing.KeyRing`.
    Then they are sealed as in Rostra's own log, and the owners' keys must exist. They are still
    sealed after reading; `words` opens them. Any other cipher, and a compressor, handle the whole
    event as they do in stock applications.
    """

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        if not isinstance(domain_event, StreamEvent):
            raise TypeError(f"not a StreamEvent: {domain_event!r}")
        payload, stream = domain_event.payload, domain_event.originator_id
        if isinstance(payload, Unknown):
            topic, state = payload.topic, payload.state
        else:
            found = checked_event(stream, payload)
            sealed = self._sealed(msgspec.structs.replace(domain_event, payload=found))
            topic, state = found.topic, self._packed(codec.encode(sealed))
        return StoredEvent(stream, domain_event.originator_version, topic, state)

    def to_domain_event(self, stored_event: StoredEvent) -> StreamEvent:
        stream, version = stored_event.originator_id, stored_event.originator_version
        if not isinstance(stream, UUID):
            stream = UUID(stream)
        payload: AnyEvent | Unknown | None = None
        if stored_event.topic in codec.TYPES:
            payload = self._decoded(stored_event)
        return StreamEvent(
            stream, version, payload or Unknown(stored_event.topic, stored_event.state)
        )

    def words(self, event: StreamEvent, site: str) -> Words | None:
        """Return a person's words in the event; None if it has none. Raises Erased, Damaged."""
        if isinstance(event.payload, Unknown):
            return None
        personal = codec.personal_of(event.payload)
        if personal is None or isinstance(personal, Words):
            return personal
        owner = codec.words_owner(event.payload, site)
        topic = event.payload.topic
        place = codec.words_place(event.originator_id, topic, _event_id(event))
        return codec.open_words(personal, cast(KeyRing, self.cipher), owner, place)

    def _sealed(self, event: StreamEvent) -> AnyEvent:
        payload = event.payload
        assert not isinstance(payload, Unknown)
        if not self._has_keys or codec.plain_words(payload) is None:
            return payload
        if event.site is None:
            raise ValueError("words are sealed with keys of a site's persons: name the site")
        ring = cast(KeyRing, self.cipher)
        stream, event_id = event.originator_id, _event_id(event)
        return codec.seal(payload, ring, stream=stream, event_id=event_id, site=event.site)

    @property
    def _has_keys(self) -> bool:
        return hasattr(self.cipher, "seal") and hasattr(self.cipher, "open")

    def _packed(self, state: bytes) -> bytes:
        if self.compressor:
            state = self.compressor.compress(state)
        if self.cipher and not self._has_keys:
            state = self.cipher.encrypt(state)
        return state

    def _unpacked(self, state: bytes) -> bytes:
        if self.cipher and not self._has_keys:
            state = self.cipher.decrypt(state)
        if self.compressor:
            state = self.compressor.decompress(state)
        return state

    def _decoded(self, stored_event: StoredEvent) -> AnyEvent | None:
        try:
            return codec.decode(stored_event.topic, self._unpacked(stored_event.state))
        except Exception as error:
            at = f"{stored_event.originator_id}, version {stored_event.originator_version}"
            raise MapperDeserialisationError(f"{stored_event.topic} of {at}: {error}") from error


def _event_id(event: StreamEvent) -> UUID:
    """Return an id computed from the place in the stream. A stock recorder stores no event ids."""
    return ids.event_id(SOURCE, f"{event.originator_id}/{event.originator_version}")
