"""What is sent in PostgreSQL's own form arrives as it was meant."""

import struct
from uuid import UUID, uuid4

import asyncpg
import pytest

from rostra_adapters.postgres import PostgresLog, binary_arrays
from rostra_adapters.postgres.log.append_call import optimistic
from support.appending import Appended, Stale, append, columns
from support.log_examples import event, group, one

UNFIT = (asyncpg.PostgresError, ValueError, struct.error)
UNFIT_METADATA = [
    b"\xff", b'{"a":"\xff"}', b"", b"x", b"[]", b"[1]", b'"a"', b'{"a":', b'{"a":1', b'{"a":12',
    b"}", b'{"a":1},{"b":2}', b'{"a":1}}',
]  # fmt: skip
STRANGE = ["", "'\"\\{},NULL", "null", "\n\t ", "é 日本 🦉", "x" * 100_000]


@pytest.mark.parametrize("count", [0, 1, 2, 1_000])
async def test_uuids_and_numbers(database: asyncpg.Connection, count: int) -> None:
    await binary_arrays.exchange(database)
    ids = [UUID(int=0), UUID(int=2**128 - 1), *(uuid4() for _ in range(1_000))][:count]
    numbers = [0, 2**63 - 1, -(2**63), *range(1_000)][:count]
    sent = binary_arrays.uuids([one.int for one in ids]), binary_arrays.bigints(numbers)
    got = await database.fetchrow(
        "select $1::rostra_uuids::uuid[], $2::rostra_bigints::bigint[]", *sent
    )
    assert got is not None
    assert [list(column) for column in got] == [ids, numbers]


@pytest.mark.parametrize("values", [[], STRANGE, STRANGE * 500])
async def test_texts_and_bytes(database: asyncpg.Connection, values: list[str]) -> None:
    await binary_arrays.exchange(database)
    data = [value.encode() + b"\x00\xff" for value in values]
    got = await database.fetchrow(
        "select $1::rostra_texts::text[], $2::rostra_byteas::bytea[]",
        binary_arrays.texts([value.encode() for value in values]),
        binary_arrays.byteas(data),
    )
    assert got is not None
    assert [list(column) for column in got] == [values, data]


@pytest.mark.parametrize("value", [b"\x00", "\ud800".encode(errors="surrogatepass")])
async def test_what_postgres_cannot_hold_is_refused(
    database: asyncpg.Connection, value: bytes
) -> None:
    await binary_arrays.exchange(database)
    with pytest.raises(UNFIT):
        await database.fetchval("select $1::rostra_texts::text", binary_arrays.texts([value]))
    assert await database.fetchval("select 1") == 1


async def test_strange_events_beside_unfit_ones(postgres_log: PostgresLog) -> None:
    stream = uuid4()
    strange = group(
        event(stream, 1, topic='it\'s "ours" \\ é', state=b"\x00\xff" * 1_000_000),
        event(stream, 2, topic="", state=b""),
        metadata=b'{"id":"\\"{}\\\\,NULL \xc3\xa9"}',
    )
    assert await append(postgres_log, [strange]) == [Appended(1, 2)]
    for unfit in (
        group(event(uuid4(), 1, topic="\x00")),
        group(event(uuid4(), 1), metadata=b'{"id":"\\u0000"}'),
        *(group(event(uuid4(), 1), metadata=metadata) for metadata in UNFIT_METADATA),
        group(event(uuid4(), 2**63)),
    ):
        with pytest.raises(UNFIT):
            await append(postgres_log, [unfit])

    rows = (await postgres_log.read_streams([stream]))[stream]
    assert [(row.topic, row.state) for row in rows] == [
        (new.topic, new.state) for new in strange.events
    ]
    assert {row.event_id for row in rows} == {strange.event_id}
    assert '"id": "\\"{}\\\\,NULL é"' in (rows[0].metadata or "")


async def test_a_stream_that_begins_in_the_call_is_not_looked_up() -> None:
    stream, other = uuid4(), uuid4()
    callers = [[one(uuid4(), upon={stream: 0, other: 3})], [one(stream), one(stream, 2)]]
    plan = optimistic([columns(groups) for groups in callers])
    assert plan.certain
    assert plan.arguments[1:3] == (binary_arrays.uuids([other.int]), binary_arrays.bigints([3]))


async def test_a_look_at_nothing_before_another_begins_it(postgres_log: PostgresLog) -> None:
    stream = uuid4()
    looked = one(uuid4(), upon={stream: 0})
    assert await append(postgres_log, [looked, one(stream)]) == [Appended(1, 1), Appended(2, 2)]
    late = one(uuid4(), upon={stream: 0})
    assert await append(postgres_log, [late, one(stream), one(uuid4())]) == [
        Stale(),
        Stale(),
        Appended(3, 3),
    ]
