"""Data folders, on the quickest disk there is."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rostra_adapters.local_postgres.lease import postmaster_pid, start
from support.running import Rostra


@contextmanager
def _folder(run_folder: Path) -> Iterator[Path]:
    """Gone afterwards, and its server stopped, whatever was done to it."""
    folder = Path(tempfile.mkdtemp(prefix="e2e-", dir=run_folder))
    folder.chmod(0o755)
    yield folder
    for data in folder.iterdir():
        if data.is_dir() and postmaster_pid(data) is not None:
            start(data).release()
    shutil.rmtree(folder)


@pytest.fixture
def folder(run_folder: Path) -> Iterator[Path]:
    with _folder(run_folder) as path:
        yield path


@pytest.fixture(scope="module")
def shared_folder(run_folder: Path) -> Iterator[Path]:
    with _folder(run_folder) as path:
        yield path


@pytest.fixture
def rostra(folder: Path) -> Rostra:
    """A data folder with nothing in it yet."""
    return Rostra(folder / "data")
