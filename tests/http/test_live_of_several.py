"""One stream of several discussions, for all of a browser's pages."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from rostra_adapters.application.live.changes import LiveEvent
from rostra_adapters.application.live.updates import Channel, Channels, TooOld
from rostra_adapters.http import HttpSettings
from support.listening import Listener, listening
from support.service import SECRET, Service, event, opened, posted, serving, token, voted

SITE = "gazette"


def live_url(service: Service, *discussions: str, site: str = SITE) -> str:
    named = "".join(f"&discussion={one}" for one in discussions)
    return f"{service.url}/v1/live?site={site}&min_position=1{named}"


async def told(listener: Listener, count: int = 1) -> list[Any]:
    async with asyncio.timeout(60):
        return [await listener.next() for _ in range(count)]


async def test_changes_of_all_named_are_told_and_of_no_other(durable_service: Service) -> None:
    service = durable_service
    first, second, _ = await service.given(
        opened(), opened(resource="/buses"), opened(resource="/other")
    )
    async with listening(live_url(service, first, second, first)) as listener:
        await service.given(
            posted("x", resource="/other"),
            posted("a"),
            posted("b", resource="/buses"),
            voted(on="a"),
        )
        events = await told(listener, 2)
        while {data["key"] for _, name, data in events if name == "comment"} != {"a", "b"}:
            events += await told(listener)
        positions = [position for position, _, _ in events]
        assert positions == sorted(positions)


async def test_a_single_position_resumes_all_of_them(durable_service: Service) -> None:
    service = durable_service
    discussions = await service.given(*(opened(resource=f"/{n}") for n in range(20)))
    where = live_url(service, *discussions)
    await service.given(*(posted(f"c{n}", resource=f"/{n}") for n in range(20)))
    seen: dict[str, int] = {}
    position = 20
    while len(seen) < 20:  # cut after each event, and resumed
        async with listening(where, last_event_id=position) as listener:
            [(position, _, data)] = await told(listener)
            seen[data["key"]] = position
    assert seen == {f"c{n}": 21 + n for n in range(20)}


async def test_what_the_reader_may_not_read_is_left_out(service: Service) -> None:
    public, private = await service.given(
        opened(), opened(resource="/secret", settings={"private": True})
    )
    elsewhere = event("discussion.opened", site="other", resource="/x")
    [other] = await service.given(elsewhere)
    unknown = str(UUID(int=UUID(public).int ^ (1 << 100)))
    where = live_url(service, private, other, unknown, public)
    async with listening(where) as listener, listening(where, token=token("read")) as insider:
        await service.given(posted("hidden", resource="/secret"), posted("seen"))
        assert [data["key"] for _, _, data in await told(listener)] == ["seen"]
        assert {data["key"] for _, _, data in await told(insider, 2)} == {"hidden", "seen"}
    for hidden in (private, other, unknown, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"):
        answer = await service.ask("GET", live_url(service, hidden).removeprefix(service.url))
        assert (answer.status, answer.problem) == (404, "not-found")


@pytest.mark.parametrize(
    "query",
    [
        "site=gazette",
        "discussion={0}",
        "site=gazette&discussion=x",
        "site=gazette&discussion={0}&page=1",
        "site=gazette" + "&discussion={0}".join(str(n) for n in range(3)),
    ],
)
async def test_what_does_not_parse_is_refused(service: Service, query: str) -> None:
    [discussion] = await service.given(opened())
    answer = await service.ask("GET", f"/v1/live?{query.format(discussion)}")
    assert (answer.status, answer.problem) == (400, "bad-query")


async def test_more_than_twenty_are_refused(service: Service) -> None:
    discussions = await service.given(*(opened(resource=f"/{n}") for n in range(21)))
    path = live_url(service, *discussions).removeprefix(service.url)
    assert (await service.ask("GET", path)).problem == "bad-query"
    async with listening(live_url(service, *discussions[:20])) as listener:
        await service.given(posted("c", resource="/7"))
        assert [data["key"] for _, _, data in await told(listener)] == ["c"]


async def test_the_stream_ends_where_one_of_them_becomes_private(service: Service) -> None:
    first, second = await service.given(opened(), opened(resource="/buses"))
    async with listening(live_url(service, first, second)) as listener:
        await service.given(opened(resource="/buses", settings={"private": True}))
        with pytest.raises(EOFError):
            await told(listener)
        async with listening(live_url(service, first, second), last_event_id=2) as again:
            await service.given(posted("b", resource="/buses"), posted("a"))
            assert [data["key"] for _, _, data in await told(again)] == ["a"]


async def test_it_counts_as_one_stream_of_an_address() -> None:
    settings = HttpSettings(secret=SECRET, live_streams_per_address_max=1, proxies=("10.0.0.1",))
    async with serving(settings=settings) as service:
        discussions = await service.given(opened(), opened(resource="/buses"))
        async with listening(live_url(service, *discussions)):
            path = live_url(service, *discussions).removeprefix(service.url)
            answer = await service.ask("GET", path)
            assert (answer.status, answer.problem) == (429, "too-many-streams")


# -- channels that tell at different times


def told_at(position: int) -> LiveEvent:
    return LiveEvent(position, "vote", b"{}")


async def test_what_one_channel_tells_late_is_waited_for() -> None:
    quick, slow = (Channel(UUID(int=n), SITE, 10) for n in (1, 2))
    with Channels([quick, slow]) as both:
        waiting = asyncio.create_task(both.wait_for_more(10, 60))
        quick.add(15, [told_at(12), told_at(15)])
        await asyncio.sleep(0)
        assert both.after(10) == []
        assert not waiting.done()
        slow.add(14, [told_at(13)])
        async with asyncio.timeout(50):  # less than it is asked to wait
            await waiting
        assert [one.position for one in both.after(10)] == [12, 13]
        assert both.upto == 14
        slow.add(20, [])
        assert [one.position for one in both.after(14)] == [15]
    assert not quick.watchers


async def test_a_channel_that_tells_nothing_holds_up_no_other() -> None:
    busy, still = (Channel(UUID(int=n), SITE, 10) for n in (1, 2))
    with Channels([busy, still]) as both:
        waiting = asyncio.create_task(both.wait_for_more(10, 60))
        busy.add(12, [told_at(12)])
        still.add(12, [])  # what changed there is not shown
        async with asyncio.timeout(50):  # less than it is asked to wait
            await waiting
        assert [one.position for one in both.after(10)] == [12]


async def test_a_channel_that_forgets_words_still_serves_those_who_have_its_last_event() -> None:
    channel = Channel(UUID(int=1), SITE, 10)
    channel.forget()
    assert channel.after(10) is None
    channel.add(12, [told_at(12)])
    channel.add(15, [])
    channel.forget()
    assert [channel.after(position) for position in (12, 13, 15)] == [None] * 3
    with pytest.raises(TooOld):
        channel.after(11)
