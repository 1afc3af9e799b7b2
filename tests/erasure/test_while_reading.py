"""Keys that go while a page is made: it is answered, without the words that are gone."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from erasure.test_nothing_is_found import ANN, BOBS, BODY, EDITED, conversation, services
from rostra import ids
from rostra_adapters.application.articles.texts_and_work import CachedArticles
from rostra_adapters.postgres.keys import erasures
from support.service import Answer, Service, event, posted, token

DISCUSSION = ids.discussion_id("gazette", "/trams")
COMMENTS = f"/v1/discussions/{DISCUSSION}/comments"
OWNER = ids.person_id("gazette", "ann")

Ask = Callable[..., Awaitable[Any]]


def erasing_within(service: Service, ask: Ask) -> Ask:
    """The same, and meanwhile Ann's key goes."""

    async def meanwhile(*arguments: Any, **named: Any) -> Any:
        found = await ask(*arguments, **named)
        await service.app.ring.destroy({OWNER: 1})
        return found

    return meanwhile


def assert_only_bobs(answer: Answer) -> None:
    text = answer.body.decode()
    assert (answer.status, BODY in text, BOBS in text) == (200, False, True)


async def test_while_it_is_asked_how_comments_stand_now(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.given(*conversation())
    reads = service.app.views.reads
    monkeypatch.setattr(reads, "comment_rows", erasing_within(service, reads.comment_rows))
    assert_only_bobs(await service.get(COMMENTS, flat="true", as_of=4))


async def test_while_it_is_asked_which_hidden_replies_are_the_readers_own(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.given(*conversation(), posted("h1", author=ANN, parent="b1", status="held"))
    reads = service.app.views.reads
    monkeypatch.setattr(reads, "hidden_replies", erasing_within(service, reads.hidden_replies))
    bearer = token("comment", site="gazette", person="ann")
    assert_only_bobs(await service.get(COMMENTS, flat="true", token=bearer))


async def test_while_the_text_of_an_article_is_read_for_the_feed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.given(*conversation(), event("article.revised", revision="r1", text="Trams."))
    reading = erasing_within(service, service.app.articles.read)
    monkeypatch.setattr(CachedArticles, "read", lambda _, *asked: reading(*asked))
    assert_only_bobs(await service.ask("GET", "/v1/events", token=token()))


async def test_what_a_stopped_process_kept_is_not_what_it_answers_first(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor would it look before: whoever asked while it stood still comes first."""
    monkeypatch.setattr(erasures, "GRACE_SECONDS", 0.5 - erasures.TRUSTED_SECONDS)
    async with services(database_url) as (here, there):
        await here.given(*conversation())
        for _ in range(2):
            assert EDITED in (await there.get(COMMENTS, flat="true", as_of=4)).body.decode()
        path = f"{COMMENTS}?flat=true&as_of=4"
        looking = there.app.ring._erasures  # type: ignore[attr-defined]
        await looking._news.close()
        looking._task.cancel()
        connection = await asyncpg.connect(database_url)
        try:
            old = "update rostra_keys.key_readers set seen_at = seen_at - interval '1 minute'"
            await connection.execute(f"{old} where reader = $1", looking._reader)
        finally:
            await connection.close()
        await here.app.ring.destroy({OWNER: 1})
        await here.app.ring.wait_for_destruction()
        assert EDITED in (await there.ask("GET", path)).body.decode()  # it has not heard of it
        looking._looked -= erasures.TRUSTED_SECONDS + 1
        assert_only_bobs(await there.ask("GET", path))
