"""Revoked tokens, and the streams of those that end."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest
from aiohttp import ClientResponse, ClientSession
from hypothesis import given
from hypothesis import strategies as st

import rostra_adapters
from rostra import ids
from rostra.log import LogUnavailable
from rostra_adapters.application.revocations import MemoryRevocations
from rostra_adapters.http.auth import tokens
from rostra_adapters.postgres import schema
from rostra_adapters.postgres.connect import create_pool
from rostra_adapters.postgres.revocations import LOOK_SECONDS, PostgresRevocations
from support.cases import first_is_quick
from support.service import (
    MASTER_KEY,
    PLACE,
    SECRET,
    Service,
    forged,
    opened,
    posted,
    serving,
    token,
    voted,
)
from support.waiting import WAIT_SECONDS_MAX, wait_until

SITE = PLACE["site"]
LIVE = f"/v1/discussions/{ids.discussion_id(SITE, PLACE['resource'])}/live"
FEED = "/v1/events"
KNOWN_SECONDS_MAX = 5.0


# -- which ones


_sites = st.sampled_from(["gazette", "herald", "*"])
_people = st.sampled_from(["ann", "bob"])
_times = st.integers(0, 5)


@given(st.lists(st.tuples(_people, _sites, _times)), _people, _sites, st.none() | _times)
def test_revoked_is_what_was_issued_until_then_for_the_site_or_for_all(
    revoked: list[tuple[str, str, int]], person: str, site: str, issued: int | None
) -> None:
    revocations = MemoryRevocations()
    revocations.add(revoked)
    expected = any(
        who == person
        and (where == site or where == "*" or site == "*")
        and (issued is None or issued <= until)
        for who, where, until in revoked
    )
    assert revocations.is_revoked(person, site, issued) is expected


async def test_a_token_that_was_revoked_is_refused_and_a_later_one_taken(service: Service) -> None:
    texts = {
        "of ann": token("read", site=SITE, person="ann"),
        "of ann, for all": token("read", person="ann"),
        "of ann, elsewhere": token("read", site="herald", person="ann"),
        "of bob": token("read", site=SITE, person="bob"),
        "of ann, undated": forged(sub="ann", scope="read", site=SITE),
        "of bob, undated": forged(sub="bob", scope="read", site=SITE),
    }

    async def refused() -> set[str]:
        return {
            name
            for name, text in texts.items()
            if (await service.ask("GET", "/v1/rules", token=text)).status == 401
        }

    assert await refused() == set()
    await service.app.revocations.revoke("ann", SITE, time.time())
    assert await refused() == {"of ann", "of ann, for all", "of ann, undated"}
    texts["of ann, later"] = token("read", site=SITE, person="ann")
    assert await refused() == {"of ann", "of ann, for all", "of ann, undated"}
    await service.app.revocations.revoke("ann", "*", time.time())
    assert await refused() == {name for name in texts if "ann" in name}


# -- streams


@asynccontextmanager
async def streaming(
    service: Service, path: str, text: str, **headers: str
) -> AsyncIterator[ClientResponse]:
    given = {"Authorization": f"Bearer {text}", "Accept": "text/event-stream", **headers}
    async with (
        ClientSession() as session,
        session.get(service.url + path, headers=given) as response,
    ):
        assert response.status == 200
        yield response


async def ends(response: ClientResponse) -> None:
    """Wait for the end, which is a whole answer and no connection that broke."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        await response.read()


@pytest.mark.parametrize(
    ("path", "scope"), [(LIVE, "read"), (FEED, "feed"), (f"{FEED}?type=vote.cast", "feed")]
)
async def test_streams_end_when_their_token_is_revoked(
    service: Service, path: str, scope: str
) -> None:
    await service.given(opened(), posted())
    theirs, others = (token(scope, site=SITE, person=person) for person in ("cms", "other"))
    async with (
        streaming(service, path, theirs) as one,
        streaming(service, path, others) as other,
    ):
        await service.app.revocations.revoke("cms", SITE, time.time())
        await ends(one)
        await service.given(voted())
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            assert await other.content.readuntil(b"data: ")
        assert not other.content.at_eof()


@pytest.mark.parametrize(("path", "scope"), first_is_quick([(LIVE, "read"), (FEED, "feed")]))
async def test_streams_end_when_their_token_does(service: Service, path: str, scope: str) -> None:
    await service.given(opened(), posted())
    soon = time.time() + 2
    text = forged(scope=scope, site=SITE, exp=soon)
    async with streaming(service, path, text) as response:
        await ends(response)
        assert time.time() >= soon
    answer = await service.ask("GET", path, token=text)
    assert answer.status == 401


async def test_a_stream_that_is_busy_ends_too(service: Service) -> None:
    await service.given(opened(), posted())
    text = token("feed", site=SITE)
    going = True

    async def vote() -> None:
        while going:
            one = voted(voter=f"v{time.perf_counter_ns()}")
            await service.batch([one], token=token(person="voter"))

    async with streaming(service, FEED, text) as response, asyncio.TaskGroup() as tasks:
        tasks.create_task(vote())
        await response.content.readuntil(b"vote.cast")
        await service.app.revocations.revoke("cms", SITE, time.time())
        await ends(response)
        going = False


