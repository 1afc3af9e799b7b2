"""A person who is erased while they write, in several processes at once."""

import asyncio
from contextlib import AsyncExitStack
from itertools import count

import asyncpg
import pytest

import rostra_adapters
from erasure.test_nothing_is_found import erased
from rostra import codec, ids
from rostra.comment import CommentPosted
from rostra.ids import Position
from rostra.sealing import Erased, associated_data
from rostra_adapters.application.app import App
from support.cases import first_is_quick
from support.service import MASTER_KEY, opened, posted

PROCESSES = 3
ROUNDS = 4
_numbers = count(1)


async def write(app: App, person: str, stop: asyncio.Event) -> set[str]:
    """One comment after the other; what became of them."""
    became = set()
    while not stop.is_set():
        who = {"id": person, "name": person.title()}
        (outcome,) = await app.publish([posted(f"c{next(_numbers)}", author=who, body="Words.")])
        became.add(outcome.refusal.name if outcome.refusal else outcome.status)
    return became


async def written(app: App) -> list[tuple[Position, str, bool]]:
    """Of every comment: its position, its author, and whether its words open."""
    found = []
    for row in await app.log.read_after(0, 100_000):
        event = codec.decode(row.topic, row.state)
        if not isinstance(event, CommentPosted) or row.event_id is None:
            continue
        owner = ids.person_id("gazette", event.author)
        await app.ring.load([owner])
        assert isinstance(event.personal, bytes)
        place = associated_data(row.stream, row.topic, row.event_id, codec.PERSONAL)
        try:
            opens = codec.open_words(event.personal, app.ring, owner, place).body == "Words."
        except Erased:
            opens = False
        found.append((row.position, event.author, opens))
    return found


@pytest.mark.parametrize("last", first_is_quick(["returned", "erased"]))
async def test_no_word_from_before_an_erasure_opens_after_it_and_none_of_others_is_lost(
    database_url: str, last: str
) -> None:
    async with AsyncExitStack() as stack:
        apps = [
            await stack.enter_async_context(
                rostra_adapters.open(database_url, master_key=MASTER_KEY, project=not number)
            )
            for number in range(PROCESSES)
        ]
        await apps[0].publish([opened()])
        stop = asyncio.Event()
        writing = [
            asyncio.create_task(write(app, person, stop))
            for app in apps
            for person in ("ann", "bob")
        ]
        erasure = 0
        for number in range(ROUNDS):
            head = await apps[0].head()
            while await apps[0].head() < head + 30:  # noqa: ASYNC110  # others write
                await asyncio.sleep(0.001)
            for kind in ("returned", "erased") if number else ("erased",):
                (outcome,) = await apps[number % PROCESSES].publish([erased(kind=kind)])
                assert outcome.status == "recorded"
                erasure = outcome.position or 0
        if last == "returned":
            await apps[1].publish([erased(kind="returned")])
            head = await apps[0].head()
            while await apps[0].head() < head + 30:  # noqa: ASYNC110  # others write
                await asyncio.sleep(0.001)
        stop.set()
        became = set().union(*await asyncio.gather(*writing))
        assert became == {"recorded", "person-erased"}
        for app in apps:
            comments = await written(app)
            assert {opens for _, author, opens in comments if author == "bob"} == {True}
            anns = [(position, opens) for position, author, opens in comments if author == "ann"]
            assert {opens for position, opens in anns if position < erasure} == {False}
            later = {opens for position, opens in anns if position > erasure}
            assert later == ({True} if last == "returned" else set())
        await apps[0].wait(await apps[0].head(), 30)
        assert await apps[0].verify() == []
        await _assert_kept(database_url, last)


async def _assert_kept(url: str, last: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(
            "select wrapped is not null, erasures from rostra_keys.person_keys where owner = $1",
            ids.person_id("gazette", "ann"),
        )
    finally:
        await connection.close()
    assert row is not None
    assert tuple(row) == (last == "returned", ROUNDS)
