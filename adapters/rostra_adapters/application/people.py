"""Settings and subscriptions of persons, as the log has them now."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from rostra import codec, ids
from rostra.deciding.stream_states import fold_stream
from rostra.events import Words
from rostra.log import EventLog, Recorded
from rostra.person import Person, PersonBanned, PersonConfigured
from rostra.sealing import KeyRing
from rostra.subscription import Subscription
from rostra.times import Time
from rostra_adapters.application.stream_state_reader import decode_row, events_of


class PersonSettings(msgspec.Struct, frozen=True):
    """Settings of a person, opened."""

    words: Words
    label: str | None
    position: int
    """Position of the last change; 0 if there was none."""
    ban: PersonBanned | None = None
    """The latest ban that was not taken back. Its term may have ended."""

    def is_banned(self, time: Time) -> bool:
        """Return whether the person is banned at a time."""
        return self.ban is not None and (self.ban.until is None or time < self.ban.until)


class People:
    """Reads of persons from their own streams."""

    def __init__(self, log: EventLog, ring: KeyRing) -> None:
        self._log = log
        self._ring = ring

    async def person(self, stream: UUID) -> Person:
        """Return the state of a person's stream."""
        rows = (await self._log.read_streams([stream]))[stream]
        state: Person = fold_stream(stream, events_of(rows))
        return state

    async def settings(self, site: str, person: str) -> PersonSettings:
        """Return a person's settings; those that were erased, or never set, are None."""
        stream = ids.person_id(site, person)
        rows = (await self._log.read_streams([stream]))[stream]
        state: Person = fold_stream(stream, events_of(rows))
        await self._ring.load([stream])
        words = Words() if state.is_erased else self._words(stream, rows)
        return PersonSettings(words, state.label, rows[-1].position if rows else 0, state.ban)

    def _words(self, stream: UUID, rows: Sequence[Recorded]) -> Words:
        for row in reversed(rows):
            event = decode_row(row)
            if not isinstance(event, PersonConfigured) or row.event_id is None:
                continue
            sealed, place = codec.sealed_words(event), (stream, row.topic, row.event_id)
            return codec.find_words(sealed, self._ring, stream, *place) or Words()
        return Words()

    async def subscription(
        self, site: str, discussion: UUID, person: str
    ) -> tuple[Subscription, int]:
        """Return a person's subscription to a discussion, and the position of its last change."""
        stream = ids.subscription_id(ids.discussion_of(discussion), person)
        owner = ids.person_id(site, person)
        read = await self._log.read_streams([stream, owner])
        state: Subscription = fold_stream(stream, events_of(read[stream]))
        known: Person = fold_stream(owner, events_of(read[owner]))
        return state.after(known.erasures), read[stream][-1].position if read[stream] else 0
