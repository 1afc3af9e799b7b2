"""Pages that are kept as bytes: never older than was asked for, never what may not be shown."""

import asyncio
import gzip
import json
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from rostra import ids
from rostra.ids import DiscussionId, StreamId
from rostra_adapters.aio.worker_processes import WorkerFailed, WorkerPool
from rostra_adapters.application.queries import renderings
from rostra_adapters.http.middleware import page_cache
from rostra_adapters.postgres import PostgresKeyRing
from rostra_adapters.postgres.keys import erasures
from rostra_adapters.postgres.notify import PING
from rostra_projections.query_port import Page
from support.erasures import no_look
from support.service import Answer, Service, event, opened, posted, serving, voted

TOUCHED = 2_000


async def page(service: Service, discussion: str, **headers: str) -> Answer:
    """As a reader asks who has no position: what is kept will do."""
    return await service.ask("GET", f"/v1/discussions/{discussion}/comments", headers=headers)


async def hits(service: Service) -> float:
    for line in (await service.ask("GET", "/metrics")).body.decode().splitlines():
        if line.startswith("rostra_page_cache_hits_total"):
            return float(line.split()[1])
    raise AssertionError("not told")


async def test_a_page_read_again_is_the_same_and_costs_no_query(durable_service: Service) -> None:
    service = durable_service
    [discussion, *_] = await service.given(opened(), posted(body="long " * 500), voted())
    await service.app.wait(3, 60)
    first = await page(service, discussion)
    before = await hits(service)
    again = await page(service, discussion)
    assert await hits(service) == before + 1
    assert again.body == first.body
    for name in ("ETag", "Vary", "Cache-Control", "Content-Type", "Access-Control-Allow-Origin"):
        assert again.headers[name] == first.headers[name], name
    assert int(again.headers["Rostra-Position"]) >= 3
    assert again.headers["traceparent"] != first.headers["traceparent"]
    [*_, line, _] = await service.lines()
    assert (line["route"], line["status"]) == ("/v1/discussions/{id}/comments", 200)


async def test_held_comments_drop_no_page_until_they_are_approved(
    durable_service: Service,
) -> None:
    service = durable_service
    [discussion, *_] = await service.given(opened(), posted())
    await service.app.wait(2, 60)
    first = await page(service, discussion)
    await service.given(*(posted(f"h{number}", status="held") for number in range(3)))
    await service.app.wait(await service.app.head(), 60)
    before = await hits(service)
    again = await page(service, discussion)
    assert await hits(service) == before + 1
    assert (again.body, int(again.headers["Rostra-Position"])) == (first.body, 5)
    await service.given(event("comment.approved", comment="h1", by="mia"))
    await service.app.wait(await service.app.head(), 60)
    after = await page(service, discussion)
    assert await hits(service) == before + 1
    assert [one["key"] for one in after.json["comments"]] == ["h1", "c1"]
    await service.given(posted("c2", author={"id": "eve", "name": "Eve"}))
    await service.app.wait(await service.app.head(), 60)
    assert (await page(service, discussion)).json["total"] == 3


async def test_a_kept_page_answers_304_and_goes_compressed(durable_service: Service) -> None:
    service = durable_service
    [discussion, *_] = await service.given(opened(), posted(body="long " * 500))
    await service.app.wait(2, 60)
    first = await page(service, discussion, **{"Accept-Encoding": "identity"})
    for _ in range(2):
        same = await page(service, discussion, **{"If-None-Match": first.headers["ETag"]})
        assert (same.status, same.body) == (304, b"")
        assert same.headers["ETag"] == first.headers["ETag"]
        short = await page(service, discussion, **{"Accept-Encoding": "gzip"})
        assert short.headers["Content-Encoding"] == "gzip"
        assert short.body == first.body  # the client unpacks
        assert int(short.headers["Content-Length"]) < len(first.body) / 5


async def test_old_and_closing_clients_are_answered_whole(durable_service: Service) -> None:
    service = durable_service
    [discussion, *_] = await service.given(opened(), posted())
    await service.app.wait(2, 60)
    first = await page(service, discussion)
    host, port = service.url.removeprefix("http://").split(":")
    for asked in ("HTTP/1.0\r\n", "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /v1/discussions/{discussion}/comments {asked}\r\n".encode())
        answer = await reader.read()  # to its end: the connection is closed
        writer.close()
        assert answer.endswith(first.body)
    head = await service.ask("HEAD", f"/v1/discussions/{discussion}/comments")
    assert (head.status, head.body) == (200, b"")


