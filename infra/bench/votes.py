"""Votes that nobody has cast yet, on comments that are there: as groups for the log, as rows
for a bare insert, as CloudEvents for HTTP.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

import asyncpg
import msgspec

from bench.generate import SITE, SOURCE
from rostra import codec, ids
from rostra.ids import CommentId, StreamId
from rostra.log import NewEvents
from rostra.times import Time, format_time
from rostra.vote import VoteCast

TARGETS_MAX = 5_000

_TARGETS = """
select c.id, d.resource, last.comment, last.discussion
from public.comments_v{comments} c
join public.discussions_v{discussions} d on d.id = c.discussion
cross join lateral (
    select
        (select max(originator_version) from public.stored_events where originator_id = c.id)
            as comment,
        (select max(originator_version) from public.stored_events where originator_id = d.id)
            as discussion
) last
where c.status = 'published' and d.open
order by hashtext(c.id::text)
limit $1"""
_VERSIONS = "select name, version from public.rostra_views"


class Target(msgspec.Struct, frozen=True):
    """A comment, and the versions that a decision about it has read."""

    comment: UUID
    resource: str
    version: int
    discussion_version: int


class Ballot(msgspec.Struct, frozen=True):
    """A vote to come."""

    target: Target
    voter: str
    name: str
    time: Time

    @property
    def stream(self) -> UUID:
        return ids.vote_id(CommentId(StreamId(self.target.comment)), self.voter)

    def state(self) -> bytes:
        """Return the event as the log stores it."""
        event = VoteCast(
            time=self.time,
            source=SOURCE,
            id=self.name,
            comment=self.target.comment,
            voter=self.voter,
            value=1,
            was=0,
            now=1,
        )
        return codec.encode(event)


async def targets(url: str) -> list[Target]:
    """Comments that take votes, of open discussions, busy ones as often as they are busy."""
    connection = await asyncpg.connect(url)
    try:
        versions = dict(map(tuple, await connection.fetch(_VERSIONS)))
        found = await connection.fetch(_TARGETS.format(**versions), TARGETS_MAX)
    finally:
        await connection.close()
    return [Target(*record) for record in found]


class Ballots:
    """Ever new ones; `tag` sets apart those of several users of one database."""

    def __init__(self, targets: Sequence[Target], tag: str) -> None:
        self._targets = targets
        self._tag = tag
        self._numbers = count()

    def on_few(self, comments: int) -> "Ballots":
        """Return others, of other voters, on the first few of the comments."""
        return Ballots(self._targets[:comments], f"{self._tag}-few")

    def take(self, many: int) -> list[Ballot]:
        now = format_time(datetime.now(UTC))
        numbers = [next(self._numbers) for _ in range(many)]
        return [
            Ballot(
                self._targets[number % len(self._targets)],
                f"{self._tag}-{number // len(self._targets)}",
                f"{self._tag}-{number}",
                now,
            )
            for number in numbers
        ]


def group(ballots: Sequence[Ballot]) -> NewEvents:
    """One group, which guards every stream that deciding these votes reads."""
    guards = {ids.site_id(SITE).int: 1}
    for ballot in ballots:
        target = ballot.target
        guards[ballot.stream.int] = 0
        guards[ids.person_id(SITE, ballot.voter).int] = 0
        guards[target.comment.int] = target.version
        guards[ids.discussion_of(target.comment).int] = target.discussion_version
    many = len(ballots)
    return NewEvents(
        streams=[ballot.stream.int for ballot in ballots],
        versions=[1] * many,
        topics=[VoteCast.topic] * many,
        states=[ballot.state() for ballot in ballots],
        event_ids=[ids.event_id(SOURCE, ballots[0].name).int] * many,
        metadata=[_metadata(ballots[0])] * many,
        ends=[many],
        guards=[guards],
        expected=guards,
    )


def _metadata(ballot: Ballot) -> bytes:
    return msgspec.json.encode({"source": SOURCE, "id": ballot.name, "by": ballot.voter})


Row = tuple[UUID, int, str, bytes, UUID, str]


def row(ballot: Ballot) -> Row:
    """Return a row of the log: stream, version, topic, state, event id, metadata."""
    event_id = ids.event_id(SOURCE, ballot.name)
    metadata = {"source": SOURCE, "id": ballot.name, "by": ballot.voter, "at": ballot.time}
    written = msgspec.json.encode(metadata).decode()
    return ballot.stream, 1, VoteCast.topic, ballot.state(), event_id, written


def cloudevent(ballot: Ballot) -> dict[str, object]:
    """Return the CloudEvent that a publisher sends."""
    return {
        "specversion": "1.0",
        "type": VoteCast.topic,
        "source": SOURCE,
        "id": ballot.name,
        "time": ballot.time,
        "data": {
            "site": SITE,
            "resource": ballot.target.resource,
            "comment_id": str(ballot.target.comment),
            "voter": ballot.voter,
            "value": 1,
        },
    }
