"""`rostra serve --workers`: one port, several processes, watched by one."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rostra_adapters.cli import workers as workers_module
from rostra_adapters.cli.workers import ServeWorkers
from support.waiting import WAIT_SECONDS_MAX, block_until


def children(pid: int) -> set[int]:
    """Processes that serve, without the helper that Python starts."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {
        int(child)
        for child in found
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    }


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


Serving = tuple[subprocess.Popen[str], str]


@pytest.fixture
def serving(database_url: str, tmp_path: Path) -> Iterator[Serving]:
    with two_workers(database_url, tmp_path) as found:
        yield found


@contextmanager
def two_workers(database_url: str, data: Path, *more: str) -> Iterator[Serving]:
    """Two workers, and their URL."""
    command = [sys.executable, "-m", "rostra_adapters.cli", "serve", "--port", "0"]
    options = ["--workers", "2", "--database-url", database_url, "--data", str(data), *more]
    environment = {name: value for name, value in os.environ.items() if "ROSTRA" not in name}
    process = subprocess.Popen(
        [*command, *options], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        yield process, found[0]
    finally:
        workers = children(process.pid) if process.poll() is None else set()
        process.kill()
        process.wait()
        process.stdout.close()
        block_until(lambda: not any(map(alive, workers)))


def healthy(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/readyz", timeout=WAIT_SECONDS_MAX) as answer:
        return bool(answer.status == 200)


@pytest.mark.slow
def test_a_worker_that_dies_is_started_again_and_all_stop_together(
    serving: tuple[subprocess.Popen[str], str],
) -> None:
    process, url = serving
    workers = children(process.pid)
    assert len(workers) == 2
    assert all(healthy(url) for _ in range(8))
    victim = min(workers)
    os.kill(victim, signal.SIGKILL)
    block_until(lambda: victim not in children(process.pid) and len(children(process.pid)) == 2)
    assert all(healthy(url) for _ in range(8))
    workers = children(process.pid)
    process.terminate()
    assert process.wait(WAIT_SECONDS_MAX) == 0
    assert not any(map(alive, workers))


@pytest.mark.slow
def test_keys_of_another_schema_do_not_hinder_the_start(database_url: str, tmp_path: Path) -> None:
    with two_workers(database_url, tmp_path / "one") as (process, url):
        assert healthy(url)
        process.terminate()
        assert process.wait(WAIT_SECONDS_MAX) == 0
    with two_workers(database_url, tmp_path / "other", "--schema", "forum") as (_, url):
        assert healthy(url)


def test_a_stop_ends_the_pause_before_a_worker_starts_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers_module, "AGAIN_SECONDS", 3_600.0)
    watched = ServeWorkers(_dies_at_once, None, 1)
    stop, tell = os.pipe()
    os.write(tell, b".")
    watched._start(0)
    dead = watched._running[0]
    dead.join()
    watched._ready[0].set()
    watched._again(0, stop)
    assert watched._running[0] is dead
    os.close(stop)
    os.close(tell)


def test_a_worker_that_cannot_be_started_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers_module, "AGAIN_SECONDS", 0.0)
    watched = ServeWorkers(_dies_at_once, None, 1)
    stop, tell = os.pipe()
    watched._start(0)
    dead = watched._running[0]
    dead.join()
    watched._ready[0].set()
    start = watched._context.Process.start

    def fail(_: object) -> None:
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(watched._context.Process, "start", fail)
    watched._again(0, stop)
    assert "Cannot allocate memory" in capsys.readouterr().err
    assert watched._running[0] is dead  # whose sentinel wakes the watch again
    monkeypatch.setattr(watched._context.Process, "start", start)
    watched._again(0, stop)
    assert watched._running[0] is not dead
    watched._running[0].join()
    os.close(stop)
    os.close(tell)


def _dies_at_once(*_: object) -> None:
    """Serve nothing."""


@pytest.mark.slow
def test_workers_do_not_outlive_what_watches_them(
    serving: tuple[subprocess.Popen[str], str],
) -> None:
    process, _ = serving
    workers = children(process.pid)
    process.kill()
    process.wait()
    block_until(lambda: not any(map(alive, workers)))
