"""A service on PostgreSQL with webhooks, and a receiver."""

from collections.abc import AsyncIterator

import pytest

from rostra_adapters.outgoing.http import HttpPoster
from support.receivers import receiving
from support.service import serving
from support.webhooks import Hooked


@pytest.fixture
async def hooked(database_url: str) -> AsyncIterator[Hooked]:
    async with receiving() as receiver, serving(database_url) as service, HttpPoster() as poster:
        yield Hooked(service, receiver, poster)
