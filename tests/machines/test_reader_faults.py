"""Readers whose standby is promoted, replaced, rewound, cancelled, or of another cluster."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

import rostra_adapters
from rostra.log import LogUnavailable
from rostra_adapters.application.app import App
from rostra_adapters.errors import NotInstalled
from rostra_adapters.postgres import create_pool, schema
from rostra_adapters.postgres.rebuild import rebuilding
from support.clocks import clock_library, environment
from support.judged_answers import Conversation, Judged, ask, reads, wrong_answers
from support.listening import listening
from support.reader_pair import NOW, Pair, comments, on, reading, writing
from support.replication import Node, nodes
from support.running import Rostra
from support.service import (
    MASTER_KEY,
    PLACE,
    SECRET,
    Service,
    event,
    opened,
    posted,
    serving_app,
    token,
    voted,
)
from support.waiting import WAIT_SECONDS_MAX, wait_until

pytestmark = [pytest.mark.process, pytest.mark.postgres]

COUNTS = {"site": PLACE["site"], "resource": PLACE["resource"]}
CANCELLING_ROUNDS_MAX = 20
"""Of twenty locks each, until one meets a read: on a busy machine it may meet none."""


def erased(person: str = "ann") -> dict[str, Any]:
    return event("person.erased", name=f"erase {person}", person=person) | {
        "data": {"site": PLACE["site"], "person": person}
    }


@pytest.fixture
async def both(followed: list[Node]) -> AsyncIterator[Pair]:
    async with on(followed) as made:
        yield made


@pytest.fixture
def pair() -> Iterator[list[Node]]:
    """A primary and a standby that the test may break."""
    with nodes(2) as made:
        yield made


def either(pair: list[Node], schema: str = "") -> str:
    """Return a URL of whichever server is the primary."""
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in pair)
    return f"postgresql://rostra@{hosts}/rostra?target_session_attrs=primary{schema}"


async def total(service: Service, least: int = 0) -> int:
    """Return the number of comments, once the service has them up to a position."""
    params = comments(min_position=least, wait=30)
    answer = await service.ask("GET", "/v1/comments", params=params)
    assert answer.status == 200, answer.body
    assert int(answer.headers["Rostra-Position"]) >= least
    return int(answer.json["total"])


async def is_shown(service: Service) -> bool:
    return (await service.ask("GET", "/v1/comments", params=comments())).status == 200


# -- erasures


@pytest.mark.slow
async def test_words_wait_for_erasures_from_before_the_reader_started(
    followed: list[Node],
) -> None:
    """Nobody waited for it, and its standby may still have the keys."""
    primary, standby = followed
    async with writing(primary) as (writer, name):
        await writer.given(opened(), posted("a"))
        await writer.catch_up()
        await wait_until(lambda: standby.has_replayed(primary))
        standby.execute("select pg_wal_replay_pause()")
        try:
            assert (await writer.publish(erased())).status == 201
            async with reading(standby.url + name, primary.url + name) as reader:
                for _ in range(3):
                    hidden = await reader.ask("GET", "/v1/comments", params=comments())
                    assert hidden.status == 503, hidden.body
                assert (await reader.ask("GET", "/v1/counts", params=COUNTS)).status == 200
                standby.execute("select pg_wal_replay_resume()")
                await wait_until(lambda: is_shown(reader))
                page = await reader.ask("GET", "/v1/comments", params=comments())
                assert page.json["comments"][0]["body"] is None
        finally:
            standby.execute("select pg_wal_replay_resume()")


@pytest.mark.slow
async def test_streams_keep_no_words_beyond_the_bound(followed: list[Node]) -> None:
    """Others follow them, so the words of the last events are at hand."""
    async with on(followed, stale_seconds=3.0) as both:
        await both.writer.given(opened(), posted("a"))
        head = await both.replayed()
        feed = f"{both.reader.url}/v1/events?after={head}"
        discussion = (await both.reader.ask("GET", "/v1/discussions", params=PLACE)).json["id"]
        live = f"{both.reader.url}/v1/discussions/{discussion}/live?after={head}"
        bearer = token("feed")
        async with listening(feed, token=bearer) as first, listening(live) as second:
            await both.writer.given(posted("b", body="Perhaps."))
            for stream in (first, second):
                assert "Perhaps." in str(await stream.next())
            async with both.paused():

                async def is_hidden() -> bool:
                    return not await is_shown(both.reader)

                await wait_until(is_hidden)
                await wait_until(lambda: both.reader.app.ring._erasures._has_dropped)  # type: ignore[attr-defined]
                for path, given in ((feed, bearer), (live, None)):
                    assert b"Perhaps." not in await _said(path, given)


async def _said(url: str, bearer: str | None) -> bytes:
    """Return what a new client of a stream is sent in a second."""
    headers = {"Accept": "text/event-stream"}
    headers |= {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    said = b""
    with suppress(TimeoutError, ClientError):
        async with (
            asyncio.timeout(1),
            ClientSession() as session,
            session.get(url, headers=headers) as response,
        ):
            async for chunk in response.content.iter_any():
                said += chunk
    return said


async def test_the_reader_keeps_the_heartbeat_while_nothing_writes(
    followed: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All writers may be stopped for an upgrade: the standby follows all the same."""
    primary, standby = followed
    async with writing(primary) as (writer, name):
        await writer.given(opened(), posted("a"))
        await writer.catch_up()
        await wait_until(lambda: standby.has_replayed(primary))
    table = f"{name.removeprefix('?schema=')}.rostra_heartbeat"
    beat = f"select extract(epoch from beat_at)::float8 from {table}"
    async with reading(standby.url + name, primary.url + name) as reader:
        before = float(str(standby.value(beat)))
        await wait_until(lambda: float(str(standby.value(beat))) > before + 1)
        assert await total(reader) == 1
        age = await reader.app.heartbeat_age()
        assert 0 <= age < 30


