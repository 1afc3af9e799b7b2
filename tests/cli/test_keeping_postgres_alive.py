"""The data folder's PostgreSQL is started again whenever it does not answer."""

import asyncio
import threading

import pytest

from rostra_adapters.aio import background
from rostra_adapters.cli import serve


class _Database:
    """An App and a lease in one: it fails in every way before it comes back."""

    def __init__(self) -> None:
        self.revived = threading.Event()
        self._asked = 0
        self._tried = 0

    async def healthy(self) -> bool:
        self._asked += 1
        if self._asked == 1:
            raise RuntimeError("an error that nobody expects")
        return False

    def revive(self) -> None:
        self._tried += 1
        if self._tried == 1:
            raise OSError("it does not start yet")
        self.revived.set()


async def test_no_error_ends_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "REVIVE_SECONDS", 0.0)
    monkeypatch.setattr(background, "RETRY_SECONDS_MAX", 0.0)
    database = _Database()
    async with serve._kept_alive(database, database):
        assert await asyncio.to_thread(database.revived.wait, 60)
