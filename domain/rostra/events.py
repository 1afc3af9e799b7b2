"""Common parts of all events.

The tag (`comment.posted`) and the JSON of the payload are the format of the log, for ever. A
changed form is a new type with an upcast, never an edit.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Protocol
from uuid import UUID

import msgspec

from rostra import fields
from rostra.settings import NotifySettings
from rostra.times import Time, time_of


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Payload of an event, without the ids that its row has.

    `time` is the time of the event as its publisher gave it.
    """

    topic: ClassVar[str]
    time: Time


class Words(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Words that a person wrote or is known by: the plain form of the field `personal`."""

    name: str | None = None
    email: str | None = None
    body: str | None = None
    reason: str | None = None
    # A person's settings: BCP 47, IANA's name of the zone, and the hour of the day of digests.
    language: str | None = None
    time_zone: str | None = None
    hour: int | None = None
    notify: NotifySettings | None = None


class WordingRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The event that gave a comment its wording, as its publisher names that event."""

    source: fields.SourceUri
    id: fields.EventName


Personal = Words | bytes
"""Words before they are sealed for the log; sealed bytes ever after (base64 in JSON)."""


class HasWords(Protocol):
    """Event with a field for words that a person wrote or is known by."""

    @property
    def personal(self) -> Personal | None: ...


class HasActor(Protocol):
    """Event with a field that names the person who acted."""

    @property
    def by(self) -> str | None: ...


PERSONS = "rostra:persons"
"""The source of what persons do through our own interface. The id of such an event is the
comment's or the passage's own where it makes one, else it is random: so publishing the feed
to another Rostra makes the same ids there."""


BANS = "rostra:bans"
"""The source of what bans remove and nullify, and of what their ends restore."""
FLAGS = "rostra:flags"
"""The source of holds of comments that many persons flagged, and the actor of those."""


class CommandContext(msgspec.Struct, frozen=True, gc=False):
    """Origin of an act: the publisher's source and id of it, and its time.

    A `datetime` given as the time is converted. Raises ValueError if it has no offset.
    """

    source: fields.SourceUri
    id: fields.EventName
    time: Time
    # The person who acts now, if no publisher reports it. The rules for persons then hold.
    person: fields.PersonId | None = None
    # True if that person acts as a moderator.
    moderates: bool = False
    # Number of the comment's events that the person has seen, if the act requires no others.
    seen: Annotated[int, msgspec.Meta(ge=0)] | None = None
    # Id of the ban that the act carries out or takes back.
    cause: UUID | None = None

    def __post_init__(self) -> None:
        given: object = self.time
        if isinstance(given, datetime):
            msgspec.structs.force_setattr(self, "time", time_of(given))


def because(reason: str | None) -> Words | None:
    """Return a reason as words to be sealed, None if there is none."""
    return None if reason is None else Words(reason=reason)
