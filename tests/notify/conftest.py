"""A service whose notices are mailed."""

from collections.abc import AsyncIterator

import pytest

from support.mails import MAILING, Notified, smtp_server
from support.service import serving


@pytest.fixture(params=["memory", "postgres"])
async def notified(request: pytest.FixtureRequest) -> AsyncIterator[Notified]:
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with smtp_server() as (inbox, smtp), serving(url, MAILING) as service:
        made = Notified(service, inbox, smtp)
        await made.filler.catch_up()  # what comes from now on is mailed
        yield made
