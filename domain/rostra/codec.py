"""Codec of events: the registry of tags, their JSON, and the sealing of words.

Only this module resolves tags. It never imports a name that a row gives.
"""

import re
from collections.abc import Callable
from typing import Any, TypeGuard
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
from rostra.events import HasActor, HasWords, Personal, Words
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
from rostra.person import (
    PersonBanned,
    PersonConfigured,
    PersonDistrusted,
    PersonErased,
    PersonEvent,
    PersonLabelled,
    PersonReturned,
    PersonTrusted,
    PersonUnbanned,
)
from rostra.sealing import Damaged, Erased, KeyRing, Opener, associated_data
from rostra.site import SiteConfigured
from rostra.subscription import SubscriptionEnded, SubscriptionEvent, SubscriptionStarted
from rostra.vote import VoteCast, VoteEvent, VoteNullified, VoteRestored

AnyEvent = (
    SiteConfigured
    | PersonEvent
    | DiscussionEvent
    | CommentEvent
    | CommentFlagged
    | VoteEvent
    | SubscriptionEvent
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
        PersonConfigured,
        PersonLabelled,
        PersonBanned,
        PersonUnbanned,
        PersonDistrusted,
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
        SubscriptionStarted,
        SubscriptionEnded,
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
    DiscussionAliased.topic: DiscussionOpened.topic,
    CommentWordingHeld.topic: CommentEdited.topic,
    CommentWordingRejected.topic: CommentRejected.topic,
}
"""The event type under which publishers know an event, where that is not its tag."""

PERSONAL = "personal"

DECODERS: dict[str, Callable[[bytes], Any]] = {
    topic: msgspec.json.Decoder(event_type).decode for topic, event_type in TYPES.items()
}
"""Decoder of each tag: payload to event. Raises msgspec.DecodeError."""
_words_decoder = msgspec.json.Decoder(Words)
encode = msgspec.json.Encoder().encode
"""An event's payload as the compact JSON that `state` holds."""
UNREADABLE = (msgspec.DecodeError, RecursionError, ValueError)
"""Errors of decoding a state that another program may have written."""
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def decode(topic: str, state: bytes) -> AnyEvent | None:
    """Return the event of a row; None if the tag is unknown. Raises msgspec.DecodeError."""
    decoded = DECODERS.get(topic)
    if decoded is None:
        return None
    try:
        event: AnyEvent = decoded(state)
    except (UnicodeDecodeError, RecursionError) as error:  # another program may have written it
        raise msgspec.DecodeError(str(error)) from None
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


_WITH_WORDS = frozenset(kind for kind in TYPES.values() if PERSONAL in kind.__struct_fields__)
_WITH_ACTOR = frozenset(kind for kind in TYPES.values() if "by" in kind.__struct_fields__)


def _has_words(event: AnyEvent) -> TypeGuard[HasWords]:
    return type(event) in _WITH_WORDS


def _has_actor(event: AnyEvent) -> TypeGuard[HasActor]:
    return type(event) in _WITH_ACTOR


def personal_of(event: AnyEvent) -> Personal | None:
    """Return the event's words, sealed or not; None if it has none."""
    return event.personal if _has_words(event) else None


def actor_of(event: AnyEvent) -> str | None:
    """Return the person whom the event names as `by`; None if it names nobody."""
    return event.by if _has_actor(event) else None


def words_owner(event: AnyEvent, site: str) -> UUID:
    """Return the stream id of the person or site whose key seals the event's words.

    That is a comment's author, also when somebody else edits it; the person whose settings they
    are; else the person who acts; else the site.
    """
    if isinstance(event, CommentPosted | CommentEdited | CommentWordingHeld):
        return ids.person_id(site, event.author)
    if isinstance(event, PersonConfigured):
        return ids.person_id(site, event.person)
    actor = actor_of(event)
    return ids.site_id(site) if actor is None else ids.person_id(site, actor)


def plain_words(event: AnyEvent) -> Words | None:
    """Return the event's words if they are not yet sealed."""
    personal = event.personal if _has_words(event) else None
    return personal if isinstance(personal, Words) else None


def sealed_words(event: AnyEvent) -> bytes | None:
    """Return the event's words as the log has them, if it has any."""
    personal = event.personal if _has_words(event) else None
    return personal if isinstance(personal, bytes) else None


def seal(event: AnyEvent, ring: KeyRing, *, stream: UUID, event_id: UUID, site: str) -> AnyEvent:
    """Return the event with sealed words, as the log stores it. The owner's key must exist."""
    words = plain_words(event)
    if words is None:
        return event
    place = words_place(stream, event.topic, event_id)
    sealed = ring.seal(words_owner(event, site), encode(words), place)
    return msgspec.structs.replace(event, personal=sealed)


def open_words(sealed: bytes, ring: Opener, owner: UUID, associated: bytes) -> Words:
    """Open sealed words. Raises Erased or Damaged, also for what are no words."""
    plain = ring.open(owner, sealed, associated)
    try:
        return _words_decoder.decode(plain)
    except msgspec.DecodeError as error:
        raise Damaged(f"no words: {error}") from None


def find_words(
    sealed: bytes | None, ring: Opener, owner: UUID, stream: UUID, topic: str, event_id: UUID | None
) -> Words | None:
    """Return the words of an event; None if it has none, or they are erased or altered."""
    if sealed is None or event_id is None:
        return None
    try:
        return open_words(sealed, ring, owner, words_place(stream, topic, event_id))
    except (Erased, Damaged):
        return None


def has_nul(state: bytes) -> bool:
    """Return whether a text within this JSON holds NUL, which no table can keep."""
    return b"\\" in state and _NUL.search(state) is not None
