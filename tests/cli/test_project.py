"""`rostra project`: the views kept by a process that does nothing else."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import rostra_adapters
from rostra_adapters.application.app import App
from rostra_adapters.postgres.views.lineage import OURS
from support.waiting import WAIT_SECONDS_MAX

MASTER = b"m" * 32
_WHO_PROJECTS = """
select count(*) from pg_locks l join pg_database d on d.oid = l.database
where d.datname = current_database() and l.locktype = 'advisory' and l.objid = $1"""
LOCK = OURS.lock % 2**32


@contextmanager
def projecting(url: str, data: Path) -> Iterator[subprocess.Popen[str]]:
    """The process, once it says that it keeps the views."""
    command = [sys.executable, "-m", "rostra_adapters.cli", "project"]
    kept = {name: value for name, value in os.environ.items() if "ROSTRA" not in name}
    process = subprocess.Popen(
        [*command, "--database-url", url, "--data", str(data)],
        env=kept | {"ROSTRA_MASTER_KEY": MASTER.hex()},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert (
            process.stdout.readline()
            == "Rostra projects into the views, or waits for the process that does\n"
        )
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def told(name: str, type_: str, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "source": "test",
        "id": name,
        "time": "2026-11-22T08:00:00Z",
        "type": type_,
        "data": {"site": "s", "resource": "r"} | data,
    }


async def commented(app: App, number: int) -> int:
    """How many comments are shown once another one is."""
    ann = {"id": "ann", "name": "Ann"}
    _, posted = await app.publish(
        [
            told("opened", "discussion.opened"),
            told(f"e{number}", "comment.posted", comment=f"c{number}", author=ann, body="x"),
        ]
    )
    assert posted.position is not None
    page = await app.comments("s", "r", min_position=posted.position)
    assert page is not None
    return page.total


async def test_it_keeps_the_views_of_those_who_do_not_and_whoever_stands_by_takes_over(
    database_url: str, tmp_path: Path
) -> None:
    with projecting(database_url, tmp_path) as process:
        async with rostra_adapters.open(database_url, master_key=MASTER, project=False) as app:
            assert await commented(app, 1) == 1
        async with rostra_adapters.open(database_url, master_key=MASTER) as standing_by:
            assert await commented(standing_by, 2) == 2
            process.send_signal(signal.SIGTERM)
            assert process.wait(WAIT_SECONDS_MAX) == 0
            assert await commented(standing_by, 3) == 3


def test_ctrl_c_ends_it_cleanly(database_url: str, tmp_path: Path) -> None:
    with projecting(database_url, tmp_path) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_SECONDS_MAX) == 0


@pytest.mark.slow
async def test_killed_it_leaves_the_views_to_whoever_stands_by(
    database_url: str, tmp_path: Path
) -> None:
    async with asyncpg.create_pool(database_url, min_size=0) as pool:
        with projecting(database_url, tmp_path) as process:
            async with rostra_adapters.open(database_url, master_key=MASTER) as standing_by:
                assert await commented(standing_by, 1) == 1
                assert await pool.fetchval(_WHO_PROJECTS, LOCK) == 1
                process.kill()
                assert await commented(standing_by, 2) == 2
