"""`as_of` for embedders, on every log."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import rostra_adapters
from rostra import ids
from rostra_adapters.application.app import App
from rostra_projections.cursors import CursorRefused
from support.service import MASTER_KEY, event, opened, posted, voted


@pytest.fixture(params=["postgres", "sqlite", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    urls = {"sqlite": f"sqlite:{tmp_path / 'rostra.sqlite'}", "memory": "memory:"}
    found: str = urls.get(request.param) or request.getfixturevalue("database_url")
    return found


@pytest.fixture
async def app(url: str) -> AsyncIterator[App]:
    async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
        yield app


async def test_comments_and_passages_as_they_stood(app: App) -> None:
    told = [
        opened(),
        event("passage.marked", passage="p1", exact="trams"),
        posted(passage="p1"),
        posted("c2"),
        voted(1, on="c2"),
        event("comment.pinned", comment="c1"),
        event("passage.closed", passage="p1"),
    ]
    shown = []
    for one in told:
        await app.publish([one])
        head = await app.head()
        pages = (
            await app.comments("gazette", "/trams", order="most_voted", min_position=head),
            await app.passages("gazette", "/trams"),
        )
        shown.append((head, pages))
    for head, pages in shown:
        assert pages == (
            await app.comments("gazette", "/trams", order="most_voted", as_of=head),
            await app.passages("gazette", "/trams", as_of=head),
        )
    assert await app.comments("gazette", "/trams", as_of=0) is None
    assert await app.passages("gazette", "/trams", as_of="2001-01-01T00:00:00.000000Z") is None


async def test_a_time_is_the_last_position_recorded_by_then(app: App) -> None:
    for one in [opened(), *(posted(f"c{number}") for number in range(9))]:
        await app.publish([one])
    rows = await app.log.read_after(0, 100)
    for row in rows:
        at = str(row.metadata).partition('"at"')[2].split('"')[1]
        request = await app.request(ids.discussion_id("gazette", "/trams"), as_of=at)
        assert request is not None
        found = request.past
        same = [each.position for each in rows if f'"{at}"' in str(each.metadata)]
        assert found == same[-1]


async def test_what_has_not_been_is_refused(app: App) -> None:
    await app.publish([opened()])
    await app.wait(await app.head(), 60)
    for as_of in (2, "9999-01-01T00:00:00.000000Z"):
        with pytest.raises(CursorRefused, match="as_of"):
            await app.comments("gazette", "/trams", as_of=as_of)