# -- which database it reads


async def test_a_reader_of_the_primary_itself(followed: list[Node]) -> None:
    primary = followed[0]
    async with on([primary, primary]) as both:
        await both.writer.given(opened(), posted("a"))
        assert await total(both.reader, await both.replayed()) == 1
        assert (await both.writer.publish(erased())).status == 201
        page = await both.reader.ask("GET", "/v1/comments", params=comments())
        assert page.json["comments"][0]["body"] is None


@pytest.mark.slow
async def test_a_standby_without_the_schema_is_refused_and_one_without_views_waited_for(
    followed: list[Node], tmp_path: Path
) -> None:
    primary, standby = followed
    name = "?schema=readers_late"
    urls = standby.url + name, primary.url + name
    with pytest.raises(NotInstalled):
        async with reading(*urls):
            pass
    (tmp_path / "data").mkdir()
    command = Rostra(
        tmp_path / "data", primary.url, ROSTRA_SECRET=SECRET, ROSTRA_MASTER_KEY=MASTER_KEY.hex(),
        ROSTRA_SCHEMA="readers_late", ROSTRA_READ_ONLY="true",
        ROSTRA_READ_DATABASE_URL=standby.url,
    )  # fmt: skip
    refused = await asyncio.to_thread(command.run, "serve", "--port", "0")
    assert refused.code == 2 and "rostra init" in refused.err, refused
    assert "Traceback" not in refused.err
    pool = await create_pool(primary.url + name)
    async with pool.acquire() as connection:
        await schema.install(connection)
    await pool.close()
    await wait_until(lambda: standby.has_replayed(primary))
    async with reading(*urls) as reader:
        assert (await reader.ask("GET", "/v1/comments", params=comments())).status == 503
        assert (await reader.ask("GET", "/readyz")).status == 503
        async with rostra_adapters.open(urls[1], master_key=MASTER_KEY) as app:
            await app.publish([opened(), posted("a")])
            assert await total(reader, await app.head()) == 1


