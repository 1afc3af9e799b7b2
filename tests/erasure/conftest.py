"""A service to speak to."""

from collections.abc import AsyncIterator

import pytest

from support.service import Service, serving


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving() as it:
        yield it