async def test_a_long_poll_answers_nothing_once_its_token_is_revoked(service: Service) -> None:
    await service.given(opened())
    text = token("feed", site=SITE, person="reader")
    poll = asyncio.create_task(
        service.ask("GET", FEED, token=text, params={"after": 1, "wait": 20})
    )
    waits = b'rostra_readers{kind="feed"} 1.0'
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while waits not in (await service.ask("GET", "/metrics")).body:
            pass
    await service.app.revocations.revoke("reader", SITE, time.time())
    await service.given(posted())
    answer = await poll
    assert (answer.status, answer.problem) == (401, "unauthorized")


async def test_a_stream_of_lines_ends_when_its_token_is_revoked(service: Service) -> None:
    sent = asyncio.Event()

    async def lines() -> AsyncIterator[bytes]:
        yield json.dumps(opened()).encode() + b"\n"
        await sent.wait()
        yield json.dumps(posted()).encode() + b"\n"

    headers = {
        "Authorization": f"Bearer {token(site=SITE)}",
        "Content-Type": "application/x-ndjson",
    }
    async with (
        ClientSession() as session,
        session.post(service.url + FEED, headers=headers, data=lines()) as response,
    ):
        assert json.loads(await response.content.readline())["status"] == "recorded"
        await service.app.revocations.revoke("cms", SITE, time.time())
        await ends(response)
        sent.set()
    assert await service.app.head() == 1


async def test_nothing_is_left_of_streams_that_ended(service: Service) -> None:
    await service.given(opened())
    async with streaming(service, LIVE, token("read", site=SITE, person="ann")) as response:
        await service.app.revocations.revoke("ann", SITE, time.time())
        await ends(response)
    assert service.application is not None
    assert service.application[tokens.VERIFIER]._watches == set()


# -- other processes


async def test_every_process_knows_within_its_time(database_url: str) -> None:
    assert 2 * LOOK_SECONDS < KNOWN_SECONDS_MAX
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(serving(database_url))
        other = await stack.enter_async_context(serving(database_url))
        await one.given(opened())
        text = token("feed read", site=SITE, person="ann")
        stream = await stack.enter_async_context(streaming(other, FEED, text))
        await one.app.revocations.revoke("ann", SITE, time.time())
        assert (await one.ask("GET", FEED, token=text)).status == 401
        await ends(stream)
        assert (await other.ask("GET", FEED, token=text)).status == 401
        # What is issued from now on is taken, and what starts later knows, too.
        later = token("feed", site=SITE, person="ann")
        started = await stack.enter_async_context(serving(database_url))
        assert (await started.ask("GET", FEED, token=text)).status == 401
        assert (await started.ask("GET", FEED, token=later)).status == 200


@pytest.mark.slow
async def test_revoking_again_moves_the_time_on_and_never_back(database_url: str) -> None:
    now = time.time()
    async with (
        rostra_adapters.open(database_url, master_key=MASTER_KEY, project=False) as one,
        rostra_adapters.open(database_url, master_key=MASTER_KEY, project=False) as other,
    ):
        await one.revocations.revoke("ann", SITE, now)
        await wait_until(lambda: other.revocations.is_revoked("ann", SITE, now))
        await one.revocations.revoke("ann", SITE, now + 10)
        await wait_until(lambda: other.revocations.is_revoked("ann", SITE, now + 10))
        await one.revocations.revoke("ann", SITE, now)
        assert one.revocations.is_revoked("ann", SITE, now + 10)
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, project=False) as again:
        assert again.revocations.is_revoked("ann", SITE, now + 10)


async def test_while_the_database_is_away_the_last_known_hold(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rostra_adapters.postgres.revocations.LOOK_SECONDS", 0.01)
    failed = 0

    class Revocations(PostgresRevocations):
        async def _look(self) -> None:
            nonlocal failed
            try:
                await super()._look()
            except LogUnavailable:
                failed += 1
                raise

    pool = await create_pool(database_url)
    now = time.time()
    async with Revocations(pool) as revocations:
        await revocations.revoke("ann", SITE, now)
        pool.terminate()
        await wait_until(lambda: failed > 2)
        assert revocations.is_revoked("ann", SITE, now)
        with pytest.raises(LogUnavailable):
            await revocations.revoke("bob", SITE, now)


async def test_a_database_of_an_older_version_gets_the_table(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    try:
        await schema.install(connection)
        await connection.execute("drop table public.rostra_revocations")
        await connection.execute("update public.rostra_log set schema_version = 6")
        await schema.install(connection)
        await schema.install(connection)
        assert await connection.fetchval("select count(*) from public.rostra_revocations") == 0
    finally:
        await connection.close()


def test_a_signed_token_is_never_older_than_it_says() -> None:
    for _ in range(1_000):
        before = time.time()
        issued = tokens.read(tokens.sign(SECRET, scope="read", person="a"), [SECRET]).issued
        assert issued is not None
        assert issued >= round(before, 6)
