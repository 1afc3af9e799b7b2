"""A standby is promoted: the log begins another epoch before the first append, or goes on."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

import rostra_adapters
from rostra.log import LogReplaced, LogUnavailable
from rostra_adapters.application.app import App
from rostra_adapters.http import HttpSettings
from rostra_adapters.postgres.log import event_log
from support.replication import Node, nodes
from support.service import (
    MASTER_KEY,
    PLACE,
    SECRET,
    Service,
    opened,
    posted,
    serving_app,
    token,
    voted,
)
from support.waiting import WAIT_SECONDS_MAX, wait_until

pytestmark = [pytest.mark.process, pytest.mark.postgres]


@pytest.fixture
def pair() -> Iterator[list[Node]]:
    with nodes(2) as made:
        yield made


def either(pair: list[Node]) -> str:
    """Return a URL of whichever server is the primary."""
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in pair)
    return f"postgresql://rostra@{hosts}/rostra?target_session_attrs=primary"


async def published(app: App, *events: object) -> list[int]:
    """Publish events until the log takes them. Return their positions."""
    while True:
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                outcomes = await app.publish(list(events))  # type: ignore[arg-type]
        except LogUnavailable:
            await asyncio.sleep(0.1)
            continue
        assert {outcome.status for outcome in outcomes} <= {"recorded", "duplicate"}, outcomes
        return [outcome.position or 0 for outcome in outcomes]


async def feed(service: Service, after: int, log: str | None = None) -> tuple[int, str | None]:
    answer = await service.ask(
        "GET",
        "/v1/events",
        token=token("feed"),
        params={"after": after} | ({} if log is None else {"log": log}),
    )
    return answer.status, answer.problem


@pytest.mark.slow
async def test_what_was_lost_is_refused_and_the_rest_goes_on(pair: list[Node]) -> None:
    primary, standby = pair
    async with (
        rostra_adapters.open(either(pair), master_key=MASTER_KEY) as app,
        serving_app(app) as service,
    ):
        await published(app, opened(), *(posted(f"c{number}") for number in range(8)))
        shared, before = await app.head(), await app.log.history()
        await app.wait(shared, WAIT_SECONDS_MAX)
        page = (await service.ask("GET", "/v1/comments", params=PLACE | {"limit": 3})).json
        await wait_until(lambda: standby.has_replayed(primary))
        standby.follow(Node(primary.folder.parent, "nowhere"))  # it receives nothing more
        await wait_until(lambda: not standby.value("select exists(table pg_stat_wal_receiver)"))
        await published(app, posted("lost"), *(voted(on="c1", voter=f"p{n}") for n in range(5)))
        lost_head = await app.head()
        await app.wait(lost_head, WAIT_SECONDS_MAX)
        lost_page = (await service.ask("GET", "/v1/comments", params=PLACE | {"limit": 3})).json
        primary.kill()
        standby.promote()

        positions = await published(app, voted(on="c1", voter="late"))
        assert positions == [shared + 1]
        history = await app.log.history()
        assert history.id != before.id and history.began == shared
        assert history.holds(before.id, shared) and not history.holds(before.id, shared + 1)

        await published(app, posted("lost"), *(voted(on="c1", voter=f"p{n}") for n in range(5)))
        await app.wait(await app.head(), WAIT_SECONDS_MAX)
        assert await feed(service, shared, str(before.id)) == (200, None)
        assert await feed(service, shared + 1, str(before.id)) == (410, "log-changed")
        assert await feed(service, shared + 1, str(history.id)) == (200, None)
        cursor = PLACE | {"limit": 3, "cursor": page["next"]}
        assert (await service.ask("GET", "/v1/comments", params=cursor)).status == 200
        cursor = PLACE | {"limit": 3, "cursor": lost_page["next"]}
        assert (await service.ask("GET", "/v1/comments", params=cursor)).problem == "log-changed"
        rows = await app.log.read_after(0, 1_000)
        assert [row.position for row in rows] == list(range(1, await app.head() + 1))
        assert await app.verify() == []


@pytest.mark.slow
async def test_a_failover_without_loss_keeps_the_log(
    pair: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    primary, standby = pair
    url = either(pair)
    async with (
        rostra_adapters.open(url, master_key=MASTER_KEY, failover="lossless") as app,
        serving_app(app) as service,
    ):
        await published(app, opened(), posted("a"))
        head, before = await app.head(), await app.log.history()
        await wait_until(lambda: standby.has_replayed(primary))
        primary.kill()
        standby.promote()
        monkeypatch.setenv("ROSTRA_FAILOVER", "lossless")  # as other processes are given it
        async with rostra_adapters.open(url, master_key=MASTER_KEY) as other:
            assert (await other.log.history()).id == before.id
        assert await published(app, posted("b")) == [head + 1]
        assert (await app.log.history()).id == before.id
        assert await feed(service, head + 1, str(before.id)) == (200, None)


@pytest.mark.slow
async def test_a_service_that_starts_after_a_promotion_begins_an_epoch(pair: list[Node]) -> None:
    primary, standby = pair
    async with rostra_adapters.open(primary.url, master_key=MASTER_KEY) as app:
        await published(app, opened(), posted("a"))
        before = await app.log.log_id()
        await wait_until(lambda: standby.has_replayed(primary))
    primary.stop()
    standby.promote()
    async with rostra_adapters.open(standby.url, master_key=MASTER_KEY) as app:
        history = await app.log.history()
        assert history.id != before and history.holds(before, await app.head())
        assert await published(app, posted("b"))
        assert (await app.log.history()).id == history.id


@pytest.mark.slow
async def test_what_was_decided_upon_another_epoch_is_not_recorded(
    pair: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process begins the epoch; the cache of the first one is of the former."""
    async with (
        rostra_adapters.open(pair[0].url, master_key=MASTER_KEY) as app,
        rostra_adapters.open(pair[0].url, master_key=MASTER_KEY) as other,
    ):
        await published(app, opened(), posted("a"), voted(on="a", voter="bob"))
        monkeypatch.setattr(event_log, "HISTORY_SECONDS", 1_000.0)  # the append alone finds out
        before = await app.log.log_id()
        pair[0].execute("select public.rostra_open_epoch(false, true)")
        with pytest.raises(LogReplaced):
            await app.publish([voted(-1, on="a", voter="bob")])
        assert await app.log.log_id() != before
        assert await published(app, voted(1, on="a", voter="dora"))
        monkeypatch.undo()
        assert await published(other, voted(1, on="a", voter="emil"))
        assert await app.log.history() == await other.log.history()