async def test_a_reader_starts_while_the_views_are_behind(followed: list[Node]) -> None:
    """Nothing projects while the primary is away: what the standby has is answered."""
    primary, standby = followed
    async with writing(primary) as (writer, name):
        await writer.given(opened(), posted("a"))
        head = await writer.catch_up()
    opening = rostra_adapters.open(primary.url + name, master_key=MASTER_KEY, project=False)
    async with opening as app:
        await app.publish([posted("b")])
        await wait_until(lambda: standby.has_replayed(primary))
        async with reading(standby.url + name, primary.url + name) as reader:
            await wait_until(lambda: reader.app.position() == head)  # it has looked once
            answer = await reader.ask("GET", "/v1/comments", params=comments())
            assert (answer.status, answer.json["total"]) == (200, 1)
            assert int(answer.headers["Rostra-Position"]) == head
            late = await reader.ask(
                "GET", "/v1/comments", params=comments(min_position=head + 1, wait=0)
            )
            assert (late.status, late.problem) == (503, "view-behind")


@pytest.mark.slow
async def test_a_standby_of_another_cluster_shows_no_words(pair: list[Node]) -> None:
    """It has another system identifier, and another log."""
    primary, standby = pair
    with nodes(1) as [other]:
        async with rostra_adapters.open(other.url, master_key=MASTER_KEY) as app:
            await app.publish([opened(), posted("x"), posted("y")])
            await app.wait(await app.head(), WAIT_SECONDS_MAX)
        async with rostra_adapters.open(primary.url, master_key=MASTER_KEY) as app:
            await app.publish([opened(), *(posted(f"c{n}") for n in range(5))])
            await app.wait(await app.head(), WAIT_SECONDS_MAX)
            await wait_until(lambda: standby.has_replayed(primary))
            with pytest.raises(LogUnavailable, match="--read-database-url"):
                async with reading(other.url, primary.url):
                    pass
            async with reading(f"{standby.url}?target_session_attrs=any", primary.url) as reader:
                first = await reader.ask("GET", "/v1/comments", params=comments(limit=2))
                standby.stop()
                other.stop()
                other.port = standby.port
                other.start()

                async def is_hidden() -> bool:
                    answer = await reader.ask("GET", "/v1/comments", params=comments())
                    return answer.status == 503

                await wait_until(is_hidden)

                async def is_counted() -> bool:
                    counted = await reader.ask("GET", "/v1/counts", params=COUNTS)
                    return counted.status == 200 and counted.json["counts"]["/trams"] == 2

                await wait_until(is_counted)
                await wait_until(is_hidden)
                params = comments(limit=2, cursor=first.json["next"])
                following = await reader.ask("GET", "/v1/comments", params=params)
                assert following.status in (410, 503)
                assert (await reader.ask("GET", "/readyz")).status == 503


# -- what the standby does


@pytest.mark.slow
async def test_a_standby_that_is_promoted_goes_on(pair: list[Node]) -> None:
    primary, standby = pair
    url = either(pair)
    async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
        await app.publish([opened(), posted("a")])
        head = await app.head()
        await app.wait(head, WAIT_SECONDS_MAX)
        await wait_until(lambda: standby.has_replayed(primary))
        async with reading(f"{standby.url}?target_session_attrs=standby", url) as reader:
            assert await total(reader, head) == 1
            primary.kill()
            assert await total(reader) == 1
            standby.promote()
            assert await total(reader) == 1
            await _publish(app, [posted("b")])
            assert await total(reader, await app.head()) == 2
            outcomes = await _publish(app, [erased()])
            assert outcomes == ["recorded"]
            page = await reader.ask("GET", "/v1/comments", params=comments())
            assert [one["body"] for one in page.json["comments"]] == [None, None]


