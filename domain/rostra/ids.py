"""Ids of aggregates, computed from names and never looked up.

An id is a UUID (version 8): 60 bits for the discussion, 3 bits for the kind, and 59 bits that are
unique within the discussion.

    48 bits prefix | 4 bits version | 12 bits prefix | 2 bits variant | 3 bits kind, 59 bits tail

The hash is made of a compact JSON array of the names, so that no separator can be forged.
"""

from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache
from hashlib import sha256
from typing import NewType
from uuid import UUID

import msgspec

from rostra.name_cache import cache_by_name

StreamId = NewType("StreamId", UUID)
"""The id of a stream, of whatever kind."""
DiscussionId = NewType("DiscussionId", StreamId)
ArticleId = NewType("ArticleId", StreamId)
SiteId = NewType("SiteId", StreamId)
PersonStreamId = NewType("PersonStreamId", StreamId)
"""The stream of a person of one site. (A `rostra.fields.PersonId` is the publisher's name.)"""
CommentId = NewType("CommentId", StreamId)
VoteId = NewType("VoteId", StreamId)
FlagId = NewType("FlagId", StreamId)
PassageId = NewType("PassageId", StreamId)
SubscriptionId = NewType("SubscriptionId", StreamId)
EventId = NewType("EventId", UUID)
"""The id of a published event, made of its publisher's source and id."""
Position = NewType("Position", int)
"""The place of an event in the log: 1, 2, 3, …; 0 before the first."""

_encode = msgspec.json.Encoder().encode
_int = int.from_bytes

_PREFIX_BITS = 60
_TAIL_BITS = 59
_TAIL_MASK = (1 << _TAIL_BITS) - 1
_VERSION_8 = 8 << 76
_VARIANT = 2 << 62
_LAYOUT = 0xF << 76 | 3 << 62
_EVENT_BITS = (1 << 128) - 1 & ~_LAYOUT
_OF_PREFIX = ~((0xF << 76) | ((1 << 64) - 1))

_IDS_CACHED_MAX = 65_536


class Kind(IntEnum):
    """Kind of a stream: the three bits of its id after the variant."""

    DISCUSSION = 0
    COMMENT = 1
    VOTE = 2
    PASSAGE = 3
    SUBSCRIPTION = 4
    PERSON = 5
    SITE = 6
    FLAG = 7


_KINDS = tuple(Kind)


def _first_bits(json: bytes, bits: int) -> int:
    return _int(sha256(json).digest()[:8], "big") >> (64 - bits)


def _without_tail(prefix: int, kind: Kind) -> int:
    high = (prefix >> 12) << 80 | _VERSION_8 | (prefix & 0xFFF) << 64
    return high | _VARIANT | kind << _TAIL_BITS


@cache_by_name(_IDS_CACHED_MAX)
def _part(discussion: UUID, kind: Kind, *parts: str) -> StreamId:
    """Return the id of the thing that `parts` name inside a discussion or site."""
    tail = _first_bits(_encode(parts), _TAIL_BITS)
    return StreamId(UUID(int=_without_tail(prefix_of(discussion), kind) | tail))


def prefix_of(stream: UUID) -> int:
    """Return the 60 bits that all streams of a discussion share."""
    return (stream.int >> 80) << 12 | (stream.int >> 64) & 0xFFF


def kind_of(stream: UUID) -> Kind:
    """Return the kind of stream that an id is of."""
    return _KINDS[kind_bits(stream.int)]


def kind_bits(number: int) -> int:
    """Return the kind of stream that the number of an id is of, as its three bits."""
    return number >> _TAIL_BITS & 7


def is_article(stream: UUID) -> bool:
    """Return whether a stream of the kind DISCUSSION is an article's, not the discussion's own."""
    return kind_bits(stream.int) == Kind.DISCUSSION and stream.int & _TAIL_MASK != 0


def is_ours(stream: UUID) -> bool:
    """Return whether an id has this layout; a foreign writer's may not."""
    return stream.int & _LAYOUT == _VERSION_8 | _VARIANT


def discussion_of(stream: UUID) -> DiscussionId:
    """Return the discussion of a comment, vote, passage or flag."""
    return _discussion_of(stream.int & _OF_PREFIX)


@lru_cache(_IDS_CACHED_MAX)
def _discussion_of(prefix: int) -> DiscussionId:
    """Return the discussion with a prefix. Cached, because folds repeat few prefixes."""
    return DiscussionId(StreamId(UUID(int=prefix | _VERSION_8 | _VARIANT)))


def range_of(discussion: UUID) -> tuple[UUID, UUID]:
    """Return the least and the greatest id that a stream of this discussion may have."""
    return discussion, UUID(int=discussion.int | (1 << _TAIL_BITS + 3) - 1)


def votes_of(discussion: UUID) -> tuple[UUID, UUID]:
    """Return the least and the greatest id that a vote in this discussion may have."""
    first = discussion.int | Kind.VOTE << _TAIL_BITS
    return UUID(int=first), UUID(int=first | _TAIL_MASK)