async def test_no_reader_sees_less_than_they_asked_for(database_url: str) -> None:
    """Two services on one log: one publishes, both are read, with a position and without."""
    async with serving(database_url) as here, serving(database_url) as there:
        [discussion, *_] = await here.given(opened(), posted())
        path = f"/v1/discussions/{discussion}/comments"
        for number in range(40):
            [result] = await here.batch([voted(on="c1", voter=f"v{number}")])
            position = result["position"]
            for service in (there, here, there):
                answer = await service.ask("GET", f"{path}?min_position={position}")
                assert answer.json["comments"][0]["up"] == number + 1
                assert int(answer.headers["Rostra-Position"]) >= position
            plain = await there.ask("GET", path)
            assert number <= plain.json["comments"][0]["up"] <= number + 1
            if int(plain.headers["Rostra-Position"]) >= position:
                assert plain.json["comments"][0]["up"] == number + 1
        assert await hits(there) > 0


async def test_what_is_withdrawn_is_shown_to_nobody_who_knows_of_it(database_url: str) -> None:
    async with serving(database_url) as here, serving(database_url) as there:
        [discussion, *_] = await here.given(opened(), posted(body="secret words"))
        path = f"/v1/discussions/{discussion}/comments"
        await there.app.wait(2, 60)
        assert b"secret words" in (await there.ask("GET", path)).body
        [removed] = await here.batch([event("comment.removed", comment="c1")])
        after = await there.ask("GET", f"{path}?min_position={removed['position']}")
        assert b"secret words" not in after.body
        assert b"secret words" not in (await there.ask("GET", path)).body


async def test_an_erased_person_is_in_no_kept_page(database_url: str) -> None:
    async with serving(database_url) as here, serving(database_url) as there:
        [discussion, *_] = await here.given(opened(), posted(body="secret words"))
        path = f"/v1/discussions/{discussion}/comments"
        await there.app.wait(2, 60)
        assert b"secret words" in (await there.ask("GET", path)).body
        erased = event("person.erased", person="ann")
        del erased["data"]["resource"]
        await here.given(erased)
        assert b"secret words" not in (await there.ask("GET", path)).body
        assert b"secret words" not in (await here.ask("GET", path)).body


async def test_a_site_that_becomes_private_is_read_from_no_kept_page(database_url: str) -> None:
    async with serving(database_url) as here, serving(database_url) as there:
        [discussion, *_] = await here.given(opened(), posted())
        path = f"/v1/discussions/{discussion}/comments"
        await there.app.wait(2, 60)
        assert (await there.ask("GET", path)).status == 200
        [result] = await here.batch([event("site.configured", settings={"private": True})])
        for service in (here, there):
            after = await service.ask("GET", f"{path}?min_position={result['position']}")
            assert after.status == 404
            assert (await service.ask("GET", path)).status == 404


async def test_a_lost_connection_empties_what_is_kept(database_url: str) -> None:
    async with serving(database_url) as service:
        [discussion, *_] = await service.given(opened(), posted())
        await service.app.wait(2, 60)
        await page(service, discussion)
        losses = service.app.views.changes.losses
        operator = await asyncpg.connect(database_url)
        try:
            await operator.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and (query like 'LISTEN %' or query = $1)",
                PING,
            )
        finally:
            await operator.close()
        async with asyncio.timeout(60):
            while service.app.views.changes.losses < losses + 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        before = await hits(service)
        assert (await page(service, discussion)).status == 200
        assert await hits(service) == before
        await page(service, discussion)
        assert await hits(service) == before + 1


