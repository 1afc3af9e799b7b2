"""Reads that are costly: discussions as they stood, old cursors, live updates after a while."""

import asyncio
import re
import time
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from rostra import ids
from rostra_adapters.aio import worker_processes
from rostra_adapters.application.live import updates as live
from rostra_adapters.application.queries import as_of as past
from rostra_adapters.application.queries import past_workers
from rostra_adapters.application.queries.past_workers import PastWorkers, Slot
from rostra_adapters.http import HttpSettings
from rostra_adapters.http_limits import Rate
from rostra_adapters.stock.views import MemoryBackend
from support.listening import listening
from support.service import (
    PLACE,
    SECRET,
    Answer,
    Service,
    event,
    opened,
    posted,
    serving,
    token,
    voted,
)

DISCUSSION = ids.discussion_id(PLACE["site"], PLACE["resource"])
HERE = f"/v1/discussions/{DISCUSSION}"
COMMENTS = f"{HERE}/comments"
MODERATOR = token("moderate", site=PLACE["site"], person="mia")
EVENTS = 601
SOMEWHERE = {"X-Forwarded-For": "192.0.2.1"}


def left(answer: Answer) -> int:
    """Requests that the reader has left."""
    return int(answer.headers["RateLimit"].partition(";r=")[2].partition(";")[0])


async def told(service: Service, comments: int = 200) -> int:
    """A discussion of three events a comment, and one more. Return the log's head."""
    await service.given(opened(), *(posted(f"c{n}") for n in range(comments)))
    for voter in ("bob", "cem"):
        await service.given(*(voted(on=f"c{n}", voter=voter) for n in range(comments)))
    return await service.app.head()


