"""What every test may ask for: an empty database of its own, and the shared test data.

One PostgreSQL serves the whole run, all of its workers together. A test that kills, stops or
configures a server starts one of its own, in a folder of its own.

ROSTRA_TEST_REQUIRE names what must be there (`browser,node,data`): where that is missing tests
fail. What else is missing is skipped, and the run's last lines say so.
"""

import gc
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from rostra_adapters.local_postgres import lease as local_postgres
from rostra_adapters.postgres import schema
from support.databases import Databases, fill_apart, url_of
from support.effort import load_profile
from support.initdb import programs_with_templates
from support.requirements import MISSING, missing
from support.slow import check_slow_share

POSTGRES_FIXTURES = {"_server", "database_url", "empty_database_url", "folder", "shared_folder"}
SERVER = "ROSTRA_TEST_SERVER"  # the run's server folder, handed to the workers
SLOW_SHARE_MAX = "ROSTRA_TEST_SLOW_SHARE_MAX"  # set by `make lint`, which collects every test
MEMORY_BYTES_MIN = 4 * 1024**3
LONG_FOLDERS = {"web", "e2e", "cli"}
"""Folders whose files take more than ten seconds each, by measured durations."""


def pytest_configure(config: pytest.Config) -> None:
    load_profile()
    if not hasattr(config, "workerinput"):
        folder = tempfile.mkdtemp(prefix="rostra-tests-", dir=_memory())
        Path(folder).chmod(0o755)  # as root PostgreSQL runs as another user
        os.environ[SERVER] = folder
        if sys.platform == "linux" and "PG_BIN" not in os.environ:
            os.environ["PG_BIN"] = str(programs_with_templates(Path(folder)))


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or SERVER not in os.environ:
        return
    folder = Path(os.environ.pop(SERVER))
    if local_postgres.postmaster_pid(folder / "server") is not None:  # a worker was killed
        local_postgres.start(folder / "server", durable=False).release()
    shutil.rmtree(folder)


def pytest_xdist_auto_num_workers() -> int:
    """Return two workers more than there are processors: a third of a run's time is waiting."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fail if too many tests are slow, and spare the garbage collector what stays to the end."""
    share = os.environ.get(SLOW_SHARE_MAX)
    if share is not None:
        check_slow_share(session.items, float(share))
    # A full collection would walk over all modules and tests each time.
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they need, and put files first whose tests take longest.

    A file stays on one worker, so a long one that came last would be waited for alone.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & POSTGRES_FIXTURES:
            item.add_marker(pytest.mark.postgres)
        if "browser" in fixtures:
            item.add_marker(pytest.mark.browser)
        if item.path.parent.name == "e2e":
            item.add_marker(pytest.mark.process)
    items.sort(key=lambda item: item.path.parent.name not in LONG_FOLDERS)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in words what was not tested for want of something, and how to get it."""
    reasons = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    )
    for reason, tests in sorted(reasons.items()):
        if reason.startswith(MISSING):
            terminalreporter.write_line(f"NOT TESTED ({tests}): {reason}", yellow=True)


@pytest.fixture(scope="session")
def run_folder() -> Path:
    """Where this run keeps its server, on the quickest disk; gone when the run ends."""
    return Path(os.environ[SERVER])


@pytest.fixture(scope="session")
def _server(run_folder: Path) -> Iterator[local_postgres.Lease]:
    lease = local_postgres.start(run_folder / "server", durable=False)
    yield lease
    lease.release()


@pytest.fixture(scope="session")
def _operator(_server: local_postgres.Lease) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url_of(_server, "postgres"), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def _template(_server: local_postgres.Lease, _operator: psycopg.Connection, worker_id: str) -> str:
    """A database with our schema and nothing in it; copying it is quicker than installing anew."""
    name = f"template_{worker_id}"
    _operator.execute(f"create database {name}".encode())
    fill_apart(url_of(_server, name), schema.install)
    return name


@pytest.fixture(scope="session")
def databases(
    _server: local_postgres.Lease, _operator: psycopg.Connection, worker_id: str
) -> Databases:
    return Databases(_server, _operator, worker_id)


@pytest.fixture
def empty_database_url(databases: Databases) -> str:
    """A database without our schema."""
    return databases.copy("template1")


@pytest.fixture
def database_url(databases: Databases, _template: str) -> str:
    """A database with our schema and an empty log."""
    return databases.copy(_template)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Real conversations and documents, which are too large to keep with the code."""
    folder = Path(os.environ.get("ROSTRA_TEST_DATA", Path(__file__).parents[2] / "shared/data"))
    if not folder.is_dir():
        missing("data", f"nothing in {folder}; ROSTRA_TEST_DATA names another folder")
    return folder


def _memory() -> Path | None:
    """A folder in memory where there is a roomy one: making databases is four times as quick."""
    folder = Path("/dev/shm")
    roomy = folder.is_dir() and shutil.disk_usage(folder).free > MEMORY_BYTES_MIN
    return folder if roomy else None
