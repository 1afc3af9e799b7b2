"""Where texts are kept: the same promises everywhere; and two processes at one article."""

import asyncio
from hashlib import sha256
from uuid import UUID

import rostra_adapters
from application.articles.conftest import MASTER_KEY
from rostra import ids
from rostra_adapters.application.app import App
from support.article_publishing import (
    ARTICLE,
    RESOURCE,
    SITE,
    WORDS,
    event,
    given,
    marked,
    opened,
    places,
    revised,
)

HERE, THERE = UUID(int=1), UUID(int=2)
TEXTS = ("", "a", ARTICLE, "\ufffd 😀 e\u0301 אבג \u2028 '; drop table", "long " * 100_000)


async def test_a_text_is_kept_once_and_found_until_it_is_dropped(app: App) -> None:
    texts = app.articles._texts
    for text in TEXTS:
        name = sha256(text.encode()).hexdigest()
        assert await texts.find(HERE, name) is None
        for _ in range(2):
            await texts.store(HERE, name, text)
        assert await texts.find(HERE, name) == text
        assert [await texts.has(where, name) for where in (HERE, THERE)] == [True, False]
        assert await texts.find(THERE, name) is None
        assert not await texts.drop(THERE, name)
        assert await texts.drop(HERE, name)
        assert not await texts.drop(HERE, name)
        assert await texts.find(HERE, name) is None
        assert not await texts.has(HERE, name)


async def test_what_was_kept_is_there_after_a_restart(url: str) -> None:
    async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
        await given(app, opened(), revised("r1", ARTICLE))
    if url != "memory:":
        async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
            await given(app, marked("p", WORDS))
            assert (await places(app))["p"] == (
                "anchored",
                ARTICLE.index(WORDS),
                ARTICLE.index(WORDS) + len(WORDS),
            )


async def test_two_processes_revise_and_mark_the_same_article(database_url: str) -> None:
    async with (
        rostra_adapters.open(database_url, master_key=MASTER_KEY) as one,
        rostra_adapters.open(database_url, master_key=MASTER_KEY, project=False) as other,
    ):
        await given(one, opened(), revised("r0", ARTICLE))
        for number in range(1, 9):
            text = f"{'x ' * number}{ARTICLE}"
            await asyncio.gather(
                given(one, revised(f"r{number}", text)),
                given(other, *(marked(f"p{number}.{n}", WORDS) for n in range(3))),
                given(one, event("discussion.opened", title=f"{number}")),
            )
            found = await places(one)
            assert {place[1] for place in found.values()} == {text.index(WORDS)}
            assert len(found) == 3 * number
        assert await one.verify() == []


async def test_a_text_that_one_process_drops_is_gone_from_the_other(database_url: str) -> None:
    async with (
        rostra_adapters.open(database_url, master_key=MASTER_KEY) as one,
        rostra_adapters.open(database_url, master_key=MASTER_KEY, project=False) as other,
    ):
        await given(one, opened(), revised("r1", ARTICLE))
        hash_ = sha256(ARTICLE.encode()).hexdigest()
        discussion = ids.discussion_id(SITE, RESOURCE)
        assert await one.articles.read(discussion, hash_) == ARTICLE
        assert await other.drop_text(SITE, RESOURCE, "r1")
        assert await one.articles.read(discussion, hash_) is None
        await given(one, marked("p", WORDS))
        assert await places(one) == {"p": ("anchored", None, None)}