async def _publish(app: App, events: list[dict[str, Any]]) -> list[str]:
    """Publish until the log takes it."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while True:
            try:
                return [outcome.status for outcome in await app.publish(events)]
            except LogUnavailable:
                await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_standby_that_is_set_back_says_so(pair: list[Node]) -> None:
    """Each answer tells its position, and none is older than what was asked for."""
    primary, standby = pair
    kept = standby.folder.with_name("kept")
    conversation = Conversation(Random(4))
    async with rostra_adapters.open(primary.url, master_key=MASTER_KEY) as app:
        await conversation.begin(app.publish)
        await app.wait(await app.head(), WAIT_SECONDS_MAX)
        await wait_until(lambda: standby.has_replayed(primary))
        before = await app.head()
        standby.follow(Node(primary.folder.parent, "nowhere"))
        standby.stop()
        shutil.copytree(standby.folder, kept)
        if standby.programs.account is not None:
            for path in (kept, *kept.rglob("*")):
                shutil.chown(path, standby.programs.account.uid, standby.programs.account.gid)
        standby.start()
        standby.follow(primary)
        opening = reading(f"{standby.url}?target_session_attrs=any", primary.url)
        async with opening as reader, serving_app(app) as writer:
            for _ in range(5):
                await conversation.go_on(app.publish)
            head = await app.head()
            answers: list[Judged] = []
            every = reads()
            assert await total(reader, head)
            stopped = asyncio.Event()

            async def read(choose: Random) -> None:
                while not stopped.is_set():
                    least = head if choose.random() < 0.5 else 0
                    asked = choose.choice(every)
                    answer = await ask("reader", reader, asked, least, wait_seconds=0)
                    answers.extend([] if answer is None else [answer])
                    await asyncio.sleep(0.005)

            async with asyncio.TaskGroup() as group:
                for number in range(3):
                    group.create_task(read(Random(number)))
                await asyncio.to_thread(standby.stop)
                shutil.rmtree(standby.folder)
                kept.rename(standby.folder)
                await asyncio.to_thread(standby.start)
                await wait_until(lambda: any(it.position <= before for it in answers))
                behind = await reader.ask(
                    "GET", "/v1/comments", params=comments(min_position=head, wait=0)
                )
                assert (behind.status, behind.problem) == (503, "view-behind")
                standby.follow(primary)
                await wait_until(lambda: answers[-1].position >= head)
                stopped.set()
            assert wrong_answers(conversation, answers) == []
            assert await total(writer) == await total(reader, head)


@pytest.mark.slow
async def test_the_reader_of_a_standby_that_is_lost_takes_another_and_says_its_position() -> None:
    with nodes(3) as [primary, ahead, behind]:
        async with rostra_adapters.open(primary.url, master_key=MASTER_KEY) as app:
            await app.publish([opened(), posted("a")])
            first = await app.head()
            await app.wait(first, WAIT_SECONDS_MAX)
            await wait_until(lambda: behind.has_replayed(primary))
            behind.execute("select pg_wal_replay_pause()")
            await app.publish([posted("b")])
            head = await app.head()
            await app.wait(head, WAIT_SECONDS_MAX)
            hosts = f"127.0.0.1:{ahead.port},127.0.0.1:{behind.port}"
            url = f"postgresql://rostra@{hosts}/rostra?target_session_attrs=prefer-standby"
            async with reading(url, primary.url) as reader:
                assert await total(reader, head) == 2
                ahead.kill()

                async def is_behind() -> bool:
                    params = comments(min_position=head, wait=0)
                    answer = await reader.ask("GET", "/v1/comments", params=params)
                    assert answer.status == 503 or answer.json["total"] == 2, answer.body
                    plain = await reader.ask("GET", "/v1/comments", params=comments())
                    if plain.status != 200:
                        return False
                    position = int(plain.headers["Rostra-Position"])
                    assert plain.json["total"] == (2 if position >= head else 1)
                    return position == first and answer.problem == "view-behind"

                await wait_until(is_behind)
                behind.execute("select pg_wal_replay_resume()")
                assert await total(reader, head) == 2


@pytest.mark.slow
async def test_reads_that_the_standby_cancels_are_repeated(
    followed: list[Node], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for no read before it replays what conflicts with one."""
    monkeypatch.setattr(rebuilding, "REPLACED_SECONDS_MIN", 0.0)
    primary, standby = followed
    standby.configure("max_standby_streaming_delay = 0\nhot_standby_feedback = off\n")
    conversation = Conversation(Random(5))
    answers: list[Judged] = []
    unready = 0

    def repeated() -> int:
        return caplog.text.count("which is repeated")

    try:
        async with on(followed) as both:
            await conversation.begin(both.writer.app.publish)
            await both.replayed()
            stopped, every = asyncio.Event(), reads()
            locking = (
                f"begin; lock table {both.schema}.rostra_views in access exclusive mode; commit"
            )

            async def read(choose: Random) -> None:
                nonlocal unready
                while not stopped.is_set():
                    answer = await ask("reader", both.reader, choose.choice(every))
                    unready += answer is None
                    answers.extend([] if answer is None else [answer])

            with caplog.at_level(logging.WARNING):
                async with asyncio.TaskGroup() as group:
                    for number in range(6):
                        group.create_task(read(Random(number)))
                    for round_ in range(CANCELLING_ROUNDS_MAX):
                        for _ in range(20):
                            await conversation.go_on(both.writer.app.publish)
                            await asyncio.to_thread(primary.execute, locking)
                        assert {one.equal for one in await both.writer.app.rebuild()} == {True}
                        await asyncio.to_thread(primary.execute, "vacuum")
                        if round_ and (repeated() or unready):
                            break
                    stopped.set()
            assert wrong_answers(conversation, answers) == []
            assert unready <= len(answers) / 20, (unready, len(answers))
    finally:
        standby.configure("max_standby_streaming_delay = 30s\nhot_standby_feedback = on\n")
    assert repeated() or unready
    print(f"{len(answers)} answers, {repeated()} repeated, {unready} times 503")  # noqa: T201


