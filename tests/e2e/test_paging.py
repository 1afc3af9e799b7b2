"""Readers who page through lists while votes land, the service is killed, and views are rebuilt."""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any, NamedTuple

import aiohttp
import pytest

import model_ids
from e2e.running import LOOK_SECONDS, WAIT_SECONDS_MAX, Rostra, Service
from e2e.test_stopping_and_killing import GONE, PLACE, event, post, posted, session_of, until

LARGE = os.environ.get("ROSTRA_TEST_LARGE") == "1"
SEED = int(os.environ.get("ROSTRA_TEST_SEED", "1"))
ORDERS = ("most_voted", "best", "hot")
PAGE_COMMENTS = 20
VOTERS = 40


class Load(NamedTuple):
    """How much there is to read, and how much happens between two pages."""

    comments: int
    votes_a_second: int
    votes_a_page: int


LOAD = Load(1_000, 50, 50) if LARGE else Load(200, 200, 25)


class Voters:
    """Votes at a rate, of which as many as are due land at once; some comment, too. A request
    without an answer is sent again: voting twice changes nothing."""

    def __init__(self, session: aiohttp.ClientSession, service: Service, seed: int) -> None:
        self._session = session
        self._chance = random.Random(seed)
        self.service = service
        self.landed = 0
        self.unanswered = 0
        self.untroubled = asyncio.Event()

    async def have_landed(self, votes: int) -> None:
        await until(lambda: self.landed >= votes)

    async def go_on(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        for number in count(1):
            await asyncio.sleep(began + number / 10 - clock())
            due = int((clock() - began) * LOAD.votes_a_second) - self.landed
            events = [self._vote(self.landed + n) for n in range(due)]
            if number % 10 == 0:
                events.append(posted(f"new {number}"))
            await self._land(events)
            self.landed += due

    def _vote(self, number: int) -> dict[str, Any]:
        on = f"c{self._chance.randrange(LOAD.comments)}"
        voter, value = f"v{self._chance.randrange(VOTERS)}", self._chance.choice((1, 1, -1, 0))
        return event(f"vote {number}", "vote.cast", comment=on, voter=voter, value=value)

    async def _land(self, events: Sequence[dict[str, Any]]) -> None:
        while True:
            try:
                results = await post(self._session, self.service, list(events))
            except GONE:
                self.unanswered += 1
                await asyncio.sleep(LOOK_SECONDS)
                continue
            assert {it["status"] for it in results} <= {"recorded", "duplicate"}, results
            return


class PagingReader:
    """Follows `next` in one order, each page after so many more votes have landed, the last
    ones after all the trouble."""

    def __init__(self, session: aiohttp.ClientSession, voters: Voters, order: str) -> None:
        self._session = session
        self._voters = voters
        self._params = {"order": order, "limit": str(PAGE_COMMENTS), "replies": "0"}
        self.seen: Counter[str] = Counter()
        self.places: list[str] = []
        self.pages = 0
        self.total = 0

    async def read(self) -> None:
        while True:
            landed = self._voters.landed
            page = await self._page()
            self.total = self.total or page["total"]
            self.places += [one["key"] for one in page["comments"]]
            self.seen.update(one["key"] for one in page["comments"])
            self.pages += 1
            if page["next"] is None:
                return
            self._params["cursor"] = page["next"]
            await self._voters.have_landed(landed + LOAD.votes_a_page)
            if self.pages >= LOAD.comments // PAGE_COMMENTS - 2:
                await self._voters.untroubled.wait()

    async def _page(self) -> Any:
        path = f"/v1/discussions/{model_ids.discussion(**PLACE)}/comments"
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while True:
                try:
                    url = self._voters.service.url + path
                    async with self._session.get(url, params=self._params) as response:
                        if response.status == 200:
                            return await response.json()
                        assert response.status == 503, await response.text()
                except GONE:
                    pass
                await asyncio.sleep(LOOK_SECONDS)


@pytest.mark.timeout(400 if LARGE else 120)
async def test_each_comment_is_seen_once_through_votes_a_kill_and_a_rebuild(
    rostra: Rostra,
) -> None:
    killed = await asyncio.to_thread(rostra.serve)
    services = [killed]
    try:
        async with session_of(rostra) as session:
            keys = [f"c{number}" for number in range(LOAD.comments)]
            opened = event("open", "discussion.opened", settings={"self_votes": True})
            results = await post(session, killed, [opened, *map(posted, keys)])
            head = max(it["position"] for it in results)
            await asyncio.to_thread(killed.get, "/v1/discussions", **PLACE, min_position=head)
            voters = Voters(session, killed, SEED)
            voting = asyncio.create_task(voters.go_on())
            await until(lambda: voters.landed > LOAD.votes_a_page or voting.done())
            readers = [PagingReader(session, voters, order) for order in ORDERS]
            async with asyncio.TaskGroup() as tasks:
                for reader in readers:
                    tasks.create_task(reader.read())
                tasks.create_task(_trouble(rostra, voters, readers, services))
            assert not voting.done(), voting.exception()
            voting.cancel()
    finally:
        for service in services:
            if service.process.poll() is None:
                service.stop()
    for reader in readers:
        assert {key: reader.seen[key] for key in keys} == dict.fromkeys(keys, 1)
        assert len(reader.places) == reader.total == len(set(reader.places))
    sys.stdout.write(
        f"seed {SEED}: {voters.landed} votes landed, {voters.unanswered} requests went unanswered, "
        f"{[len(it.places) for it in readers]} comments on {[it.pages for it in readers]} pages\n"
    )


async def _trouble(
    rostra: Rostra, voters: Voters, readers: Sequence[PagingReader], services: list[Service]
) -> None:
    """Amid the list the service is killed and another begins, then the views are rebuilt,
    then service and database are killed at once, then the views are rebuilt again."""
    pages = LOAD.comments // PAGE_COMMENTS
    for part, database in ((1, False), (3, True)):
        await _read(readers, pages * part // 5)
        services[-1].kill()
        if database:
            await asyncio.to_thread(rostra.kill_postgres)
        services.append(await asyncio.to_thread(rostra.serve))
        voters.service = services[-1]
        await _read(readers, pages * (part + 1) // 5)
        told = await asyncio.to_thread(rostra.must, "rebuild")
        assert "changed" not in told
    assert all(it.pages < pages for it in readers)
    voters.untroubled.set()


async def _read(readers: Sequence[PagingReader], pages: int) -> None:
    await until(lambda: all(it.pages >= pages for it in readers))