@pytest.mark.slow
async def test_publishers_are_told_within_ten_seconds_that_no_standby_confirms(
    pair: list[Node],
) -> None:
    primary, standby = pair
    primary.execute(
        "alter system set synchronous_standby_names = 'ANY 1 (node1)'", "select pg_reload_conf()"
    )
    async with (
        rostra_adapters.open(primary.url, master_key=MASTER_KEY, failover="lossless") as app,
        serving_app(app) as service,
    ):
        await published(app, opened(), posted("a"))
        assert (await service.ask("GET", "/readyz")).status == 200
        standby.stop()
        late = posted("b")
        clock = asyncio.get_running_loop().time
        began = clock()
        answer = await service.publish(late)
        assert answer.status == 503 and clock() - began < 10
        again = await service.publish(late)
        assert again.status == 503, "what is not replicated is not answered as a duplicate"
        assert (await service.ask("GET", "/readyz")).status == 503
        assert (await service.ask("GET", "/v1/comments", params=PLACE)).status == 200
        standby.start()
        await published(app, late)

        async def is_ready() -> bool:
            return (await service.ask("GET", "/readyz")).status == 200

        await wait_until(is_ready)


@pytest.mark.slow
async def test_a_reader_whose_standby_is_lost_goes_on_with_another() -> None:
    with nodes(3) as (primary, *standbys):
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in standbys)
        async with rostra_adapters.open(primary.url, master_key=MASTER_KEY) as app:
            await published(app, opened(), *(posted(f"c{number}") for number in range(30)))
            await wait_until(lambda: all(node.has_replayed(primary) for node in standbys))
            async with (
                rostra_adapters.open(
                    f"postgresql://rostra@{hosts}/rostra?target_session_attrs=prefer-standby",
                    master_key=MASTER_KEY,
                    read_only=True,
                    primary_url=primary.url,
                ) as reading,
                serving_app(reading, HttpSettings(secret=SECRET, read_only=True)) as reader,
            ):
                statuses = Counter[int]()
                stopped = asyncio.Event()

                async def read(limit: int) -> None:
                    while not stopped.is_set():  # pages that are not cached, since they change
                        await published(app, voted(on="c1", voter=f"p{statuses.total()}-{limit}"))
                        page = PLACE | {"limit": limit, "order": "most_voted"}
                        answer = await reader.ask("GET", "/v1/comments", params=page)
                        statuses[answer.status] += 1

                async with asyncio.TaskGroup() as group:
                    for limit in range(1, 5):
                        group.create_task(read(limit))
                    await wait_until(lambda: statuses.total() > 50)
                    standbys[0].kill()
                    await wait_until(lambda: statuses.total() > 500)
                    stopped.set()
                assert set(statuses) == {200}


@pytest.mark.slow
@pytest.mark.parametrize("crashed", ["server", "process"])
async def test_a_primary_that_crashed_first_confirms_what_it_shows(
    pair: list[Node], crashed: str
) -> None:
    """It shows commits that no standby has. A repeat of one must not be answered as a duplicate."""
    primary, standby = pair
    primary.execute(
        "alter system set synchronous_standby_names = 'ANY 1 (node1)'", "select pg_reload_conf()"
    )
    async with rostra_adapters.open(primary.url, master_key=MASTER_KEY, failover="lossless") as app:
        await published(app, opened(), posted("a"))
        head = await app.head()
        standby.stop()
        late = posted("b")
        waiting = asyncio.create_task(app.publish([late]))
        await wait_until(lambda: primary.value(WAITING) is not None)
        if crashed == "server":
            primary.kill()
            primary.start()
        else:
            os.kill(int(str(primary.value(WAITING))), signal.SIGKILL)
        with pytest.raises(LogUnavailable):
            await waiting
        await wait_until(lambda: shows(primary, head + 1))
        for _ in range(2):  # the first may meet a connection that is lost
            with pytest.raises(LogUnavailable):
                await app.publish([late])
        standby.start()
        assert await published(app, late) == [head + 1]


WAITING = """
select pid from pg_stat_activity
where wait_event = 'SyncRep' and query like '%rostra_append_on%'"""


def shows(node: Node, position: int) -> bool:
    with suppress(psycopg.OperationalError):  # it recovers
        return node.value("select max(notification_id) from stored_events") == position
    return False
