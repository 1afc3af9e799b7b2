"""The official CloudEvents SDKs publish in each mode that they have, and read what we send."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import (
    HTTPMessage,
    from_structured_event,
    to_binary_event,
    to_structured_event,
)
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from support.javascript import require_packages, run_node
from support.service import PLACE, Answer, Service, opened, token

JAVASCRIPT = Path(__file__).with_name("javascript_sdk")
WHEN = datetime(2026, 10, 1, 12, tzinfo=UTC)


def said(name: str) -> CloudEvent:
    author = {"id": "zoe", "name": "Zoë"}
    data: dict[str, Any] = {**PLACE, "comment": name, "author": author, "body": "Ça va? 你好"}
    attributes = {
        "specversion": "1.0",
        "id": name,
        "source": "urn:sdk",
        "type": "comment.posted",
        "time": WHEN,
        "datacontenttype": "application/json",
    }
    return CloudEvent(attributes, data)


async def send(service: Service, message: HTTPMessage) -> Answer:
    headers = dict(message.headers)
    return await service.ask(
        "POST", "/v1/events", token=token(), headers=headers, body=message.body
    )


@pytest.mark.parametrize("mode", [to_structured_event, to_binary_event])
async def test_it_publishes_and_reads_back(service: Service, mode: Any) -> None:
    await service.given(opened())
    sent = said("c1")
    first = await send(service, mode(sent))
    assert (first.status, first.json["status"]) == (201, "recorded")
    assert (await send(service, mode(sent))).json["status"] == "duplicate"

    feed = await service.ask("GET", "/v1/events?type=comment.posted", token=token())
    [one] = feed.json
    kept = JSONFormat().read(None, as_bytes(one))
    assert kept.get_id() == sent.get_id()
    assert kept.get_source() == sent.get_source()
    assert kept.get_type() == sent.get_type()
    assert kept.get_time() == WHEN
    data = kept.get_data()
    assert isinstance(data, dict)
    assert data["body"] == "Ça va? 你好"
    assert data["author"] == {"id": "zoe", "name": "Zoë"}
    assert kept.get_extension("sequence") == "00000000000000000002"


async def test_what_it_reads_of_the_feed_can_be_published_by_it(service: Service) -> None:
    await service.given(opened())
    await send(service, to_structured_event(said("c1")))
    feed = await service.ask("GET", "/v1/events", token=token())
    for one in feed.json:
        headers = {"content-type": "application/cloudevents+json"}
        read = from_structured_event(HTTPMessage(headers, as_bytes(one)))
        assert (await send(service, to_structured_event(read))).json["status"] == "duplicate"


async def test_that_of_javascript_publishes_in_each_mode_and_reads_back(
    service: Service,
) -> None:
    await asyncio.to_thread(require_packages, JAVASCRIPT)
    await service.given(opened())
    asked = {"url": service.url, "publish": token("publish"), "feed": token("feed")}
    done = await asyncio.to_thread(run_node, JAVASCRIPT / "publish.mjs", stdin=as_bytes(asked))
    assert done.returncode == 0, done.stderr.decode()
    answered = json.loads(done.stdout)
    assert [it["status"] for it in answered["results"]] == ["recorded"] * 4
    assert [it["id"] for it in answered["events"]] == ["binary", "structured", "one", "two"]
    for event in answered["events"]:
        assert (event["source"], event["type"]) == ("urn:sdk", "comment.posted")
        assert event["data"]["body"] == "Ça va? 你好"
        assert event["data"]["author"] == {"id": "zoe", "name": "Zoë"}
    assert [it["status"] for it in answered["again"]] == ["duplicate"] * 4


def as_bytes(one: Any) -> bytes:
    return json.dumps(one).encode()
