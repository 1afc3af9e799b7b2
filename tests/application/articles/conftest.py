"""A Rostra of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import rostra_adapters
from rostra_adapters.application.app import App

MASTER_KEY = bytes(32)


@pytest.fixture(params=["postgres", "sqlite", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    urls = {"sqlite": f"sqlite:{tmp_path / 'log.sqlite'}", "memory": "memory:"}
    return urls.get(request.param) or str(request.getfixturevalue("database_url"))


@pytest.fixture
async def app(url: str) -> AsyncIterator[App]:
    async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
        yield app


@pytest.fixture
async def memory_app() -> AsyncIterator[App]:
    async with rostra_adapters.open("memory:") as app:
        yield app
