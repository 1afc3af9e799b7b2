"""A read-only service on a standby that streams from its primary."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from rostra import ids
from rostra_adapters.http.dispatch import READING_PATHS
from support.listening import listening
from support.reader_pair import WRITER, Pair, comments, on
from support.replication import Node
from support.running import Rostra
from support.service import MASTER_KEY, PLACE, SECRET, opened, posted, token, voted
from support.waiting import WAIT_SECONDS_MAX, block_until, wait_until

pytestmark = [pytest.mark.process, pytest.mark.postgres]

_schemas = count(1)


@pytest.fixture
async def both(followed: list[Node]) -> AsyncIterator[Pair]:
    async with on(followed) as made:
        yield made


async def test_what_is_written_is_read_at_once(both: Pair) -> None:
    await both.writer.given(opened(), posted("a"), posted("b"))
    head = await both.writer.app.head()
    answer = await both.reader.ask(
        "GET", "/v1/comments", params=comments(min_position=head, wait=30)
    )
    assert answer.status == 200, answer.body
    assert [one["body"] for one in answer.json["comments"]] == ["Yes.", "Yes."]
    assert int(answer.headers["Rostra-Position"]) >= head


async def test_bytes_and_etags_are_those_of_the_primary(both: Pair) -> None:
    await both.writer.given(opened(), posted("a"), posted("b", parent="a"), voted(on="a"))
    head = await both.replayed()
    for path, params in (
        ("/v1/comments", comments(min_position=head)),
        ("/v1/comments", comments(min_position=head, order="most_voted", flat="true")),
        ("/v1/discussions", comments(min_position=head)),
        ("/v1/counts", {"site": PLACE["site"], "resource": PLACE["resource"]}),
    ):
        mine = await both.writer.ask("GET", path, params=params)
        other = await both.reader.ask("GET", path, params=params)
        assert (mine.status, mine.body, mine.headers["ETag"]) == (
            other.status, other.body, other.headers["ETag"],
        )  # fmt: skip
    feed = [
        await one.ask("GET", "/v1/events", token=token("feed"))
        for one in (both.writer, both.reader)
    ]
    assert (
        feed[0].body == feed[1].body
        and feed[0].headers["Rostra-Log"] == feed[1].headers["Rostra-Log"]
    )


async def test_a_cached_page_changes_with_its_discussion(both: Pair) -> None:
    await both.writer.given(opened(), posted("a"))
    await both.replayed()
    for number in range(1, 6):
        await both.writer.given(voted(on="a", voter=f"p{number}"))
        head = await both.replayed()
        for _ in range(2):
            page = await both.reader.ask("GET", "/v1/comments", params=comments(min_position=head))
            assert page.json["comments"][0]["up"] == number


async def test_every_write_is_refused_and_told_where_to_go(both: Pair) -> None:
    application = both.reader.application
    assert application is not None
    routes = [
        (route.method, route.resource.canonical)
        for route in application.router.routes()
        if route.resource is not None and route.method not in ("GET", "HEAD")
    ]
    assert len(routes) > 15
    head = await both.writer.app.head()
    for method, path in routes:
        answer = await both.reader.ask(
            method,
            path.replace("{id}", "0" * 32),
            token=token("publish comment moderate admin"),
            body=b"{}",
        )
        if path in READING_PATHS:
            assert answer.problem != "read-only", path
        else:
            assert (answer.status, answer.problem) == (503, "read-only"), path
            assert WRITER in answer.json["detail"] and "Retry-After" in answer.headers
    assert await both.writer.app.head() == head


@pytest.mark.slow
async def test_a_position_that_the_standby_lacks_is_waited_for(both: Pair) -> None:
    await both.writer.given(opened(), posted("a"))
    async with both.paused():
        await both.writer.given(posted("b"))
        head = await both.writer.app.head()
        waited = comments(min_position=head, wait=0)
        answer = await both.reader.ask("GET", "/v1/comments", params=waited)
        assert (answer.status, answer.problem) == (503, "view-behind")
        feed = await both.reader.ask("GET", f"/v1/events?after={head}&wait=0", token=token("feed"))
        assert (feed.status, feed.problem) == (503, "view-behind")
        waiting = asyncio.create_task(
            both.reader.ask("GET", "/v1/comments", params=comments(min_position=head, wait=30))
        )
        discussion = ids.discussion_id("gazette", "/trams")
        news = asyncio.create_task(
            both.reader.ask("GET", f"/v1/discussions/{discussion}/news?since={head}")
        )
    assert (await waiting).status == 200
    assert (await news).status == 200


async def test_a_cursor_that_is_ahead_of_the_standby_is_waited_for(both: Pair) -> None:
    await both.writer.given(opened(), *(posted(f"c{number}") for number in range(30)))
    async with both.paused():
        await both.writer.given(*(voted(on=f"c{number}") for number in range(5)))
        head = await both.writer.app.head()
        await both.writer.app.wait(head, 60)
        first = await both.writer.ask(
            "GET", "/v1/comments", params=comments(limit=10, order="most_voted")
        )
        following = asyncio.create_task(
            both.reader.ask(
                "GET",
                "/v1/comments",
                params=comments(limit=10, order="most_voted", cursor=first.json["next"]),
            )
        )
        await asyncio.wait([following], timeout=0.3)
        assert not following.done()
    second = await following
    assert second.status == 200
    keys = [one["key"] for one in first.json["comments"] + second.json["comments"]]
    assert len(keys) == len(set(keys)) == 20


async def test_an_erasure_is_over_when_the_standby_has_it(both: Pair) -> None:
    await both.writer.given(opened(), posted("a"))
    head = await both.replayed()
    page = await both.reader.ask("GET", "/v1/comments", params=comments(min_position=head))
    assert page.json["comments"][0]["body"] == "Yes."
    result = await both.writer.publish(
        {"specversion": "1.0", "id": "erase", "source": "urn:cms", "type": "person.erased",
         "data": {"site": PLACE["site"], "person": "ann"}}
    )  # fmt: skip
    assert result.status == 201, result.body
    page = await both.reader.ask("GET", "/v1/comments", params=comments())
    assert page.status == 200 and page.json["comments"][0]["body"] is None


@pytest.mark.slow
async def test_a_standby_that_does_not_follow_shows_no_words(followed: list[Node]) -> None:
    async with on(followed, stale_seconds=3.0) as both:
        await _check_words_are_hidden(both)


async def _check_words_are_hidden(both: Pair) -> None:
    await both.writer.given(opened(), posted("a"))
    head = await both.replayed()
    assert (await both.reader.ask("GET", "/readyz")).status == 200
    async with both.paused():
        shown = await both.reader.ask("GET", "/v1/comments", params=comments(min_position=head))
        assert shown.status == 200
        erasing = asyncio.create_task(
            both.writer.app.publish(
                [{"specversion": "1.0", "id": "erase", "source": "urn:cms", "type": "person.erased",
                  "data": {"site": PLACE["site"], "person": "ann"}}]
            )
        )  # fmt: skip

        async def is_hidden() -> bool:
            answer = await both.reader.ask("GET", "/v1/comments", params=comments())
            assert answer.status == 503 or not erasing.done(), "words were shown after the erasure"
            return answer.status == 503

        await wait_until(is_hidden)
        (outcome,) = await erasing
        assert outcome.status == "recorded"
        assert (await both.reader.ask("GET", "/v1/comments", params=comments())).status == 503
        assert (await both.reader.ask("GET", "/readyz")).status == 503
        counted = await both.reader.ask(
            "GET", "/v1/counts", params={"site": PLACE["site"], "resource": PLACE["resource"]}
        )
        assert counted.status == 200

    async def is_erased() -> bool:
        answer = await both.reader.ask("GET", "/v1/comments", params=comments())
        return answer.status == 200 and answer.json["comments"][0]["body"] is None

    await wait_until(is_erased)


async def test_live_updates_and_the_feed_go_on(both: Pair) -> None:
    discussion, _ = await both.writer.given(opened(), posted("a"))
    head = await both.replayed()
    path = f"{both.reader.url}/v1/discussions/{discussion}/live"
    feed_path = f"{both.reader.url}/v1/events?after={head}"
    async with (
        listening(path) as live,
        listening(feed_path, token=token("feed")) as feed,
    ):
        await both.writer.given(posted("b"))
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            _, _, event = await feed.next()
            assert event["data"]["comment"] == "b"
            while (await live.next())[1] != "comment":
                pass


def test_the_command_serves_a_standby(followed: list[Node], tmp_path: Path) -> None:
    primary, standby = followed
    secrets = {
        "ROSTRA_SECRET": SECRET,
        "ROSTRA_MASTER_KEY": MASTER_KEY.hex(),
        "ROSTRA_SCHEMA": f"commands_{next(_schemas)}",
    }
    writing = Rostra(tmp_path / "writer", primary.url, **secrets)
    reading = Rostra(
        tmp_path / "reader", primary.url, **secrets,
        ROSTRA_READ_ONLY="true", ROSTRA_READ_DATABASE_URL=standby.url, ROSTRA_WRITER_URL=WRITER,
    )  # fmt: skip
    wrong = Rostra(tmp_path / "wrong", standby.url, **secrets, ROSTRA_READ_ONLY="true")
    (tmp_path / "wrong").mkdir()
    with writing.serving() as writer:
        events = tmp_path / "events.ndjson"
        events.write_text("".join(json.dumps(one) + "\n" for one in (opened(), posted("a"))))
        writing.publish(writer, events)
        block_until(lambda: standby.has_replayed(primary))
        refused = wrong.run("serve", "--port", "0")
        assert (
            refused.code == 2
            and "--read-database-url" in refused.err
            and "Traceback" not in refused.err
        )
        with reading.serving() as reader:
            head = writer.head()
            page = reader.get("/v1/comments", **PLACE, min_position=head, wait=30)
            assert [one["body"] for one in page["comments"]] == ["Yes."]
            assert "rostra_heartbeat_age_seconds" in reader.ask("/metrics").body.decode()
            assert reader.ask("/readyz").status == 200
