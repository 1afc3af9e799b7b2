"""What holds for every answer: problems, health, CORS, compression, limits."""

import gzip
import json
from typing import Any
from uuid import UUID

import msgspec
import pytest

from rostra.log import LogBusy, LogUnavailable
from rostra_adapters.application.app import Status
from rostra_adapters.http.problems import KINDS
from rostra_adapters.http.routes import events
from support.service import STRUCTURED, Service, event, opened, posted, token
from support.waiting import wait_until


async def test_a_method_that_is_not_there_is_told_which_are(service: Service) -> None:
    answer = await service.ask("DELETE", "/v1/events")
    assert (answer.status, answer.problem) == (405, "method-not-allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


async def test_every_problem_has_its_page(service: Service) -> None:
    for name, kind in KINDS.items():
        page = await service.ask("GET", f"/problems/{name}")
        assert (page.status, page.media_type) == (200, "text/html")
        assert str(kind.status) in page.body.decode()
    listed = (await service.ask("GET", "/problems")).body.decode()
    assert all(f'problems/{name}"' in listed for name in KINDS)
    assert (await service.ask("GET", "/problems/none")).problem == "not-found"


@pytest.mark.parametrize(
    ("error", "name"),
    [(LogBusy(3.0), "busy"), (LogUnavailable("10.0.0.1 is away"), "database-unavailable")],
)
async def test_what_cannot_be_now_says_when_to_come_back(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception, name: str
) -> None:
    async def submit(_: Any) -> Any:
        raise error

    monkeypatch.setattr(service.app, "submit", submit)
    answer = await service.publish(opened())
    assert (answer.status, answer.problem) == (503, name)
    assert int(answer.headers["Retry-After"]) >= 1
    assert b"10.0.0.1" not in answer.body


async def test_what_breaks_inside_stays_inside(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def submit(_: Any) -> Any:
        raise RuntimeError("select * from stored_events")

    monkeypatch.setattr(service.app, "submit", submit)
    answer = await service.publish(opened())
    assert (answer.status, answer.problem) == (500, "internal-error")
    assert b"select" not in answer.body
    assert "select * from stored_events" in caplog.text


async def test_a_service_that_lives_is_healthy_and_ready(durable_service: Service) -> None:
    assert (await durable_service.ask("GET", "/healthz")).status == 200

    async def is_ready() -> bool:
        return (await durable_service.ask("GET", "/readyz")).status == 200

    await wait_until(is_ready)  # no process may project yet


async def test_a_service_without_its_database_is_not_ready(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def status() -> Status:
        raise LogUnavailable("10.0.0.1 is away")

    monkeypatch.setattr(service.app, "status", status)
    assert (await service.ask("GET", "/healthz")).status == 200
    answer = await service.ask("GET", "/readyz")
    assert (answer.status, answer.problem) == (503, "not-ready")


async def test_a_service_whose_views_are_far_behind_is_not_ready(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing = await service.app.status()
    behind = msgspec.structs.replace(standing.views[0], lag=1_000_000)

    async def status() -> Status:
        return msgspec.structs.replace(standing, views=[*standing.views, behind])

    monkeypatch.setattr(service.app, "status", status)
    answer = await service.ask("GET", "/readyz")
    assert (answer.status, answer.problem) == (503, "not-ready")


async def test_any_origin_may_ask_by_default(service: Service) -> None:
    [discussion] = await service.given(opened())
    answer = await service.ask(
        "GET", f"/v1/discussions/{discussion}", headers={"Origin": "https://a.example"}
    )
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Rostra-Position", "ETag", "Location", "Retry-After"} <= set(exposed)


async def test_a_site_names_the_origins_that_may_ask(service: Service) -> None:
    ours, others = "https://gazette.example", "https://others.example"
    [_, discussion] = await service.given(
        event("site.configured", settings={"origins": [ours]}), opened()
    )
    path = f"/v1/discussions/{discussion}"
    await service.app.wait(2, 60)
    allowed = await service.ask("GET", path, headers={"Origin": ours})
    refused = await service.ask("GET", path, headers={"Origin": others})
    assert allowed.headers["Access-Control-Allow-Origin"] == ours
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert "Origin" in refused.headers["Vary"]


async def test_a_browser_may_ask_beforehand(service: Service) -> None:
    headers = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    answer = await service.ask("OPTIONS", "/v1/events", headers=headers)
    assert answer.status == 204
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"]


async def test_long_answers_are_compressed_when_that_is_asked_for(service: Service) -> None:
    [discussion, *_] = await service.given(opened(), *(posted(f"c{n}") for n in range(20)))
    path = f"/v1/discussions/{discussion}/comments?min_position=21"
    plain = await service.ask("GET", path, headers={"Accept-Encoding": "identity"})
    packed = await service.ask("GET", path, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.json == plain.json
    assert "Accept-Encoding" in packed.headers["Vary"]


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/problems", "/embed/rostra.js"])
async def test_what_shows_no_view_is_compressed_likewise(service: Service, path: str) -> None:
    plain = await service.ask("GET", path, headers={"Accept-Encoding": "identity"})
    packed = await service.ask("GET", path, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.body == plain.body
    assert packed.headers["ETag"] == plain.headers["ETag"]
    assert "Accept-Encoding" in packed.headers["Vary"]


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", "gzip"),
        ("deflate, GZIP ; q=0.001", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip;q=0, identity", None),
        ("br, gzip; q=0.000", None),
        ("deflate, notgzip", None),
    ],
)
async def test_the_quality_that_a_client_gives_gzip_decides(
    service: Service, accepted: str, encoding: str | None
) -> None:
    [discussion, *_] = await service.given(opened(), *(posted(f"c{n}") for n in range(20)))
    await service.catch_up()
    for path in (f"/v1/discussions/{discussion}/comments", "/embed/rostra.js", "/v1/events"):
        headers = {"Accept-Encoding": accepted}
        bearer = token("feed") if path == "/v1/events" else None
        for _ in range(2):  # the second may come from a cache
            answer = await service.ask("GET", path, headers=headers, token=bearer)
            assert (answer.status, answer.headers.get("Content-Encoding")) == (200, encoding), path


async def test_a_request_may_come_compressed_and_its_limit_counts_it_unpacked(
    service: Service,
) -> None:
    async def post(body: bytes) -> Any:
        headers = {"Content-Type": STRUCTURED, "Content-Encoding": "gzip"}
        return await service.ask("POST", "/v1/events", token=token(), headers=headers, body=body)

    assert (await post(gzip.compress(json.dumps(opened()).encode()))).status == 201
    bomb = gzip.compress(b" " * (64 * 1024 * 1024))
    assert (await post(bomb)).problem == "too-large"
    assert (await post(b"no gzip at all")).status == 400
    assert await service.app.head() == 1


async def test_long_resources_fit_into_a_url(service: Service) -> None:
    resource = "é" * 2_000
    [discussion] = await service.given(opened(resource=resource))
    answer = await service.get("/v1/discussions", site="gazette", resource=resource)
    assert UUID(answer.json["id"]) == UUID(discussion)


async def test_where_no_more_may_wait_who_publishes_is_told_when_to_come_back(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []

    def admit() -> None:
        asked.append(None)
        raise LogBusy(7.2)

    monkeypatch.setattr(events, "REFUSED_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(service.app, "admit", admit)
    answer = await service.publish(opened())
    assert (answer.status, answer.problem) == (503, "busy")
    assert answer.headers["Retry-After"] == "7"
    assert len(asked) == 2
    assert await service.app.head() == 0


async def test_where_there_is_room_again_a_moment_later_nobody_is_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [LogBusy(1.0)]

    def admit() -> None:
        if refusals:
            raise refusals.pop()

    monkeypatch.setattr(events, "REFUSED_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(service.app, "admit", admit)
    assert (await service.publish(opened())).status == 201
