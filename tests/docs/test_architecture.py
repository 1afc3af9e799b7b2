"""The walks of the page on architecture are those that requests take."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import CodeType, FrameType
from typing import Any

from support.pages import PROJECT
from support.service import PLACE, opened, posted, serving, voted

PAGE = (PROJECT / "docs/explanation/architecture.md").read_text("utf-8")
WALKS = {
    name: re.findall(r"^\d+\. `([\w.]+)`", text, re.MULTILINE)
    for name, text in re.findall(
        r"<!-- walk: (\w+) -->\n(.*?)<!-- end of walk -->", PAGE, re.DOTALL
    )
}


def code_of(name: str) -> CodeType:
    """Return the code of a function or method that a dotted name leads to."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        found = getattr(found, "__wrapped__", found)
        assert isinstance(found.__code__, CodeType)
        return found.__code__
    raise AssertionError(f"there is no {name}")


@contextmanager
def called(names: list[str]) -> Iterator[list[str]]:
    """Note the first call of each function, in order."""
    codes = {code_of(name): name for name in names}
    noted: list[str] = []

    def profile(frame: FrameType, event: str, _: object) -> None:
        name = codes.get(frame.f_code)
        if event == "call" and name is not None and name not in noted:
            noted.append(name)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield noted
    finally:
        sys.setprofile(before)


def test_three_walks_of_at_most_ten_steps() -> None:
    assert {name: 4 < len(steps) <= 10 for name, steps in WALKS.items()} == {
        "publish": True,
        "project": True,
        "read": True,
    }


async def test_the_way_of_a_comment_to_the_log(database_url: str) -> None:
    async with serving(database_url) as service:
        await service.given(opened())
        with called(WALKS["publish"]) as noted:
            await service.batch([posted()])
    assert in_order(noted, WALKS["publish"])


async def test_the_way_of_a_vote_to_the_views(database_url: str) -> None:
    async with serving(database_url) as service:
        await service.given(opened(), posted())
        await service.app.wait(2, 60)
        with called(WALKS["project"]) as noted:
            await service.batch([voted()])
            await service.app.wait(3, 60)
    assert in_order(noted, WALKS["project"])


async def test_a_vote_is_decided_in_a_run(database_url: str) -> None:
    run = "rostra.deciding.vote_runs.cast_votes"
    assert f"`{run}`" in PAGE
    async with serving(database_url) as service:
        await service.given(opened(), posted())
        with called([run]) as noted:
            await service.batch([voted()])
    assert noted == [run]


async def test_the_way_of_a_page(database_url: str) -> None:
    async with serving(database_url) as service:
        await service.given(opened(), posted())
        await service.app.wait(2, 60)
        with called(WALKS["read"]) as noted:
            answer = await service.ask("GET", "/v1/comments", params={**PLACE, "min_position": 2})
    assert answer.status == 200
    assert in_order(noted, WALKS["read"])


def in_order(noted: list[str], steps: list[str]) -> bool:
    assert sorted(noted) == sorted(steps)
    return noted == steps