@pytest.mark.slow
async def test_the_clocks_of_the_machines_may_differ(pair: list[Node]) -> None:
    """Nothing compares the standby's clock with the primary's: not what is late, nor the past."""
    primary, standby = pair
    library = clock_library(primary.folder.parent)
    for ahead_seconds in (7_200, -7_200):
        standby.stop()
        standby.environment = environment(library, ahead_seconds)
        standby.start()
        clock = "select extract(epoch from clock_timestamp())::float8"
        difference = float(str(standby.value(clock))) - float(str(primary.value(clock)))
        assert abs(difference - ahead_seconds) < 600
        async with on(pair, stale_seconds=5.0) as both:
            await both.writer.given(opened(), posted("a"))
            head = await both.replayed()
            now = str(primary.value(NOW))
            assert (await both.reader.ask("GET", "/readyz")).status == 200
            assert await both.reader.app.heartbeat_age() < 5
            for params in (comments(min_position=head), comments(as_of=now)):
                page = await both.reader.ask("GET", "/v1/comments", params=params)
                assert page.status == 200, page.body
                assert page.json["comments"][0]["body"] == "Yes."
            began = monotonic()
            assert (await both.writer.publish(erased())).status == 201
            assert monotonic() - began < 5, "the eraser waited for a reader that is not late"
            page = await both.reader.ask("GET", "/v1/comments", params=comments())
            assert page.json["comments"][0]["body"] is None


# -- caches


async def test_a_page_of_many_discussions_empties_no_cache(both: Pair) -> None:
    """Cached pages of other discussions stay, on the primary and on the reader."""
    others = [{**PLACE, "resource": f"/other/{number}"} for number in range(700)]
    await both.writer.given(opened(), posted("a"))
    openings = [
        {**opened(), "id": f"o{number}", "data": place} for number, place in enumerate(others)
    ]
    posts = [
        {**posted("a"), "id": f"p{number}", "data": {**posted("a")["data"], **place}}
        for number, place in enumerate(others)
    ]
    await both.writer.app.publish(openings)
    head = await both.replayed()
    services = (both.writer, both.reader)
    before = []
    for service in services:
        assert await total(service, head) == 1
        await service.ask("GET", "/v1/comments", params=PLACE)
        before.append(await _hits(service))
    losses = [service.app.views.changes.losses for service in services]
    await both.writer.app.publish([voted(on="a"), *posts])
    head = await both.replayed()
    for service, lost, hits in zip(services, losses, before, strict=True):
        assert service.app.views.changes.losses == lost
        page = await service.ask("GET", "/v1/comments", params=comments(min_position=head))
        assert page.json["comments"][0]["up"] == 1
        again = await service.ask("GET", "/v1/comments", params=PLACE)
        assert again.body == page.body
        assert await _hits(service) > hits


async def _hits(service: Service) -> float:
    metrics = (await service.ask("GET", "/metrics")).body.decode()
    (line,) = [it for it in metrics.splitlines() if it.startswith("rostra_page_cache_hits_total")]
    return float(line.split()[-1])
