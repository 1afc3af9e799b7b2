"""Between events and rows of the log: the registry of tags, JSON, and sealing.

Tags are resolved here and nowhere else; what a row names is never imported.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from rostra import ids
from rostra.article import ArticleEvent, ArticleMarked, ArticleRevised
from rostra.comment import (
    CommentApproved,
    CommentEdited,
    CommentEvent,
    CommentHeld,
    CommentPinned,
    CommentPosted,
    CommentRejected,
    CommentRemoved,
    CommentRestored,
    CommentUnpinned,
    CommentWordingHeld,
    CommentWordingRejected,
)
from rostra.discussion import (
    DiscussionAliased,
    DiscussionClosed,
    DiscussionEvent,
    DiscussionMoved,
    DiscussionOpened,
    DiscussionReopened,
)
from rostra.events import Words
from rostra.flag import CommentFlagged
from rostra.passage import (
    PassageClosed,
    PassageEvent,
    PassageMarked,
    PassageMoved,
    PassageOrphaned,
    PassageReopened,
    PassageUnmarked,
)
from rostra.person import PersonErased, PersonEvent, PersonReturned, PersonTrusted
from rostra.sealing import Damaged, KeyRing, associated_data
from rostra.site import SiteConfigured
from rostra.vote import VoteCast, VoteEvent, VoteNullified, VoteRestored

AnyEvent = (
    SiteConfigured
    | PersonEvent
    | DiscussionEvent
    | CommentEvent
    | CommentFlagged
    | VoteEvent
    | PassageEvent
    | ArticleEvent
)

TYPES: dict[str, type[AnyEvent]] = {
    event_type.topic: event_type
    for event_type in (
        SiteConfigured,
        PersonTrusted,
        PersonErased,
        PersonReturned,
        DiscussionOpened,
        DiscussionClosed,
        DiscussionReopened,
        DiscussionMoved,
        DiscussionAliased,
        CommentPosted,
        CommentEdited,
        CommentWordingHeld,
        CommentWordingRejected,
        CommentHeld,
        CommentRemoved,
        CommentRestored,
        CommentApproved,
        CommentRejected,
        CommentPinned,
        CommentUnpinned,
        CommentFlagged,
        VoteCast,
        VoteNullified,
        VoteRestored,
        PassageMarked,
        PassageClosed,
        PassageReopened,
        PassageUnmarked,
        PassageMoved,
        PassageOrphaned,
        ArticleRevised,
        ArticleMarked,
    )
}

PUBLISHED_AS: dict[str, str] = {
    CommentWordingHeld.topic: CommentEdited.topic,
    CommentWordingRejected.topic: CommentRejected.topic,
}
"""The event type under which publishers know an event, where that is not its tag."""

PERSONAL = "personal"

DECODERS: dict[str, Callable[[bytes], Any]] = {
    topic: msgspec.json.Decoder(event_type).decode for topic, event_type in TYPES.items()
}
"""Of each tag: from the payload to the event. Raises msgspec.DecodeError."""
_words_decoder = msgspec.json.Decoder(Words)
encode = msgspec.json.Encoder().encode
"""An event's payload as the compact JSON that `state` holds."""


def decode(topic: str, state: bytes) -> AnyEvent | None:
    """The event of a row; None where the tag is not ours. Raises msgspec.DecodeError."""
    decoded = DECODERS.get(topic)
    if decoded is None:
        return None
    event: AnyEvent = decoded(state)
    return event


def published_topic(topic: str) -> str:
    """Return the event type under which publishers know the events of a tag."""
    return PUBLISHED_AS.get(topic, topic)


def words_place(stream: UUID, topic: str, event_id: UUID) -> bytes:
    """Return the associated data of an event's words.

    A wording is sealed alike whether it waited or not, so that a view that shows it later
    need not know.
    """
    return associated_data(stream, published_topic(topic), event_id, PERSONAL)


def words_owner(event: AnyEvent, site: str) -> UUID:
    """Return the id of the key that seals the event's words.

    That is the comment's author, also when somebody else edits it; else the person who acts; else
    the site.
    """
    match event:
        case CommentPosted() | CommentEdited() | CommentWordingHeld():
            return ids.person_id(site, event.author)
        case _:
            by = getattr(event, "by", None)
            return ids.site_id(site) if by is None else ids.person_id(site, by)


def plain_words(event: AnyEvent) -> Words | None:
    """The event's words where they are not yet sealed."""
    personal = getattr(event, PERSONAL, None)
    return personal if isinstance(personal, Words) else None


def seal(event: AnyEvent, ring: KeyRing, *, stream: UUID, event_id: UUID, site: str) -> AnyEvent:
    """The event as the log keeps it. The owner's key must have been made."""
    words = plain_words(event)
    if words is None:
        return event
    place = words_place(stream, event.topic, event_id)
    sealed = ring.seal(words_owner(event, site), encode(words), place)
    return msgspec.structs.replace(event, personal=sealed)


def open_words(sealed: bytes, ring: KeyRing, owner: UUID, associated: bytes) -> Words:
    """Open sealed words. Raises Erased or Damaged, also for what are no words."""
    plain = ring.open(owner, sealed, associated)
    try:
        return _words_decoder.decode(plain)
    except msgspec.DecodeError as error:
        raise Damaged(f"no words: {error}") from None