@pytest.fixture
async def long_service(service: Service) -> Service:
    """With a discussion that is not folded here."""
    assert await told(service) == EVENTS > past.HERE_EVENTS_MAX
    return service


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of folds that workers begin."""
    names: list[str] = []
    begin = Slot.begin

    async def noted(slot: Slot, name: str, discussion: Any) -> None:
        names.append(name)
        await begin(slot, name, discussion)

    monkeypatch.setattr(Slot, "begin", noted)
    return names


async def test_a_worker_folds_once_what_is_read_again(
    long_service: Service, begun: list[str]
) -> None:
    service, today = long_service, (await long_service.get(COMMENTS)).json
    reads = [f"{COMMENTS}?as_of={EVENTS}", f"{COMMENTS}?as_of={EVENTS}&order=best&limit=100"]
    reads += [f"{HERE}?as_of={EVENTS}", f"{HERE}/passages?as_of={EVENTS}"]
    answers = await asyncio.gather(*(service.get(path) for path in reads))
    assert [answer.status for answer in answers] == [200] * 4
    assert len(begun) == 1
    assert answers[0].json["comments"] == today["comments"]
    assert answers[2].json["comments"] == 200
    following = await service.get(f"{COMMENTS}?cursor={answers[0].json['next']}")
    assert len(following.json["comments"]) == 20
    assert len(begun) == 1
    await service.get(COMMENTS, as_of=EVENTS - 1)
    assert len(begun) == 2


async def test_workers_know_no_secret(
    long_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROSTRA_SECRET", SECRET)
    monkeypatch.setenv("PGPASSWORD", SECRET)
    await long_service.get(COMMENTS, as_of=EVENTS)
    (slot,) = [slot for slot in long_service.app.past.workers._slots if slot.fold_names]
    assert slot._process is not None
    environment = Path(f"/proc/{slot._process.pid}/environ").read_bytes()
    assert b"PATH=" in environment
    assert SECRET.encode() not in environment


async def test_no_more_folds_are_made_at_once_than_there_are_workers(
    long_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = long_service.app.past.workers = PastWorkers(2)
    busy: list[int] = []
    step = Slot.step

    async def noted(slot: Slot, asked: Any) -> bool:
        busy.append(workers.busy)
        return await step(slot, asked)

    monkeypatch.setattr(Slot, "step", noted)
    reads = (long_service.get(COMMENTS, as_of=EVENTS - n) for n in range(6))
    assert {answer.status for answer in await asyncio.gather(*reads)} == {200}
    assert max(busy) == 2


async def test_too_many_who_wait_for_a_worker_are_sent_away(
    long_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_workers, "WAITING_MAX", 2)
    long_service.app.past.workers = PastWorkers(1)
    reads = (long_service.get(COMMENTS, as_of=EVENTS - n) for n in range(6))
    answers = await asyncio.gather(*reads)
    assert {answer.status for answer in answers} == {200, 503}
    for refused in (answer for answer in answers if answer.status == 503):
        assert refused.problem == "busy"
        assert int(refused.headers["Retry-After"]) > 0


async def test_a_worker_that_is_killed_is_replaced(long_service: Service) -> None:
    service = long_service
    assert (await service.get(COMMENTS, as_of=EVENTS)).status == 200
    for slot in service.app.past.workers._slots:
        if slot._process is not None:
            slot._process.kill()
            await slot._process.wait()
    assert (await service.get(COMMENTS, as_of=EVENTS, limit=7)).status == 200


async def test_readers_may_go_back_over_so_many_events_moderators_over_more() -> None:
    settings = HttpSettings(
        secret=SECRET, fold_events_max=550, fold_events_max_moderator=EVENTS, page_cache_bytes_max=1
    )
    async with serving(settings=settings) as service:
        await told(service)
        assert (await service.get(COMMENTS, as_of=550)).status == 200
        for _ in range(2):  # also when a moderator had it folded
            refused = await service.get(COMMENTS, as_of=EVENTS)
            assert (refused.status, refused.problem) == (422, "too-much-to-fold")
            assert (await service.get(COMMENTS, as_of=EVENTS, token=MODERATOR)).status == 200


async def test_a_reader_is_charged_for_what_is_folded() -> None:
    rate = Rate(burst=20, per_second=0.001)
    settings = HttpSettings(secret=SECRET, reader_rate=rate, page_cache_bytes_max=1)
    async with serving(settings=settings) as service:
        await told(service)

        async def read(as_of: int, address: str = "192.0.2.1") -> Answer:
            headers = {"X-Forwarded-For": address}
            return await service.ask("GET", f"{COMMENTS}?as_of={as_of}", headers=headers)

        first = await read(EVENTS)
        assert (first.status, left(first)) == (200, 20 - 1 - EVENTS // 100 - 1)
        assert left(await read(EVENTS)) == 20 - 2 - EVENTS // 100 - 1  # it is kept
        assert (await read(EVENTS - 1)).status == 200
        last = await read(EVENTS - 2)  # what is left is not enough, and is owed
        assert (last.status, left(last)) == (200, 0)
        assert (await read(EVENTS)).status == 429
        assert (await read(EVENTS, "192.0.2.2")).status == 200


async def test_a_guest_is_charged_as_the_reader_of_their_address() -> None:
    settings = HttpSettings(secret=SECRET, reader_rate=Rate(burst=20, per_second=0.001))
    async with serving(settings=settings) as service:
        await told(service)
        headers, path = {"X-Forwarded-For": "192.0.2.1"}, f"{COMMENTS}?as_of={EVENTS}"
        # A guest's token is had for the asking.
        one, other = (token("comment", site="gazette", person=f"guest:{n}") for n in range(2))
        assert (await service.ask("GET", path, headers=headers, token=one)).status == 200
        answer = await service.ask("GET", path, headers=headers, token=other)
        assert (answer.status, left(answer)) == (200, 20 - 2 - EVENTS // 100 - 1)


async def test_a_reader_is_charged_for_finding_the_position_of_a_time() -> None:
    settings = HttpSettings(secret=SECRET, reader_rate=Rate(burst=50, per_second=0.001))
    async with serving(settings=settings) as service:
        await service.given(opened())
        headers = {"X-Forwarded-For": "192.0.2.1"}
        rows = await service.app.log.read_after(0, 1)
        at = str(rows[0].metadata).partition('"at"')[2].split('"')[1]
        answer = await service.ask("GET", f"{COMMENTS}?as_of={at}", headers=headers)
        assert answer.status == 200
        charged = 1 + past.EVENTS_OF_A_TIME // settings.fold_events_a_request
        assert 50 - charged - 1 <= left(answer) <= 50 - charged


async def test_many_folds_asked_for_at_once_are_charged_before_the_next_begins() -> None:
    rate = Rate(burst=20, per_second=0.001)
    settings = HttpSettings(secret=SECRET, reader_rate=rate)
    async with serving(settings=settings) as service:
        await told(service)
        service.app.past.workers = PastWorkers(1)
        headers = {"X-Forwarded-For": "192.0.2.1"}
        paths = [f"{COMMENTS}?as_of={EVENTS - number}" for number in range(10)]
        reads = (service.ask("GET", path, headers=headers) for path in paths)
        statuses = [answer.status for answer in await asyncio.gather(*reads)]
        assert set(statuses) == {200, 429}
        assert statuses.count(200) <= 3


async def test_old_cursors_are_answered_the_same_way(begun: list[str]) -> None:
    settings = HttpSettings(secret=SECRET, fold_events_max=700)
    async with serving(settings=settings) as service:
        await told(service)
        backend = service.app.views
        assert isinstance(backend, MemoryBackend)
        first = (await service.get(COMMENTS)).json
        html = (await service.get(f"{HERE}/page")).body.decode()
        [more] = re.findall(r'rel="next" href="([^"]*)"', html)
        await service.given(*(voted(on=f"c{n}", voter="dora") for n in range(3)))
        backend._views.forget_moves()
        read_on = f"{COMMENTS}?cursor={first['next']}"
        assert (await service.get(read_on)).status == 200
        assert len(begun) == 1
        await service.given(*(voted(on=f"c{n}", voter="eve") for n in range(150)))
        backend._views.forget_moves()
        refused = await service.get(read_on)
        assert (refused.status, refused.problem) == (410, "cursor-too-old")
        page = await service.get(unescape(more))
        assert (page.status, page.problem) == (410, "cursor-too-old")


async def test_what_moderators_did_by_then_needs_no_fold(
    long_service: Service, begun: list[str]
) -> None:
    path = f"{HERE}/moderation-log"
    assert (await long_service.get(path, as_of=EVENTS)).status == 200
    assert (await long_service.get(path, as_of=0)).status == 404
    assert not begun


@pytest.mark.slow
async def test_a_fold_costs_the_loop_little(
    durable_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = durable_service
    head = await told(service, 2_000)

    async def seconds(as_of: int) -> float:
        """Of this process, in which others are served."""
        began = time.process_time()
        assert (await service.get(COMMENTS, as_of=as_of)).status == 200
        return time.process_time() - began

    await seconds(head)  # starts the worker
    elsewhere = min([await seconds(head - n) for n in range(1, 4)])
    monkeypatch.setattr(past, "HERE_EVENTS_MAX", head)
    here = min([await seconds(head - n) for n in range(4, 7)])
    assert elsewhere < here / 2, f"{elsewhere:.4f} s, and {here:.4f} s here"


async def test_live_goes_back_over_few_comments_only(
    long_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, url = long_service, f"{long_service.url}{HERE}/live"
    for path in (f"{HERE}/live?after=1", f"{HERE}/live?after={EVENTS - 200}"):
        monkeypatch.setattr(live, "COMMENTS_BACK_MAX", 199)
        refused = await service.ask("GET", path)
        assert (refused.status, refused.problem) == (410, "cursor-too-old")
        monkeypatch.setattr(live, "COMMENTS_BACK_MAX", 200)
        async with listening(url, params=path.partition("?")[2]) as listener:
            await listener.next()
    erased = {**event("person.erased"), "data": {"site": PLACE["site"], "person": "ann"}}
    (outcome,) = await service.app.publish([erased])
    assert outcome.status == "recorded"
    monkeypatch.setattr(live, "COMMENTS_BACK_MAX", 199)
    refused = await service.ask("GET", f"{HERE}/live?after={EVENTS}")
    assert (refused.status, refused.problem) == (410, "cursor-too-old")


@pytest.mark.parametrize(("bound", "most"), [("EVENTS_KEPT_MAX", 5), ("BYTES_KEPT_MAX", 400)])
async def test_events_that_are_kept_for_readers_who_were_away_have_bounds(
    long_service: Service, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    """Each of the last events is a vote, of about 70 bytes."""
    monkeypatch.setattr(live, bound, most)
    url = f"{long_service.url}{HERE}/live"
    async with listening(url, last_event_id=EVENTS - 4) as listener:
        await listener.next()
        refused = await long_service.ask("GET", f"{HERE}/live?after={EVENTS - 8}")
        assert (refused.status, refused.problem) == (410, "cursor-too-old")
        async with listening(url, last_event_id=EVENTS - 4) as other:
            await other.next()
    async with listening(url, last_event_id=EVENTS - 4) as listener:
        await listener.next()


async def test_a_live_reader_is_charged_for_what_is_read_again() -> None:
    settings = HttpSettings(secret=SECRET, reader_rate=Rate(burst=50, per_second=0.001))
    async with serving(settings=settings) as service:
        await told(service)
        headers = {"X-Forwarded-For": "192.0.2.1"}
        path = f"{service.url}{HERE}/live?after=1"
        async with service._session.get(path, headers=headers) as answer:
            assert answer.status == 200
            assert ";r=9;" in answer.headers["RateLimit"]  # 1, and 200 comments


@pytest.mark.parametrize(
    ("cores", "sharing", "workers"), [(1, 1, 1), (2, 1, 1), (3, 1, 2), (64, 1, 4), (64, 3, 1)]
)
def test_workers_leave_a_processor_to_the_service(
    monkeypatch: pytest.MonkeyPatch, cores: int, sharing: int, workers: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setattr(worker_processes, "_sharing", sharing)
    assert worker_processes.processes_at_once() == workers


PUBLIC_LISTS = ("discussions", "moderation-log")


@pytest.mark.parametrize("listed", PUBLIC_LISTS)
async def test_what_a_reader_may_not_see_is_charged_where_it_is_passed_over(listed: str) -> None:
    """A list is filled with what the reader may see: that may be the last of thousands."""
    limits = HttpSettings(secret=SECRET, reader_rate=Rate(10, 0.001), site_discussions_a_request=2)
    async with serving(settings=limits) as service:
        for number in range(40):
            place = {"resource": f"/{number}"}
            private = opened(settings={"private": True}, **place)
            removed = event("comment.removed", comment="c", **place)
            await service.given(private, posted("c", **place), removed)
        path = f"/v1/sites/gazette/{listed}?limit=1"
        answers = [await service.ask("GET", path, headers=SOMEWHERE) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 429]


@pytest.mark.parametrize("listed", PUBLIC_LISTS)
async def test_a_list_of_a_closed_site_is_charged_like_that_of_an_unknown_one(listed: str) -> None:
    limits = HttpSettings(secret=SECRET, reader_rate=Rate(10, 0.001), site_discussions_a_request=2)
    async with serving(settings=limits) as service:
        await service.given(event("site.configured", settings={"private": True}))
        for number in range(20):
            place = {"resource": f"/{number}"}
            removed = event("comment.removed", comment="c", **place)
            await service.given(opened(**place), posted("c", **place), removed)
        answers = [
            await service.ask("GET", f"/v1/sites/{site}/{listed}?limit=1", headers=SOMEWHERE)
            for site in ("gazette", "nowhere")
        ]
        assert answers[0].json == answers[1].json
        assert [left(answer) for answer in answers] == [9, 8]


@pytest.mark.parametrize("listed", PUBLIC_LISTS)
async def test_a_page_that_one_read_fills_is_charged_as_one_request(listed: str) -> None:
    limits = HttpSettings(secret=SECRET, reader_rate=Rate(10, 0.001), site_discussions_a_request=2)
    async with serving(settings=limits) as service:
        for number in range(4):
            place = {"resource": f"/{number}"}
            removed = event("comment.removed", comment="c", **place)
            await service.given(opened(**place), posted("c", **place), removed)
        path = f"/v1/sites/gazette/{listed}?limit=1"
        answer = await service.ask("GET", path, headers=SOMEWHERE)
        assert answer.json["next"] is not None
        assert left(answer) == 9
