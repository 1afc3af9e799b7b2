"""Cutting the log into ranges of discussions of about equal weight."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from rostra.ids import discussion_of
from rostra_adapters.postgres.connection import Connection

RANGE_EVENTS = 1_000_000
"""Events folded in memory at a time, roughly. A discussion is never cut in two."""
SAMPLED_EVENTS = 30_000

FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)

_SAMPLE = """
select originator_id from public.stored_events tablesample system ($1) repeatable (0)
where notification_id <= $2"""


class Part(msgspec.Struct, frozen=True):
    """Discussions of a range of ids, up to a position of the log.

    `borders` are the first ids of the smaller ranges in it, without the first one.
    """

    first: UUID
    last: UUID
    until: int
    borders: list[UUID] = []

    def ranges(self) -> "list[Part]":
        """Return the ranges of this part."""
        return [Part(first, last, self.until) for first, last in _between(self, self.borders)]


def _between(part: Part, borders: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
    firsts = [part.first, *borders]
    lasts = [*(UUID(int=border.int - 1) for border in borders), part.last]
    return list(zip(firsts, lasts, strict=True))


async def parts(connection: Connection, until: int, count: int = 1) -> list[Part]:
    """Cut all ids into `count` parts, each of ranges that fit into memory.

    There are fewer parts if there are fewer discussions.
    """
    least = max(count, -(-until // RANGE_EVENTS))
    if least == 1:
        return [Part(FIRST, LAST, until)]
    whole = Part(FIRST, LAST, until)
    weights = await _weights(connection, until)
    if not weights:
        return [whole]
    found = []
    for first, last in _between(whole, cut(weights, count)):
        within = {id_: weight for id_, weight in weights.items() if first <= id_ <= last}
        most = RANGE_EVENTS * sum(weights.values()) / until
        found.append(Part(first, last, until, pack(within, most)))
    return found


async def _weights(connection: Connection, until: int) -> dict[UUID, int]:
    """Discussions of a sample of the log, and their events in it."""
    share = min(100.0, 100 * SAMPLED_EVENTS / max(until, 1))
    records = await connection.fetch(_SAMPLE, share, until)
    return Counter(discussion_of(record[0]) for record in records)


def pack(weights: Mapping[UUID, int], most: float) -> list[UUID]:
    """Return the borders of pieces that weigh at most `most`, unless a piece is one discussion."""
    weight, borders = 0, list[UUID]()
    for id_ in sorted(weights):
        if weight and weight + weights[id_] > most:
            borders.append(id_)
            weight = 0
        weight += weights[id_]
    return borders


def cut(weights: Mapping[UUID, int], count: int) -> list[UUID]:
    """Return the borders of about `count` pieces of equal weight."""
    total, weight, borders = sum(weights.values()), 0, list[UUID]()
    for before, id_ in itertools.pairwise(sorted(weights)):
        weight += weights[before]
        if len(borders) < count - 1 and weight * count >= total * (len(borders) + 1):
            borders.append(id_)
    return borders
