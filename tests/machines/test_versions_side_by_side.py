"""Two versions of Rostra, with views of other shapes, serve one log under load.

The newer one is a copy of the code with another column in a view.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count, cycle
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, cast

import msgspec
import psycopg
import pytest
from aiohttp import ClientSession

from rostra_adapters.application.app import App
from rostra_adapters.postgres.views.lineage import OURS
from support import running
from support.judged_answers import (
    TOP,
    Conversation,
    Judged,
    ask,
    reads,
    wrong_answers,
)
from support.model import Act
from support.reader_pair import walk
from support.replication import Node
from support.running import Rostra
from support.service import MASTER_KEY, SECRET, Service
from support.waiting import WAIT_SECONDS_MAX, wait_until

pytestmark = [pytest.mark.process, pytest.mark.postgres, pytest.mark.slow]

IS_LARGE = bool(os.environ.get("ROSTRA_TEST_LARGE"))
SECONDS = 60.0 if IS_LARGE else 4.0
ROOT = Path(__file__).parents[2]
SOURCES = ("domain", "projections", "adapters")
ROWS = "projections/rostra_projections/comments/rows.py"
FOLD = "projections/rostra_projections/comments/fold.py"
MENTIONS = '    """JSON list of the ids of mentioned persons; None if there are none."""\n'
CHANGES = {
    ROWS: [
        (MENTIONS, f"{MENTIONS}    note: str | None = None\n"),
        ('        "mentions": "text",\n', '        "mentions": "text",\n        "note": "text",\n'),
    ],
    FOLD: [("\nSHAPE = 7\n", "\nSHAPE = 1_007\n")],
}
STATE = """
select lineage, name, version, shape, history, tables from {0}.rostra_views order by 1, 2"""
REBUILDS = "select lineage, view from {0}.rostra_rebuilds order by 1, 2"
PROJECTORS = "select count(*) from {0}.rostra_projectors"
TABLES = """
select tablename from pg_tables where schemaname = '{0}' and tablename ~ '_v[0-9]+$' order by 1"""
_schemas = count(1)


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The PYTHONPATH of the newer version."""
    folder = tmp_path_factory.mktemp("newer")
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for path, replaced in CHANGES.items():
        text = (folder / path).read_text("utf-8")
        for old, new in replaced:
            assert text.count(old) == 1, (path, old)
            text = text.replace(old, new)
        (folder / path).write_text(text, "utf-8")
    return os.pathsep.join(str(folder / name) for name in SOURCES)


class Outcome(msgspec.Struct):
    status: str
    position: int | None = None


