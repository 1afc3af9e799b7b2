"""Services that are told to stop, and services that are killed, while clients go on publishing."""

import asyncio
import json
from collections.abc import Callable
from io import BytesIO
from itertools import count
from typing import Any

import aiohttp
import pytest

from rostra_adapters.postgres.views.lineage import OURS
from support.running import Rostra, Service, contiguous
from support.waiting import WAIT_SECONDS_MAX, wait_until

CLIENTS = 12
BATCH_EVENTS = 40
LONG_BATCH_EVENTS = 5_000
BATCHED = "application/cloudevents-batch+json"
PLACE = {"site": "gazette", "resource": "/trams"}
GONE = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)
PROJECTS = f"""
select pid from pg_locks
where locktype = 'advisory' and granted
    and (classid::bigint << 32) | objid::bigint = {OURS.lock}"""

Event = dict[str, Any]


def event(name: str, kind: str, **data: Any) -> Event:
    return {
        "specversion": "1.0",
        "source": "urn:cms",
        "id": name,
        "type": kind,
        "data": {**PLACE, **data},
    }


def posted(name: str) -> Event:
    author = {"id": "ann", "name": "Ann"}
    return event(name, "comment.posted", comment=name, author=author, body="Yes.")


def voted(name: str, on: str) -> Event:
    return event(name, "vote.cast", comment=on, voter=f"voter of {name}", value=1)


class Client:
    """Sends batches to one service, one after another, and keeps what was answered."""

    _numbers = count()

    def __init__(self, session: aiohttp.ClientSession, service: Service) -> None:
        self._session = session
        self._service = service
        self.name = f"client {next(self._numbers)}"
        self.sent: list[Event] = []
        self.answered: dict[str, dict[str, Any]] = {}
        self.without_answer: list[Event] = []

    async def send(self, events: list[Event]) -> None:
        """Raises one of GONE where no answer came."""
        self.sent += events
        try:
            results = await post(self._session, self._service, events)
        except GONE:
            self.without_answer += events
            raise
        self.answered |= {result["event"]: result for result in results}

    async def go_on(self, enough: Callable[[], bool] = lambda: False) -> None:
        """Until there is enough, or nobody answers any more."""
        for number in count():
            comment = f"{self.name}, {number}"
            votes = [voted(f"{comment}, {vote}", comment) for vote in range(1, BATCH_EVENTS)]
            try:
                await self.send([posted(comment), *votes])
            except GONE:
                return
            if enough():
                return


async def post(
    session: aiohttp.ClientSession, service: Service, events: list[Event]
) -> list[dict[str, Any]]:
    body, headers = BytesIO(json.dumps(events).encode()), {"Content-Type": BATCHED}
    async with session.post(f"{service.url}/v1/events", data=body, headers=headers) as response:
        assert response.status == 200, await response.text()
        results: list[dict[str, Any]] = (await response.json())["results"]
        return results


def session_of(rostra: Rostra) -> aiohttp.ClientSession:
    headers = {"Authorization": f"Bearer {rostra.token()}"}
    return aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0))


@pytest.mark.slow
async def test_told_to_stop_it_answers_what_it_took_and_exits_with_0(rostra: Rostra) -> None:
    with rostra.serving() as service:
        async with session_of(rostra) as session:
            clients = [Client(session, service) for _ in range(CLIENTS)]
            first, *others = clients
            await first.send([event("open", "discussion.opened"), posted("c1")])
            long_batch = [voted(f"long {number}", "c1") for number in range(LONG_BATCH_EVENTS)]
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(first.send(long_batch))
                for client in others:
                    tasks.create_task(client.go_on())
                await wait_until(lambda: sum(len(client.answered) for client in others) > 300)
                assert len(first.answered) == 2  # the long batch is still being handled
                before = {client.name: len(client.answered) for client in clients}
                service.process.terminate()
        assert await asyncio.to_thread(service.process.wait, WAIT_SECONDS_MAX) == 0
        after = {client.name: len(client.answered) for client in clients}
        assert sum(after[name] > before[name] for name in after) > 1
        assert len(first.answered) == LONG_BATCH_EVENTS + 2
    answered = {name: it for client in clients for name, it in client.answered.items()}
    assert {it["status"] for it in answered.values()} == {"recorded"}
    exported = {it["id"]: int(it["sequence"]) for it in rostra.export()}
    assert exported == {name: it["position"] for name, it in answered.items()}
    with rostra.serving():  # its views catch up
        rostra.must("verify")