@cache_by_name(_IDS_CACHED_MAX)
def discussion_id(site: str, resource: str) -> DiscussionId:
    """Return the id of the discussion of a resource of a site."""
    prefix = _first_bits(_encode(("discussion", site, resource)), _PREFIX_BITS)
    return DiscussionId(StreamId(UUID(int=_without_tail(prefix, Kind.DISCUSSION))))


def article_id(discussion: DiscussionId) -> ArticleId:
    """Return the id of the article that a discussion is about.

    Its stream is not the discussion's, so that comments neither read it nor wait for it.
    """
    return ArticleId(_part(discussion, Kind.DISCUSSION, "article"))


@cache_by_name(_IDS_CACHED_MAX)
def site_id(site: str) -> SiteId:
    """Return the id of the stream of a site, which has its settings."""
    prefix = prefix_of(discussion_id(site, ""))
    return SiteId(StreamId(UUID(int=_without_tail(prefix, Kind.SITE))))


@cache_by_name(_IDS_CACHED_MAX)
def person_id(site: str, person: str) -> PersonStreamId:
    """Return the id of a person's stream. The same person id at another site is another person."""
    return PersonStreamId(_part(discussion_id(site, ""), Kind.PERSON, "person", person))


def comment_id(discussion: DiscussionId, key: str) -> CommentId:
    """Return the id of the comment with the publisher's `key`."""
    return CommentId(_part(discussion, Kind.COMMENT, "comment", "key", key))


def comment_id_of_event(discussion: DiscussionId, source: str, event: str) -> CommentId:
    """Return the id of a comment without a key, computed from the event that posts it."""
    return CommentId(_part(discussion, Kind.COMMENT, "comment", "event", source, event))


def comment_id_of_person(discussion: DiscussionId, person: str, idempotency_key: str) -> CommentId:
    """Return the id of a comment that a person posts with an idempotency key."""
    return CommentId(_part(discussion, Kind.COMMENT, "comment", "person", person, idempotency_key))


def vote_id(comment: CommentId, voter: str) -> VoteId:
    """Return the id of a person's vote on a comment. Not cached: few persons vote twice on one."""
    return VoteId(StreamId(UUID(int=number_of(*votes_start(comment), _encode(voter)))))


def votes_start(comment: CommentId) -> tuple[int, bytes]:
    """Return the parts that the ids of all votes on a comment share, for `number_of`."""
    return _without_tail(prefix_of(comment), Kind.VOTE), b'["vote","%b",' % str(comment).encode()


def persons_start(site: str) -> tuple[int, bytes]:
    """Return the parts that the ids of all persons of a site share, for `number_of`."""
    return _without_tail(prefix_of(discussion_id(site, "")), Kind.PERSON), b'["person",'


def number_of(bits: int, start: bytes, name_json: bytes) -> int:
    """Return the number of the id that a name, given as JSON, makes within something."""
    return bits | _int(sha256(start + name_json + b"]").digest()[:8], "big") >> 64 - _TAIL_BITS


def flag_id(comment: CommentId, person: str) -> FlagId:
    """Return the id of a person's flag on a comment."""
    return FlagId(_part(comment, Kind.FLAG, "flag", str(comment), person))


def passage_id(discussion: DiscussionId, key: str) -> PassageId:
    """Return the id of the passage with the publisher's `key`."""
    return PassageId(_part(discussion, Kind.PASSAGE, "passage", "key", key))


def passage_id_of_person(discussion: DiscussionId, person: str, idempotency_key: str) -> PassageId:
    """Return the id of a passage that a person marks with an idempotency key."""
    return PassageId(_part(discussion, Kind.PASSAGE, "passage", "person", person, idempotency_key))


def subscription_id(discussion: DiscussionId, person: str) -> SubscriptionId:
    """Return the id of a person's subscription to a discussion."""
    return SubscriptionId(_part(discussion, Kind.SUBSCRIPTION, "subscription", person))


def event_id(source: str, event: str) -> EventId:
    """Return the id of a published event (122 bits of a hash), which each of its rows has."""
    return EventId(UUID(int=event_number(events_start(_encode(source)), _encode(event))))


def events_start(source_json: bytes) -> bytes:
    """Return the part that the ids of all events of a source share, for `event_number`."""
    return b'["event",' + source_json + b","


def event_number(start: bytes, event_json: bytes) -> int:
    """Return the number of an event's id. `event_json` is the publisher's id of it as JSON."""
    bits = _int(sha256(start + event_json + b"]").digest()[:16], "big")
    return bits & _EVENT_BITS | _VERSION_8 | _VARIANT


def uuids(numbers: Iterable[int]) -> list[UUID]:
    """Return the UUIDs of these numbers, in a tenth of the time that `UUID` takes."""
    return msgspec.convert([number.to_bytes(16, "big") for number in numbers], list[UUID])