async def test_a_page_without_its_rendering_is_cached_until_the_next_try(
    durable_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = durable_service
    [discussion, *_] = await service.given(opened(), posted(body="*It* " + "is long. " * 600))
    await service.app.wait(2, 60)
    monkeypatch.setattr(renderings, "RETRY_SECONDS_MIN", 3_600.0)
    with monkeypatch.context() as broken:
        broken.setattr(WorkerPool, "ask", _fail)
        assert "<em>" not in (await page(service, discussion)).json["comments"][0]["html"]
    before = await hits(service)
    assert "<em>" not in (await page(service, discussion)).json["comments"][0]["html"]
    assert await hits(service) == before + 1
    for place, name in ((page_cache, "monotonic"), (service.app.renderings, "_clock")):
        monkeypatch.setattr(place, name, lambda: monotonic() + 3_600)
    assert "<em>" in (await page(service, discussion)).json["comments"][0]["html"]
    assert await hits(service) == before + 1


async def _fail(_pool: WorkerPool, _job: bytes) -> bytes:
    raise WorkerFailed


def test_what_is_compressed_can_be_unpacked() -> None:
    from rostra_adapters.http.middleware.page_cache import CachedPage

    body = json.dumps(list(range(1_000))).encode()
    shown = CachedPage(body, "", None, 0, (), long=True)  # type: ignore[arg-type]
    assert gzip.decompress(shown.in_gzip()) == body
    assert shown.in_gzip() is shown.in_gzip()


async def test_what_happens_elsewhere_leaves_a_list_as_it_is(durable_service: Service) -> None:
    """To the byte, cursors and all, so that whoever has it is answered 304."""
    service = durable_service
    replies = [posted(f"r{n}", parent="c1") for n in range(3)]
    comments = [posted(f"c{n}") for n in range(6)]
    [discussion, *_] = await service.given(opened(), *comments, *replies)
    c1 = ids.comment_id(DiscussionId(StreamId(UUID(discussion))), "c1")
    for path, params in (
        (f"/v1/discussions/{discussion}/comments", {"limit": 5, "replies": 2}),
        (f"/v1/discussions/{discussion}/comments", {"limit": 5, "order": "best", "replies": 0}),
        (f"/v1/comments/{c1}/replies", {"limit": 2}),
    ):
        before = await service.get(path, **params)
        assert before.json["next"]
        elsewhere = f"/{path}{params}"
        await service.given(
            opened(resource=elsewhere), posted(resource=elsewhere), voted(resource=elsewhere)
        )
        after = await service.get(path, **params)
        assert int(after.headers["Rostra-Position"]) == await service.app.head()
        assert (after.body, after.headers["ETag"]) == (before.body, before.headers["ETag"])
        tag = {"If-None-Match": before.headers["ETag"]}
        assert (await service.ask("GET", path, params=params, headers=tag)).status == 304
        await service.given(voted(on="c1", voter=elsewhere))
        changed = await service.get(path, **params)
        assert changed.headers["ETag"] != before.headers["ETag"]


async def test_a_change_that_is_heard_of_during_a_read_is_not_in_its_position(
    durable_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was read before: it is neither said to be of the new position nor kept."""
    service = durable_service
    [discussion, *_] = await service.given(opened(), posted())
    await service.app.wait(2, 60)
    reads, changes = service.app.views.reads, service.app.views.changes
    read_page = reads.page

    async def voted_after(*arguments: Any, **named: Any) -> Page:
        found = await read_page(*arguments, **named)
        [vote] = await service.batch([voted()])
        async with asyncio.timeout(60):
            while changes.last_position < vote["position"]:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        return found

    with monkeypatch.context() as during:
        during.setattr(reads, "page", voted_after)
        before = await page(service, discussion)
    assert before.json["comments"][0]["up"] == 0
    assert before.headers["Rostra-Position"] == "2"
    after = await page(service, discussion)
    assert after.json["comments"][0]["up"] == 1
    assert after.headers["Rostra-Position"] == "3"


async def test_what_is_cached_of_a_discussion_is_not_used_beyond_what_was_heard(
    durable_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The views may be seen to have read a change before this process hears of it."""
    service = durable_service
    [discussion, *_] = await service.given(opened(), posted())
    path = f"/v1/discussions/{discussion}/comments"
    assert (await service.get(path)).status == 200
    monkeypatch.setattr(service.app.views.changes, "receive", lambda _: None)
    await service.given(event("site.configured", settings={"private": True}))
    for read in (path, f"/v1/discussions/{discussion}"):
        assert (await service.get(read)).status == 404


@pytest.mark.slow
async def test_two_thousand_discussions_that_change_at_once_are_dropped_alone(
    database_url: str,
) -> None:
    """In another process than the one that projects, too."""
    async with serving(database_url) as here, serving(database_url) as there:
        names = [f"/{number}" for number in range(TOUCHED)]
        quiet = [f"/quiet/{number}" for number in range(5)]
        discussions = dict(
            zip(
                names + quiet,
                await here.given(*(opened(resource=name) for name in names + quiet)),
                strict=True,
            )
        )
        await here.given(*(posted("c1", resource=name) for name in names + quiet))
        for service in (here, there):
            await service.app.wait(await here.app.head(), 60)
        read = [*quiet, *names[:5], *names[-5:]]
        services = (here, there)
        for service in services:
            for name in read:
                assert (await page(service, discussions[name])).json["comments"][0]["up"] == 0
        losses = [service.app.views.changes.losses for service in services]
        await here.given(*(voted(resource=name) for name in names))
        head = await here.app.head()
        for service in services:
            async with asyncio.timeout(60):
                while service.app.views.changes.last_position < head:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            before = await hits(service)
            for name in quiet:
                kept = await page(service, discussions[name])
                assert int(kept.headers["Rostra-Position"]) == head
            assert await hits(service) == before + len(quiet)
            for name in set(read) - set(quiet):
                assert (await page(service, discussions[name])).json["comments"][0]["up"] == 1
            assert await hits(service) == before + len(quiet)
        assert losses == [service.app.views.changes.losses for service in services]


async def test_a_page_is_found_again_after_the_loop_stood_still(durable_service: Service) -> None:
    service = durable_service
    [discussion, *_] = await service.given(opened(), posted())
    await service.app.wait(2, 60)
    await page(service, discussion)
    before = await hits(service)
    ring = service.app.ring
    assert isinstance(ring, PostgresKeyRing)
    async with no_look(ring._erasures):
        ring._erasures._looked -= 2 * erasures.TRUSTED_SECONDS
        await page(service, discussion)
        assert await hits(service) == before
    async with asyncio.timeout(60):
        while not ring.is_current:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.01)
    await page(service, discussion)
    assert await hits(service) == before + 1
