"""Leaders are killed and switched over by Patroni under load; `make cluster-check` does more."""

import asyncio
import json
import os
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count, pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

from support.patroni import Member, PatroniCluster, patroni_cluster
from support.running import Rostra
from support.running import Service as Process
from support.service import MASTER_KEY, PLACE, SECRET, STRUCTURED, opened, posted, token, voted
from support.waiting import WAIT_SECONDS_MAX, wait_until

LARGE = bool(os.environ.get("ROSTRA_TEST_LARGE"))

pytestmark = [
    pytest.mark.process,
    pytest.mark.postgres,
    pytest.mark.slow,
    # Patroni replaces a lost machine after twenty seconds.
    pytest.mark.timeout(0 if LARGE else 900),
]

KILLS, SWITCHOVERS = (20, 6) if LARGE else (2, 1)
PUBLISHERS = 4
COMMENTS = 60
PAGE = 20
ANSWER_SECONDS_MAX = 10.0
"""Time within which a publisher is answered while no standby confirms what is committed."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[PatroniCluster]:
    with patroni_cluster() as made:
        yield made


class Services:
    """Two services that write and two that read, and a client."""

    def __init__(
        self, writers: list[Process], readers: list[Process], session: ClientSession
    ) -> None:
        self.writers = writers
        self.readers = readers
        self.session = session

    async def get(
        self,
        service: Process,
        path: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Mapping[str, str], Any]:
        """Return status, headers and body; status 0 if the service cut the connection."""
        try:
            async with self.session.get(
                service.url + path, headers=headers, params=params
            ) as answer:
                body = await answer.read()
                return answer.status, answer.headers, json.loads(body) if body else None
        except ClientError:
            return 0, {}, None

    async def publish(self, service: Process, event: dict[str, Any]) -> tuple[int, Any]:
        try:
            async with self.session.post(
                f"{service.url}/v1/events",
                data=json.dumps(event),
                headers={"Content-Type": STRUCTURED, "Authorization": f"Bearer {token()}"},
            ) as answer:
                return answer.status, await answer.json(content_type=None)
        except ClientError:
            return 0, None


@asynccontextmanager
async def services(cluster: PatroniCluster, folder: Path, schema: str) -> AsyncIterator[Services]:
    secrets = {
        "ROSTRA_SECRET": SECRET,
        "ROSTRA_MASTER_KEY": MASTER_KEY.hex(),
        "ROSTRA_FAILOVER": "lossless",
        "ROSTRA_SCHEMA": schema,
    }
    primary = cluster.url("primary")
    async with AsyncExitStack() as stack:

        async def serving(name: str, **environment: str) -> Process:
            service = await asyncio.to_thread(
                Rostra(folder / name, primary, **secrets, **environment).serve
            )
            stack.callback(service.kill)
            return service

        writers = [await serving(f"writer{number}") for number in (1, 2)]
        readers = [
            await serving(
                f"reader{number}",
                ROSTRA_READ_ONLY="true",
                ROSTRA_READ_DATABASE_URL=cluster.url("prefer-standby", first=number),
                ROSTRA_WRITER_URL=writers[0].url,
            )
            for number in (1, 2)
        ]
        session = await stack.enter_async_context(ClientSession())
        yield Services(writers, readers, session)


class Publisher:
    """Publishes votes, one after another, until each is acknowledged."""

    def __init__(self, services: Services, number: int, at: list[float]) -> None:
        self._services = services
        self._number = number
        self._at = at
        self.acknowledged: dict[str, tuple[str, int]] = {}
        """Event and position by voter."""
        self.statuses = Counter[int]()

    async def run(self, stopped: asyncio.Event) -> None:
        writer = self._number
        for each in count():
            if stopped.is_set():
                return
            vote = voted(on=f"c{each % COMMENTS}", voter=f"p{self._number}-{each}")
            while True:
                service = self._services.writers[writer % 2]
                status, result = await self._services.publish(service, vote)
                self.statuses[status] += 1
                if status in (200, 201):
                    break
                assert status == 503, (status, result)
                writer += 1
                await asyncio.sleep(0.1)
            assert result["status"] in ("recorded", "duplicate"), result
            self.acknowledged[vote["data"]["voter"]] = vote["id"], result["position"]
            self._at.append(monotonic())


class Reader:
    """Reads the first page again and again, with its ETag."""

    def __init__(self, services: Services, service: Process) -> None:
        self._services = services
        self._service = service
        self.statuses = Counter[int]()
        self.not_served: list[object] = []
        self.went_back = 0

    async def run(self, stopped: asyncio.Event) -> None:
        tag, position = "", 0
        while not stopped.is_set():
            status, headers, body = await self._services.get(
                self._service,
                "/v1/comments",
                PLACE | {"order": "most_voted"},
                {"If-None-Match": tag},
            )
            self.statuses[status] += 1
            if status in (200, 304):
                tag = headers["ETag"]
                self.went_back += int(headers["Rostra-Position"]) < position
                position = int(headers["Rostra-Position"])
            else:
                self.not_served.append((status, body))
            await asyncio.sleep(0.02)


class Walker:
    """Walks through all comments by cursors, on the readers by turns."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.statuses = Counter[int]()
        self.wrong = 0
        self.walks = 0

    async def run(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            seen: list[str] = []
            cursor: dict[str, str] = {}
            for number in count():
                status, _, page = await self._services.get(
                    self._services.readers[number % 2],
                    "/v1/comments",
                    PLACE | {"limit": PAGE, "wait": 30} | cursor,
                )
                self.statuses[status] += 1
                if status != 200:
                    continue
                seen += [one["key"] for one in page["comments"]]
                if page["next"] is None:
                    break
                cursor = {"cursor": page["next"]}
                await asyncio.sleep(0.1)
            self.walks += 1
            self.wrong += sorted(seen) != sorted(f"c{each}" for each in range(COMMENTS))


class Follower:
    """Follows the feed, page by page, and never begins again."""

    def __init__(self, services: Services, service: Process, log: str) -> None:
        self._services = services
        self._service = service
        self._log = log
        self.statuses = Counter[int]()
        self.events: list[tuple[int, str]] = []
        self.position = 0
        self.head: int | None = None
        """Position at which it ends."""

    @property
    def is_done(self) -> bool:
        return self.head is not None and self.position >= self.head

    async def run(self) -> None:
        headers = {"Authorization": f"Bearer {token('feed')}"}
        while not self.is_done:
            wanted = {"after": self.position, "log": self._log, "wait": 2, "limit": 5_000}
            status, answered, events = await self._services.get(
                self._service, "/v1/events", wanted, headers
            )
            self.statuses[status] += 1
            if status != 200:
                assert status == 503, (status, events)
                await asyncio.sleep(0.1)
                continue
            self.position = int(answered["Rostra-Position"])
            self.events += [(int(one["sequence"]), one["id"]) for one in events]


class StreamFollower(Follower):
    """Follows the feed as a stream."""

    async def run(self) -> None:
        headers = {"Authorization": f"Bearer {token('feed')}", "Accept": "text/event-stream"}
        while not self.is_done:
            with suppress(ClientError):
                async with self._services.session.get(
                    f"{self._service.url}/v1/events",
                    headers=headers | {"Last-Event-ID": str(self.position)},
                    params={"log": self._log},
                    timeout=ClientTimeout(total=None, sock_read=WAIT_SECONDS_MAX),
                ) as answer:
                    self.statuses[answer.status] += 1
                    assert answer.status in (200, 503), await answer.read()
                    await self._read(answer)
            await asyncio.sleep(0.1)

    async def _read(self, answer: ClientResponse) -> None:
        """Read events; one that is cut off before its blank line has not come."""
        fields: dict[str, str] = {}
        async for line in answer.content:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
                continue
            if "id" in fields:
                self.position = int(fields["id"])
            if "data" in fields:
                self.events.append((self.position, json.loads(fields["data"])["id"]))
            fields.clear()
            if self.is_done:
                return


class Silences:
    """Times without an acknowledgement, in seconds, by what caused them."""

    def __init__(self, at: list[float]) -> None:
        self._at = at
        self.seconds: dict[str, list[float]] = {}

    async def measure(self, cause: str, since: float, is_over: Callable[[], bool]) -> None:
        """Wait until the cause is over and fifty more votes are acknowledged."""
        await wait_until(lambda: asyncio.to_thread(is_over))
        wanted = len(self._at) + 50
        await wait_until(lambda: len(self._at) >= wanted)
        at = [since, *(one for one in self._at if one > since)]
        longest = max(later - earlier for earlier, later in pairwise(at))
        self.seconds.setdefault(cause, []).append(longest)

    def rows(self) -> Iterator[tuple[str, str]]:
        for cause, seconds in self.seconds.items():
            ordered = sorted(seconds)
            p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
            yield (
                f"without acknowledgement, {cause} ({len(seconds)})",
                f"p50 {statistics.median(ordered):.1f} s, p99 {p99:.1f} s, max {ordered[-1]:.1f} s",
            )


async def kill_machine(leader: Member, cluster: PatroniCluster, silences: Silences) -> None:
    since = monotonic()
    await asyncio.to_thread(leader.kill)
    await silences.measure("machine killed", since, lambda: cluster.leader not in (None, leader))
    leader.start()


async def kill_server(leader: Member, cluster: PatroniCluster, silences: Silences) -> None:
    """Kill the server alone, which recovers on its machine, or is replaced."""
    since = monotonic()
    await asyncio.to_thread(leader.kill_server)
    await silences.measure("server killed", since, lambda: cluster.leader is not None)


async def switch_over(cluster: PatroniCluster, silences: Silences) -> None:
    since = monotonic()
    await asyncio.to_thread(cluster.switch_over)
    await silences.measure("switchover", since, lambda: cluster.leader is not None)


async def disturb(cluster: PatroniCluster, silences: Silences) -> None:
    """Kill leaders and switch over, each time after the cluster is whole again."""
    disturbances = KILLS + SWITCHOVERS
    every = disturbances // SWITCHOVERS
    for number in range(disturbances):
        leader = await asyncio.to_thread(cluster.wait_until_whole)
        if number % every == every - 1 and number // every < SWITCHOVERS:
            await switch_over(cluster, silences)
        elif number % 4 == 1:
            await kill_server(leader, cluster, silences)
        else:
            await kill_machine(leader, cluster, silences)
    await asyncio.to_thread(cluster.wait_until_whole)


def read_log(cluster: PatroniCluster) -> list[tuple[int, str, str]]:
    """Return position, topic and state of all events."""
    leader = cluster.wait_until_whole()
    with psycopg.connect(leader.url(), autocommit=True) as connection:
        return connection.execute(
            "select notification_id, topic, convert_from(state, 'utf8') "
            "from leaders.stored_events order by notification_id"
        ).fetchall()


def wrong_events(
    follower: Follower, positions: Sequence[int], published: Mapping[int, str]
) -> list[tuple[int, list[str]]]:
    """Return the positions where a follower got anything but the one event, and what it got."""
    came: dict[int, list[str]] = {position: [] for position in positions}
    before, late = 0, []
    for position, event in follower.events:
        came.setdefault(position, []).append(event)
        if position < before:
            late.append((position, ["after a later one"]))
        before = position
    known = set(positions)
    return late + [
        (position, events)
        for position, events in came.items()
        if position not in known
        or len(events) != 1
        or published.get(position, events[0]) != events[0]
    ]


def verify(cluster: PatroniCluster, folder: Path) -> None:
    """Compare the views with a fresh fold of the log."""
    secrets = {"ROSTRA_MASTER_KEY": MASTER_KEY.hex(), "ROSTRA_SCHEMA": "leaders"}
    Rostra(folder / "writer1", cluster.url("primary"), **secrets).must("verify")


async def test_nothing_acknowledged_is_lost_while_leaders_change(
    cluster: PatroniCluster, tmp_path: Path
) -> None:
    async with services(cluster, tmp_path, "leaders") as running:
        for event in (opened(), *(posted(f"c{number}") for number in range(COMMENTS))):
            status, result = await running.publish(running.writers[0], event)
            assert status == 201, result
        head = running.writers[0].head()
        for reader in running.readers:
            reader.get("/v1/comments", **PLACE, min_position=head, wait=30)
        log = running.writers[0].ask("/v1/events", token=token("feed"), limit=1)
        log_id = log.headers["Rostra-Log"]
        first = running.readers[0].get("/v1/comments", **PLACE, limit=PAGE)

        times: list[float] = []
        silences = Silences(times)
        stopped = asyncio.Event()
        publishers = [Publisher(running, number, times) for number in range(PUBLISHERS)]
        readers = [Reader(running, reader) for reader in running.readers]
        walker = Walker(running)
        followers = [
            StreamFollower(running, running.writers[0], log_id),
            Follower(running, running.writers[1], log_id),
            StreamFollower(running, running.readers[0], log_id),
            Follower(running, running.readers[1], log_id),
        ]
        async with asyncio.TaskGroup() as group:
            for follower in followers:
                group.create_task(follower.run())
            loads = [group.create_task(one.run(stopped)) for one in publishers]
            loads += [group.create_task(one.run(stopped)) for one in readers]
            loads.append(group.create_task(walker.run(stopped)))
            await disturb(cluster, silences)
            stopped.set()
            await asyncio.wait(loads)
            head = await asyncio.to_thread(running.writers[0].head)
            for follower in followers:
                follower.head = head

        for service in (*running.writers, *running.readers):
            last = service.ask("/v1/events", token=token("feed"), after=head)
            assert (last.status, last.headers["Rostra-Log"]) == (200, log_id)
            page = service.ask("/v1/comments", **PLACE, limit=PAGE, cursor=first["next"])
            assert page.status == 200, page.body

    await asyncio.to_thread(verify, cluster, tmp_path)
    rows = await asyncio.to_thread(read_log, cluster)
    acknowledged = {
        voter: known for publisher in publishers for voter, known in publisher.acknowledged.items()
    }
    votes = {position: state for position, topic, state in rows if topic == "vote.cast"}
    gaps = sum(position != expected for expected, (position, *_) in enumerate(rows, 1))
    lost = sum(f'"{voter}"' not in votes.get(at, "") for voter, (_, at) in acknowledged.items())
    doubled = len(votes) - len({json.loads(state)["voter"] for state in votes.values()})
    published = {position: event for event, position in acknowledged.values()}
    positions = [position for position, *_ in rows]
    wrong_feeds = [wrong for one in followers if (wrong := wrong_events(one, positions, published))]
    table = {
        "kills, switchovers": f"{KILLS}, {SWITCHOVERS}",
        "acknowledged": len(acknowledged),
        "of them lost": lost,
        "events doubled": doubled,
        "gaps in the log": gaps,
        "answers to publishers": dict(sum((one.statuses for one in publishers), Counter())),
        "answers of readers": dict(sum((one.statuses for one in readers), Counter())),
        "positions of a reader that went back": sum(one.went_back for one in readers),
        "walks by cursor, of them wrong": f"{walker.walks}, {walker.wrong}",
        "answers to the walks": dict(walker.statuses),
        "followers of the feed, of them wrong": f"{len(followers)}, {len(wrong_feeds)}",
        "answers to followers": [dict(one.statuses) for one in followers],
        **dict(silences.rows()),
    }
    for name, value in table.items():
        print(f"{name}: {value}")  # noqa: T201  # the figures of `make cluster-check`
    assert (lost, doubled, gaps, wrong_feeds, walker.wrong) == (0, 0, 0, [], 0)
    assert sum(one.went_back for one in readers) == 0
    for one in readers:
        assert not one.not_served, one.not_served[:3]
    assert set(walker.statuses) == {200}
    for follower in followers[2:]:
        assert set(follower.statuses) == {200}


async def test_without_a_quorum_publishers_are_refused_and_readers_go_on(
    cluster: PatroniCluster, tmp_path: Path
) -> None:
    async with services(cluster, tmp_path, "quorum") as running:
        writers, late = running.writers, posted("b")
        for event in (opened(), posted("a")):
            assert (await running.publish(writers[0], event))[0] == 201
        head = writers[0].head()
        for one in running.readers:
            one.get("/v1/comments", **PLACE, min_position=head, wait=30)
        leader = await asyncio.to_thread(cluster.wait_until_whole)
        standbys = [member for member in cluster.members if member is not leader]
        stopped = asyncio.Event()
        readers = [Reader(running, reader) for reader in running.readers]
        async with asyncio.TaskGroup() as group:
            for reader in readers:
                group.create_task(reader.run(stopped))
            try:
                for standby in standbys:
                    await asyncio.to_thread(standby.stop)
                for writer in (
                    *writers,
                    *writers,
                ):  # the second time the event is there, unconfirmed
                    since = monotonic()
                    status, problem = await running.publish(writer, late)
                    assert status == 503, problem
                    assert monotonic() - since < ANSWER_SECONDS_MAX
                for writer in writers:
                    assert (await running.get(writer, "/readyz"))[0] == 503
                for one in running.readers:
                    assert (await running.get(one, "/readyz"))[0] == 200
            finally:
                for standby in standbys:
                    standby.start()

            async def is_recorded() -> bool:
                return (await running.publish(writers[0], late))[0] in (200, 201)

            async def are_ready() -> bool:
                answers = [await running.get(one, "/readyz") for one in writers]
                return all(status == 200 for status, *_ in answers)

            await wait_until(is_recorded)
            await wait_until(are_ready)
            stopped.set()
        for reader in readers:
            assert not reader.not_served, reader.not_served[:3]
        page = writers[1].get("/v1/comments", **PLACE, min_position=writers[1].head(), wait=30)
        assert sorted(one["key"] for one in page["comments"]) == ["a", "b"]
