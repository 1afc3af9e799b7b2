"""A service to speak to."""

from collections.abc import AsyncIterator

import pytest

from rostra_adapters.http import application
from support.service import Service, serving


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """In memory: what HTTP does with a request is the same on every log."""
    async with serving() as it:
        yield it


@pytest.fixture
async def durable_service(database_url: str) -> AsyncIterator[Service]:
    """On PostgreSQL."""
    async with serving(database_url) as it:
        yield it


@pytest.fixture
def short_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the rest of a refused request for a fraction of a second.

    For clients that have sent all they will send: a connection is closed when this time is over.
    """
    monkeypatch.setattr(application, "LINGER_SECONDS", 0.2)
