"""What operators see: metrics, a line for each request, and its trace."""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rostra import ids
from rostra.log import NewEvents
from rostra_adapters.http import HttpSettings
from rostra_adapters.http.middleware.request_log import continue_trace
from support.listening import listening
from support.service import SECRET, Service, opened, posted, serving, token, voted
from support.stock_logs import stock_recorder, stored
from support.waiting import wait_until

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def samples(service: Service) -> dict[tuple[str, str], float]:
    """By name and the values of its labels."""
    answer = await service.ask("GET", "/metrics")
    assert answer.status == 200
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


async def test_metrics_tell_of_log_views_requests_and_readers(durable_service: Service) -> None:
    service = durable_service
    [discussion, *_] = await service.given(opened(), posted(), voted())
    await service.app.wait(3, 60)
    async with listening(f"{service.url}/v1/discussions/{discussion}/live"):
        found = await samples(service)
    assert found["rostra_log_up", ""] == 1
    assert found["rostra_log_head", ""] == 3
    assert found["rostra_append_events_sum", ""] == 3
    assert found["rostra_append_seconds_count", ""] >= 1
    assert found["rostra_queued_events", ""] == 0
    assert found["rostra_log_holes", ""] == 0
    for view in ("comments", "discussions", "passages"):
        assert found["rostra_view_lag_events", view] == 0
        assert found["rostra_view_lag_seconds", view] == 0
        assert found["rostra_view_parked", view] == 0
    assert found["rostra_readers", "live"] == 1
    assert found["rostra_readers", "feed"] == 0
    assert found["rostra_request_seconds_count", "POST,/v1/events,200"] == 1


async def test_commands_that_wait_are_counted(
    durable_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, log, go = durable_service, durable_service.app.log, asyncio.Event()
    await service.given(opened())
    append = log.append

    async def append_later(events: NewEvents) -> Sequence[int | None]:
        await go.wait()
        return await append(events)

    monkeypatch.setattr(log, "append", append_later)
    slow = asyncio.create_task(service.batch([posted(f"c{number}") for number in range(3_000)]))
    await wait_until(lambda: service.app.queued_commands > 0)
    assert (await samples(service))["rostra_queued_commands", ""] > 0
    go.set()
    await slow
    assert (await samples(service))["rostra_queued_commands", ""] == 0


async def test_events_of_others_are_counted_as_they_are_passed_over(
    durable_service: Service, database_url: str
) -> None:
    service = durable_service
    await service.given(opened())
    ours = ids.discussion_id("gazette", "/trams")
    with stock_recorder(database_url) as recorder:
        recorder.insert_events([stored(uuid4()), stored(uuid4(), topic="comment.posted")])
        recorder.insert_events([stored(ours, 2, topic="discussion.sung")])
    await service.given(posted())
    await service.app.wait(5, 60)
    assert (await samples(service))["rostra_foreign_events_total", ""] == 3
    assert {view.lag for view in (await service.app.status()).views} == {0}


async def test_paths_that_are_none_make_no_series_of_their_own(service: Service) -> None:
    for path in ("/a", "/b", "/v1/nothing"):
        await service.ask("GET", path)
    assert (await samples(service))["rostra_request_seconds_count", "GET,none,404"] == 3


async def test_they_can_be_kept_off_the_public_port() -> None:
    async with serving(settings=HttpSettings(secret=SECRET, metrics=False)) as service:
        assert (await service.ask("GET", "/metrics")).status == 404


async def test_a_request_is_a_line_with_its_trace(service: Service) -> None:
    headers = {"traceparent": PARENT}
    answer = await service.ask("GET", "/v1/events?after=0", token=token(), headers=headers)
    [line] = await service.lines()
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/events", 200)
    assert line["trace_id"] == PARENT.split("-")[1]
    assert answer.headers["traceparent"].split("-")[:3] == ["00", line["trace_id"], line["span_id"]]
    assert line["span_id"] != PARENT.split("-")[2]
    assert line["seconds"] >= 0
    assert line["time"].endswith("Z")


async def test_a_path_that_is_not_utf8_is_a_line_too(service: Service) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /%ff%ed%a0%80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b" 404 " in await reader.readline()
    await reader.read()
    writer.close()
    [line] = await service.lines()
    assert line["status"] == 404


@pytest.mark.parametrize("given", [None, "", "x", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_a_trace_that_cannot_be_read_begins_anew(given: str | None) -> None:
    version, trace, span, flags = continue_trace(given).split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "00")
    assert set(trace) != {"0"}
