"""What a process holds in memory: after an erasure no cache has the words any more."""

import asyncio
import gc
from collections.abc import Iterator
from types import CodeType, CoroutineType, FrameType, FunctionType, ModuleType
from typing import Any

import asyncpg
import msgspec
import pytest

from erasure.test_nothing_is_found import (
    ANN,
    EDITED,
    OTHERS_EDIT,
    WAITING,
    conversation,
    erased,
    everything,
    services,
)
from rostra import ids
from rostra_adapters.postgres.keys import erasures
from support.listening import listening
from support.service import posted, token

_NOT_ENTERED = (
    CodeType, CoroutineType, FrameType, ModuleType, type, asyncio.Task,
    asyncio.AbstractEventLoop,  # where the test's own client keeps what it was sent
)  # fmt: skip


def reached(root: object) -> Iterator[object]:
    """All that an object holds, and what that holds, but for what runs right now."""
    seen: set[int] = set()
    ahead: list[Any] = [root]
    while ahead:
        it = ahead.pop()
        if id(it) in seen or isinstance(it, _NOT_ENTERED):
            continue
        seen.add(id(it))
        yield it
        if isinstance(it, msgspec.Struct):  # some are hidden from the garbage collector
            ahead += [getattr(it, field) for field in it.__struct_fields__]
        elif isinstance(it, FunctionType):  # its module has what other services left there
            ahead += [it.__closure__, it.__defaults__, it.__kwdefaults__]
        else:
            ahead += gc.get_referents(it)


def kept(root: object, text: str) -> set[str]:
    """The types of what holds a text."""
    data = text.encode()
    found = set()
    for it in reached(root):
        if (isinstance(it, str) and text in it and it is not text) or (
            isinstance(it, bytes) and data in it
        ):
            found.add(type(it).__name__)
    return found


async def test_pages_rendered_bodies_and_what_is_told_live_are_dropped(
    database_url: str,
) -> None:
    async with services(database_url) as (here, there):
        [discussion, *_] = await here.given(*conversation())
        html, waiting = ("".join(["<p>", words, "</p>"]) for words in (EDITED, WAITING))
        told = f"{there.url}/v1/discussions/{discussion}/live?min_position=1"
        async with asyncio.timeout(60), listening(told, last_event_id=1) as live:
            while (await live.next())[0] != 10:  # the last vote that is counted
                pass
            async with listening(f"{there.url}/v1/events", token=token()) as feed:
                for _ in conversation():
                    await feed.next()
                await here.given(posted("a5", author=ANN, body=OTHERS_EDIT))
                await feed.next()
                await everything(there, discussion)
                await everything(there, discussion)
                followed = "".join(['"body":"', OTHERS_EDIT, '"}}'])  # as in the feed alone
                assert kept(there.app, html) == {"str", "bytes"}
                assert kept(there.app, waiting) == {"str"}  # rendered; in no answer for all
                assert kept(there.app, followed) == {"bytes"}
                # The key alone: the event that tells of it comes later.
                await here.app.ring.destroy({ids.person_id("gazette", "ann"): 1})
                await here.app.ring.wait_for_destruction()
                for service in (there, here):
                    assert kept(service.app, html) == kept(service.app, followed) == set()
                    assert kept(service.app, waiting) == set()
                await here.given(erased())
                await everything(there, discussion)
                for service in (there, here):
                    assert kept(service.app, html) == kept(service.app, followed) == set()


async def test_who_erases_waits_for_every_process(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "GRACE_SECONDS", 0.5 - erasures.TRUSTED_SECONDS)
    async with services(database_url, 1) as (service,):
        connection = await asyncpg.connect(database_url)
        try:
            await connection.execute(
                "insert into rostra_keys.key_readers (reader, forgotten, master)"
                " values (gen_random_uuid(), 0, 'silent')"
            )
            await service.given(erased())  # until the silent one is struck out
            silent = "select count(*) from rostra_keys.key_readers where master = 'silent'"
            assert await connection.fetchval(silent) == 0
        finally:
            await connection.close()


async def test_a_text_that_is_kept_somewhere_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hidden(msgspec.Struct, gc=False):
        text: str

    holder = [{"a": Hidden("".join(["<p>", "x", "</p>"]))}]
    assert kept(holder, "".join(["<p>x", "</p>"])) == {"str"}
    monkeypatch.setattr(holder[0]["a"], "text", "")
    assert kept(holder, "<p>x</p>") == set()