class Versions:
    """Services of both versions on one log: each a process, and the requests to it."""

    def __init__(self, servers: Sequence[Node], folder: Path, newer: str) -> None:
        self.primary, self.standby = servers
        self.schema = f"versions_{next(_schemas)}"
        self._folder = folder
        self._newer = newer
        self._names = count()

    def rostra(self, *, is_newer: bool, is_reader: bool = False) -> Rostra:
        """Return a program of a version."""
        folder = self._folder / str(next(self._names))
        folder.mkdir(mode=0o700)
        given = {
            "ROSTRA_SECRET": SECRET,
            "ROSTRA_MASTER_KEY": MASTER_KEY.hex(),
            "ROSTRA_SCHEMA": self.schema,
            "ROSTRA_READER_RATE": "off",
        }
        given |= {"PYTHONPATH": self._newer} if is_newer else {}
        if is_reader:
            given |= {"ROSTRA_READ_ONLY": "true", "ROSTRA_READ_DATABASE_URL": self.standby.url}
        return Rostra(folder, self.primary.url, **given)

    @asynccontextmanager
    async def serving(
        self, *, is_newer: bool, is_reader: bool = False
    ) -> AsyncIterator[tuple[running.Service, Service]]:
        """Yield a service that is ready, and a client of it."""
        program = self.rostra(is_newer=is_newer, is_reader=is_reader)
        service = await asyncio.to_thread(program.serve)
        try:
            async with ClientSession() as session:
                yield service, Service(cast(App, None), session, service.url)
        finally:
            if service.process.poll() is None:
                assert await asyncio.to_thread(service.stop) == 0

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            return connection.execute(statement.format(self.schema).encode()).fetchall()

    def of_ours(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of the older version's lineage."""
        return [row for row in self.rows(statement) if row[0] == OURS.name]

    def tables(self) -> set[str]:
        return {row[0] for row in self.rows(TABLES)}


def publishing(service: Service) -> Any:
    async def publish(acts: Sequence[Act]) -> list[Outcome]:
        results = await service.batch(acts)
        return [Outcome(result["status"], result.get("position")) for result in results]

    return publish


async def test_both_serve_under_load_and_neither_rebuilds_or_drops_the_other(
    followed: list[Node], tmp_path: Path, newer: str
) -> None:
    versions = Versions(followed, tmp_path, newer)
    conversation, answers = Conversation(Random(9)), list[Judged]()
    async with AsyncExitStack() as stack:
        _, old = await stack.enter_async_context(versions.serving(is_newer=False))
        await conversation.begin(publishing(old))
        await wait_until(lambda: versions.standby.has_replayed(versions.primary))
        reader = await stack.enter_async_context(versions.serving(is_newer=False, is_reader=True))
        before = versions.of_ours(STATE)
        assert before and versions.rows(PROJECTORS) == [(1,)]
        async with AsyncExitStack() as newer_ones:
            process, new = await newer_ones.enter_async_context(versions.serving(is_newer=True))
            assert versions.rows(PROJECTORS) == [(2,)]
            await wait_until(lambda: versions.standby.has_replayed(versions.primary))
            new_reader = await newer_ones.enter_async_context(
                versions.serving(is_newer=True, is_reader=True)
            )
            services = {"old": old, "new": new, "reader": reader[1], "new reader": new_reader[1]}
            await _load(conversation, answers, services, SECONDS)
            for is_newer in (False, True):
                ran = versions.rostra(is_newer=is_newer)
                await asyncio.to_thread(ran.must, "verify")
            assert versions.of_ours(STATE) == before
            assert versions.of_ours(REBUILDS) == []
            lineages = {row[0] for row in versions.rows(STATE)}
            assert len(lineages) == 2
            tables = versions.tables()
        assert process.process.poll() == 0
        await _load(conversation, answers, {"old": old, "reader": reader[1]}, SECONDS / 4)
        assert versions.tables() == tables
        await asyncio.to_thread(versions.rostra(is_newer=False).must, "rebuild")
        theirs = {row[0] for row in versions.rows(STATE)} - {OURS.name}
        assert {row[2] for row in versions.rows(STATE) if row[0] in theirs} == {2}
        assert tables <= versions.tables()
        async with versions.serving(is_newer=True) as (_, again):
            await _load(conversation, answers, {"old": old, "new": again}, SECONDS / 4)
    wrong = wrong_answers(conversation, answers, are_tags_shared=False)
    assert not wrong, (len(wrong), len(answers), wrong[:3])
    by_service = {name: sum(it.service == name for it in answers) for name in services}
    assert min(by_service.values()) >= 5, by_service
    print(f"{by_service} answers in {SECONDS:.0f} s, {conversation.last} events")  # noqa: T201


async def _load(
    conversation: Conversation,
    answers: list[Judged],
    services: dict[str, Service],
    seconds: float,
) -> None:
    """Publish to the services that write by turns, and read each; walk on all by turns."""
    end = monotonic() + seconds
    every = reads()
    writers = cycle([one for name, one in services.items() if "reader" not in name])

    async def read(name: str, choose: Random) -> None:
        while monotonic() < end:
            least = conversation.last if choose.random() < 0.2 else 0
            answer = await ask(name, services[name], choose.choice(every), least)
            assert answer is not None or "reader" in name, name
            answers.extend([] if answer is None else [answer])
            await asyncio.sleep(0.01)

    async def write() -> None:
        while monotonic() < end:
            await conversation.go_on(publishing(next(writers)))
            await asyncio.sleep(0.02)

    async def walk_on() -> None:
        while monotonic() < end:
            seen = await walk(list(services.values()), "most_voted", 3, flat=True)
            assert len(seen) == len(set(seen)) >= TOP

    async with asyncio.timeout(seconds + WAIT_SECONDS_MAX), asyncio.TaskGroup() as group:
        for number, name in enumerate(services):
            group.create_task(read(name, Random(number)))
        group.create_task(write())
        group.create_task(walk_on())