@pytest.mark.slow
async def test_told_to_stop_it_keeps_nobody_waiting_who_waits_for_news(rostra: Rostra) -> None:
    with rostra.serving() as service:
        async with session_of(rostra) as session:
            waiting = asyncio.create_task(_feed(session, service, wait=30))
            await wait_until(lambda: _is_asked(session, service))
            service.process.terminate()
            assert (
                await asyncio.to_thread(service.process.wait, 25) == 0
            )  # less than it is asked to wait
            assert await waiting == []


async def _feed(session: aiohttp.ClientSession, service: Service, **params: Any) -> Any:
    async with session.get(f"{service.url}/v1/events", params=params) as response:
        return json.loads(await response.read())


async def _is_asked(session: aiohttp.ClientSession, service: Service) -> bool:
    """Another's request was answered, so those that came before have been taken."""
    async with session.get(f"{service.url}/healthz") as response:
        return response.status == 200


@pytest.mark.slow
async def test_one_of_two_killed_loses_nothing_and_the_other_projects_from_there(
    rostra: Rostra,
) -> None:
    with rostra.serving() as killed:
        await wait_until(lambda: len(rostra.rows(PROJECTS)) == 1)
        projecting = rostra.rows(PROJECTS)
        with rostra.serving() as other:
            async with session_of(rostra) as session:
                of_killed = [Client(session, killed) for _ in range(CLIENTS // 2)]
                of_other = [Client(session, other) for _ in range(CLIENTS // 2)]
                await of_other[0].send([event("open", "discussion.opened")])
                await _kill_amid_publishing(killed, of_killed, of_other)

                head = rostra.rows("select max(notification_id) from stored_events")[0][0]
                fresh = {"min_position": head, "wait": 30, "site": "gazette"}
                page = other.get("/v1/discussions", **fresh, resource="/trams")
                posts = rostra.rows(
                    "select count(*) from stored_events where topic = 'comment.posted'"
                )
                assert page["comments"] == posts[0][0]
                assert rostra.rows(PROJECTS) not in ([], projecting)

                _assert_recorded(rostra, [*of_killed, *of_other])
                for client in of_killed:
                    again = Client(session, other)
                    await again.send(client.sent)
                    _assert_repeated(client, again)
            assert other.head() >= head
            rostra.must("verify")


async def _kill_amid_publishing(
    killed: Service, of_killed: list[Client], of_other: list[Client]
) -> None:
    """The clients of the other go on until they have sent as much again."""
    async with asyncio.TaskGroup() as tasks:
        for client in of_killed:
            tasks.create_task(client.go_on())
        for client in of_other:
            tasks.create_task(client.go_on(lambda: killed.process.poll() is not None))
        await wait_until(lambda: sum(len(client.answered) for client in of_killed) > 1_500)
        killed.kill()
    assert any(client.without_answer for client in of_killed)
    assert not any(client.without_answer for client in of_other)


def _assert_recorded(rostra: Rostra, clients: list[Client]) -> None:
    rows = rostra.rows(
        "select notification_id, metadata ->> 'id' from stored_events order by notification_id"
    )
    assert contiguous([position for position, _ in rows])
    at = {name: position for position, name in rows}
    assert len(at) == len(rows)
    for client in clients:
        for name, result in client.answered.items():
            assert (result["status"], result["position"]) == ("recorded", at[name])


def _assert_repeated(client: Client, again: Client) -> None:
    for name, result in client.answered.items():
        assert again.answered[name] == {**result, "status": "duplicate"}
    rest = {again.answered[it["id"]]["status"] for it in client.without_answer}
    assert rest <= {"recorded", "duplicate"}
