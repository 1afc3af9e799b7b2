"""`/status` and `rostra status`: the log and each view, for operators."""

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from rostra_adapters.errors import FoldingFailed
from rostra_adapters.http import HttpSettings
from rostra_adapters.http.routes.status import StatusPage
from rostra_adapters.postgres.rebuild import rebuilding
from rostra_projections.views import VIEWS
from support.running import Rostra
from support.service import MASTER_KEY, SECRET, Service, opened, posted, serving, token, voted
from support.waiting import wait_until

FOREIGN = """
insert into public.stored_events (originator_id, originator_version, topic, state)
values ($1, 1, $2, '{}')"""


@pytest.fixture
async def operator(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_status_shows_each_view_to_an_admin_alone(durable_service: Service) -> None:
    service = durable_service
    await service.given(opened(), posted(), voted())
    await service.app.wait(3, 60)
    assert (await service.ask("GET", "/status")).status == 401
    assert (await service.ask("GET", "/status", token=token("publish read"))).status == 403
    await service.app.rebuild(["comments"])
    answer = await service.ask("GET", "/status", token=token("admin"))
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    found = answer.json
    assert (found["head"], found["log_id"]) == (3, str(await service.app.log.log_id()))
    views = {view["name"]: view for view in found["views"]}
    assert views.keys() == VIEWS.keys()
    for view in views.values():
        assert (view["position"], view["lag"], view["lag_seconds"]) == (3, 0, 0)
        assert view["projector"]["host"] == socket.gethostname()
        assert (view["last_rebuild"] is None) == (view["name"] != "comments")
    rebuilt = views["comments"]["last_rebuild"]
    assert (rebuilt["events"], rebuilt["result"]) == (3, "equal")


async def test_the_page_for_browsers_escapes_and_names_parked_discussions(
    durable_service: Service, operator: asyncpg.Connection
) -> None:
    service = durable_service
    await service.given(opened(), posted())
    await service.app.wait(2, 60)
    park = "insert into rostra_parked select name, version, $1, 2, $2 from rostra_views limit 1"
    await operator.execute(park, uuid4(), "<script>alert(1)</script>")
    answer = await service.ask(
        "GET", "/status", token=token("admin"), headers={"Accept": "text/html,*/*;q=0.8"}
    )
    page = answer.body.decode()
    assert answer.media_type == "text/html"
    assert "position 2: &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert (
        "<script" not in page and "default-src 'none'" in answer.headers["Content-Security-Policy"]
    )


@pytest.mark.parametrize("metadata", ["{}", '{"at": 7}', '{"at": "noon"}', "[]"])
async def test_an_event_of_another_program_has_no_age(
    durable_service: Service, operator: asyncpg.Connection, metadata: str
) -> None:
    app = durable_service.app
    await operator.execute(
        "insert into stored_events (originator_id, originator_version, topic, state, metadata)"
        " values ($1, 1, 'shop:Order.Placed', '{}', $2)",
        uuid4(),
        metadata,
    )
    assert await app._age_after(0) == 0


async def test_a_rebuild_that_fails_is_shown(
    durable_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise FoldingFailed("no memory")

    service = durable_service
    await service.given(opened())
    monkeypatch.setattr(rebuilding, "fold_log", fails)
    with pytest.raises(FoldingFailed):
        await service.app.rebuild(["inbox"])
    status = await service.app.status()
    shown = {view.name: view.last_rebuild for view in status.views if view.last_rebuild}
    assert {name: it.result for name, it in shown.items()} == {"inbox": "failed: no memory"}


async def test_a_port_of_its_own_asks_for_no_token() -> None:
    """And the public port then has no status."""
    settings = HttpSettings(secret=SECRET, metrics=False)
    async with serving(settings=settings) as service:
        assert (await service.ask("GET", "/status", token=token("admin"))).status == 404
        inside = web.Application()
        inside.add_routes([web.get("/status", StatusPage(service.app).get_inside)])
        async with TestServer(inside) as server, ClientSession(server.make_url("")) as session:
            found = await (await session.get("/status")).json()
        assert {view["name"] for view in found["views"]} == VIEWS.keys()


@pytest.mark.process
async def test_the_command_shows_rebuilds_and_foreign_events(
    durable_service: Service, operator: asyncpg.Connection, database_url: str, tmp_path: Path
) -> None:
    service = durable_service
    await service.given(opened(), posted())
    for topic in ("shop:Order.Placed", "shop:Order.Placed", "shop:Order.Sent"):
        await operator.execute(FOREIGN, uuid4(), topic)
    await service.app.wait(5, 60)
    await service.app.rebuild(["persons"])
    (tmp_path / "data").mkdir(mode=0o700)
    rostra = Rostra(tmp_path / "data", database_url, ROSTRA_MASTER_KEY=MASTER_KEY.hex())
    said = rostra.must("status")
    assert "foreign   2 events shop:Order.Placed, the last at position 4" in said
    assert "foreign   1 events shop:Order.Sent, the last at position 5" in said
    [line] = [it for it in said.splitlines() if " rebuilt " in it]
    assert line.endswith("5 events: equal")
    told = json.loads(rostra.must("status", "--json"))
    assert [it["events"] for it in told["foreign"]] == [2, 1]
    assert msgspec.to_builtins((await service.app.status(foreign=True)).foreign) == told["foreign"]


async def test_lag_is_told_in_seconds(
    durable_service: Service, operator: asyncpg.Connection
) -> None:
    service = durable_service
    await service.given(opened())
    await service.app.wait(1, 60)
    async with operator.transaction():
        await operator.execute("select * from rostra_views for update")
        await service.given(posted())
        status = await service.app.status()
        assert {view.lag for view in status.views} == {1}

        async def is_late() -> bool:
            views = (await service.app.status()).views
            return all(view.lag_seconds > 0 for view in views)

        await wait_until(is_late)
