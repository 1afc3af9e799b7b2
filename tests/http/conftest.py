"""A service to speak to."""

from collections.abc import AsyncIterator

import pytest

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
