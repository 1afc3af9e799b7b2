"""Numbers of votes that persons have cast, counted from the log."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

import rostra_adapters
from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.application.checkpoint import Checkpoint
from rostra_adapters.application.moderation_jobs import vote_counter
from rostra_adapters.application.moderation_jobs.store import VoteChanges
from rostra_adapters.application.moderation_jobs.vote_counter import VoteCounter
from rostra_adapters.postgres.vote_counts import OF_PERSON
from support.service import MASTER_KEY, event, opened, posted, voted

SITE = "gazette"
BOB = ids.person_id(SITE, "bob")


@pytest.fixture(params=["memory", "postgres"])
async def app(request: pytest.FixtureRequest) -> AsyncIterator[App]:
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with rostra_adapters.open(url, master_key=MASTER_KEY, moderate=False) as opened_app:
        yield opened_app


async def given(app: App, *events: dict[str, Any]) -> None:
    outcomes = await app.publish(events)
    assert {each.status for each in outcomes} == {"recorded"}, outcomes


def about_bob(kind: str, **data: Any) -> dict[str, Any]:
    made = event(kind)
    return {**made, "data": {"site": SITE, "person": "bob", **data}}


async def votes(app: App, person: UUID = BOB) -> int:
    return await VoteCounter(app).of_person(person)


async def test_votes_on_all_comments_are_counted(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of the log may be as small as one event, and a site as large as it likes."""
    monkeypatch.setattr(vote_counter, "PAGE_EVENTS", 7)
    keys = [f"c{number}" for number in range(60)]
    await given(app, opened(), *(posted(key) for key in keys))
    await given(app, *(voted(on=key, voter="bob") for key in keys))
    await given(app, voted(on="c0", voter="zoe"))
    assert await votes(app) == 60
    assert await votes(app, ids.person_id(SITE, "zoe")) == 1
    assert await votes(app, ids.person_id("herald", "bob")) == 0


async def test_a_person_counts_once_a_comment_however_often_they_change_their_mind(
    app: App,
) -> None:
    await given(app, opened(), posted("c1"), posted("c2"))
    ruling = {"comment": "c1", "voter": "bob", "by": "mia", "reason": "bought"}
    steps = [
        (voted(on="c1", voter="bob", value=1), 1),
        (voted(on="c1", voter="bob", value=-1), 1),
        (voted(on="c1", voter="bob", value=0), 0),
        (voted(on="c1", voter="bob", value=-1), 1),
        (event("vote.nullified", **ruling), 1),
        (voted(on="c1", voter="bob", value=1), 1),  # its effect stays 0
        (voted(on="c1", voter="bob", value=0), 0),
        (voted(on="c1", voter="bob", value=1), 1),
        (event("vote.restored", **ruling), 1),
        (voted(on="c2", voter="bob", value=1), 2),
    ]
    for step, expected in steps:
        await given(app, step)
        assert await votes(app) == expected, step
    await app.vote_counts.forget([BOB])
    log = await app.log.log_id()
    checkpoint = await app.vote_counts.checkpoint()
    assert checkpoint == Checkpoint(log, await app.head())


async def test_several_counters_count_each_vote_once(app: App) -> None:
    await given(app, opened(), *(posted(f"c{number}") for number in range(20)))
    await given(app, *(voted(on=f"c{number}", voter="bob") for number in range(20)))
    await asyncio.gather(*(VoteCounter(app).catch_up() for _ in range(4)))
    assert await app.vote_counts.of_person(BOB) == 20


async def test_an_erased_person_begins_anew(app: App) -> None:
    await given(app, opened(), posted("c1"), posted("c2"), voted(on="c1", voter="bob"))
    assert await votes(app) == 1
    await given(app, about_bob("person.erased"))
    assert await app.vote_counts.of_person(BOB) == 0
    await given(app, about_bob("person.returned"), voted(on="c2", voter="bob"))
    assert await votes(app) == 1


async def test_counts_of_another_log_begin_anew(app: App) -> None:
    await given(app, opened(), posted("c1"), voted(on="c1", voter="bob"))
    other = uuid4()
    await app.vote_counts.begin(other)
    assert await app.vote_counts.add(Checkpoint(other, 0), other, 9, VoteChanges(added={BOB: 5}))
    assert not await app.vote_counts.add(
        Checkpoint(other, 0), other, 9, VoteChanges(added={BOB: 5})
    )
    assert await app.vote_counts.of_person(BOB) == 5
    assert await votes(app) == 1


async def test_a_read_counts_only_so_much(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vote_counter, "PAGE_EVENTS", 5)
    monkeypatch.setattr(vote_counter, "CAUGHT_UP_EVENTS_MAX", 10)
    await given(app, opened(), *(posted(f"c{number}") for number in range(8)))
    await given(app, *(voted(on=f"c{number}", voter="bob") for number in range(8)))
    assert [await votes(app) for _ in range(2)] == [1, 8]


async def test_a_process_that_is_open_counts_by_itself(database_url: str) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        await given(app, opened(), posted("c1"), voted(on="c1", voter="bob"))
        async with asyncio.timeout(30):
            while not await app.vote_counts.of_person(BOB):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_the_count_of_a_person_is_one_row_by_its_key(database_url: str) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, moderate=False):
        connection = await asyncpg.connect(database_url)
        try:
            await connection.execute(
                "insert into rostra_vote_counts select gen_random_uuid(), 3"
                " from generate_series(1, 20000)"
            )
            await connection.execute("analyze rostra_vote_counts")
            statement = f"explain (analyze, buffers, format text) {OF_PERSON}"
            plan = "\n".join(row[0] for row in await connection.fetch(statement, BOB))
        finally:
            await connection.close()
    assert "Index Scan" in plan
    assert "Seq Scan" not in plan
