"""Another log takes the place of this one (a restore, a failover): nobody takes the one for
the other.
"""

import asyncio

import asyncpg
import pytest
from aiohttp import ClientError

from rostra_adapters.http import HttpSettings
from support.listening import Listener, listening
from support.service import SECRET, Service, opened, posted, serving, token

REPLACED = "update public.rostra_log set id = gen_random_uuid()"
CUT_OFF = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()"""


async def replace_log(database_url: str, service: Service) -> None:
    """As a failover does: all connections are lost, and the log has another id."""
    before = await service.app.log.log_id()
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(REPLACED)
        await connection.execute(CUT_OFF)
    finally:
        await connection.close()
    async with asyncio.timeout(60):
        while True:
            answer = await service.ask("GET", "/v1/events", token=token())
            if answer.status == 200 and answer.headers["Rostra-Log"] != str(before):
                return
            await asyncio.sleep(0.01)


async def _to_the_end(stream: Listener) -> None:
    while True:
        await stream.next()


async def test_cursors_tags_and_streams_of_the_old_one_are_none_of_the_new(
    database_url: str,
) -> None:
    settings = HttpSettings(secret=SECRET, heartbeat_seconds=0.2)
    async with serving(database_url, settings) as service:
        [discussion, *_] = await service.given(opened(), *(posted(f"c{n}") for n in range(5)))
        here = f"/v1/discussions/{discussion}"
        today = await service.get(f"{here}/comments", limit=2)
        past = await service.get(f"{here}/comments", limit=2, as_of=4)
        site = await service.get("/v1/sites/gazette/discussions", limit=1)
        assert site.json["next"] is None
        async with (
            listening(f"{service.url}/v1/events?after=6", token=token()) as feed,
            listening(f"{service.url}{here}/live") as live,
        ):
            await replace_log(database_url, service)
            async with asyncio.timeout(60):
                for stream in (feed, live):
                    with pytest.raises((EOFError, ClientError)):
                        await _to_the_end(stream)
        for page, as_of in ((today, ""), (past, "&as_of=4"), (past, "")):
            path = f"{here}/comments?limit=2&cursor={page.json['next']}{as_of}"
            answer = await service.ask("GET", path)
            assert (answer.status, answer.problem) == (410, "log-changed")
        asked = {"If-None-Match": today.headers["ETag"]}
        again = await service.ask("GET", f"{here}/comments?limit=2", headers=asked)
        assert again.status == 200
        assert [one["id"] for one in again.json["comments"]] == [
            one["id"] for one in today.json["comments"]
        ]
        async with listening(f"{service.url}{here}/live") as live:
            await service.given(posted("c9"))
            async with asyncio.timeout(60):
                assert (await live.next())[1] == "comment"
