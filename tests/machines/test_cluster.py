"""Primaries are killed one after another under load; the Makefile's `cluster-check` kills more."""

import asyncio
import os
from collections.abc import Iterator
from itertools import count
from time import monotonic

import pytest

import rostra_adapters
from rostra.log import LogBusy, LogUnavailable
from rostra_adapters.application.app import App
from rostra_adapters.http import HttpSettings
from support.replication import Cluster, nodes
from support.service import MASTER_KEY, PLACE, SECRET, Service, opened, posted, serving_app, voted
from support.waiting import WAIT_SECONDS_MAX, wait_until

pytestmark = [pytest.mark.process, pytest.mark.postgres, pytest.mark.slow]

KILLS = 20 if os.environ.get("ROSTRA_TEST_LARGE") else 2
PUBLISHERS = 4
COMMENTS = 20


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with nodes(3) as made:
        yield Cluster(made)


class Publisher:
    """Publishes votes, one after another, until each is acknowledged."""

    def __init__(self, app: App, number: int) -> None:
        self._app = app
        self._number = number
        self.acknowledged: dict[str, int] = {}
        self.longest_silence = 0.0

    async def run(self, stopped: asyncio.Event) -> None:
        last = monotonic()
        for each in count():
            if stopped.is_set():
                return
            vote = voted(on=f"c{each % COMMENTS}", voter=f"p{self._number}-{each}")
            while True:
                try:
                    (outcome,) = await self._app.publish([vote])
                except (LogUnavailable, LogBusy):
                    await asyncio.sleep(0.05)
                    continue
                break
            assert outcome.status in ("recorded", "duplicate"), outcome
            assert outcome.position is not None
            self.acknowledged[vote["data"]["voter"]] = outcome.position
            self.longest_silence = max(self.longest_silence, monotonic() - last)
            last = monotonic()


async def read(reader: Service, stopped: asyncio.Event, statuses: list[int]) -> None:
    while not stopped.is_set():
        answer = await reader.ask("GET", "/v1/comments", params=PLACE | {"order": "most_voted"})
        statuses.append(answer.status)
        await asyncio.sleep(0.02)


async def test_nothing_acknowledged_is_lost_or_doubled(cluster: Cluster) -> None:
    standby = cluster.members[2]
    settings = HttpSettings(secret=SECRET, read_only=True, reader_rate=None)
    async with rostra_adapters.open(cluster.url, master_key=MASTER_KEY, failover="lossless") as app:
        await app.publish([opened(), *(posted(f"c{number}") for number in range(COMMENTS))])
        before = await app.log.log_id()
        await wait_until(lambda: standby.has_replayed(cluster.primary))
        async with (
            rostra_adapters.open(
                f"{standby.url}?target_session_attrs=any",
                master_key=MASTER_KEY,
                read_only=True,
                primary_url=cluster.url,
            ) as reading,
            serving_app(reading, settings) as reader,
        ):
            stopped, statuses = asyncio.Event(), list[int]()
            publishers = [Publisher(app, number) for number in range(PUBLISHERS)]
            was_killed = False
            async with asyncio.TaskGroup() as group:
                for publisher in publishers:
                    group.create_task(publisher.run(stopped))
                group.create_task(read(reader, stopped, statuses))
                try:
                    for _ in range(KILLS):
                        await _go_on(publishers)
                        was_killed = was_killed or cluster.primary is standby
                        await asyncio.to_thread(cluster.kill_primary)
                finally:
                    stopped.set()
            assert set(statuses) <= ({200, 503} if was_killed else {200})
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            await _check_log(app, publishers)
        assert await app.log.log_id() == before
    silences = sorted(publisher.longest_silence for publisher in publishers)
    acknowledged = sum(len(publisher.acknowledged) for publisher in publishers)
    print(  # noqa: T201  # the figures of `make cluster-check`
        f"{KILLS} kills, {acknowledged} acknowledged, {len(statuses)} answers of the reader, "
        f"longest time without an acknowledgement {silences[-1]:.1f} s"
    )


async def _go_on(publishers: list[Publisher]) -> None:
    """Wait until fifty more votes are acknowledged."""

    def acknowledged() -> int:
        return sum(len(publisher.acknowledged) for publisher in publishers)

    wanted = acknowledged() + 50
    await wait_until(lambda: acknowledged() >= wanted)


async def _check_log(app: App, publishers: list[Publisher]) -> None:
    head = await app.head()
    voters: dict[int, str] = {}
    position = 0
    while position < head:
        for row in await app.log.read_after(position, 5_000):
            assert row.position == position + 1
            position = row.position
            if row.topic == "vote.cast":
                voters[position] = row.state.decode()
    assert len(set(voters.values())) == len(voters)
    for publisher in publishers:
        for voter, at in publisher.acknowledged.items():
            assert f'"{voter}"' in voters[at]
    await app.wait(head, WAIT_SECONDS_MAX)
    assert await app.verify() == []
