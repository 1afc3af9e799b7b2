"""No read of the past shows a word that its reader is not shown today."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rostra_adapters
from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.application.queries.history import history
from rostra_adapters.application.queries.requests import CommentQuery
from rostra_projections.responses.shapes import ANYONE, Viewer
from support.effort import examples
from support.service import PLACE, Event, event

SITE = PLACE["site"]
DISCUSSION = ids.discussion_id(SITE, PLACE["resource"])
KEYS = ("c1", "c2", "c3")
AUTHORS = {"c1": "ann", "c2": "bob", "c3": "ann"}
PASSAGES = ("p1", "p2")
VIEWERS = [ANYONE, Viewer("nobody"), Viewer("ann"), Viewer("bob"), Viewer(moderator=True)]
WORD = re.compile(r"word\d+")

Act = Callable[[str, str], Event]


def _posted(key: str, word: str) -> Event:
    author = {"id": AUTHORS[key], "name": "A name"}
    parent = {"parent": "c1"} if key == "c2" else {}
    return event("comment.posted", comment=key, author=author, body=word, **parent)


def _edited(**more: Any) -> Act:
    return lambda key, word: event("comment.edited", comment=key, body=word, **more)


def _on(verb: str) -> Act:
    return lambda key, _: event(f"comment.{verb}", comment=key, by="mia")


def _opened(_: str, word: str) -> Event:
    return event("discussion.opened", title=word, url=f"https://a.example/{word}")


def _ruled(**chosen: str) -> Act:
    return lambda _, __: event("discussion.opened", settings=chosen)


def _marked(key: str, word: str) -> Event:
    passage = PASSAGES[key == "c1"]
    # The words of a passage stay; its question is worded again.
    return event("passage.marked", passage=passage, exact=f"exact {passage}", question=word)


def _unmarked(key: str, _: str) -> Event:
    return event("passage.unmarked", passage=PASSAGES[key == "c1"])


def _erased(key: str, _: str) -> Event:
    return {**event("person.erased"), "data": {"site": SITE, "person": AUTHORS[key]}}


ACTS: list[Act] = [
    *(_edited(**more) for more in ({}, {"status": "held"}, {"status": "published"}, {"by": "mia"})),
    _edited(),
    *map(_on, ("approved", "rejected", "held", "removed", "restored")),
    _opened,
    _ruled(moderation="all"),
    _ruled(moderation="none"),
    _marked,
    _unmarked,
    _erased,
]


@st.composite
def histories(draw: st.DrawFn, wordings: tuple[str, ...]) -> list[Event]:
    """A discussion in which every wording is a word of its own."""
    acts = st.tuples(st.sampled_from(ACTS), st.sampled_from(KEYS))
    begin = [(_marked, "c1"), (_marked, "c2"), *((_posted, key) for key in KEYS)]
    chosen = [*begin, *draw(st.lists(acts, min_size=3, max_size=20))]
    rules = {"moderation": draw(st.sampled_from(["none", "all"]))}
    rules["wordings"] = draw(st.sampled_from(wordings))
    begun = event("discussion.opened", title="word0", settings=rules)
    return [begun, *(act(key, f"word{n}") for n, (act, key) in enumerate(chosen, 1))]


async def _shown(app: App, viewer: Viewer, past: int | None) -> set[str]:
    """Every word in what a viewer may read."""
    return {word for read in [each async for each in _reads(app, viewer, past)] for word in read}


async def _reads(app: App, viewer: Viewer, past: int | None) -> Any:
    request = await app.request(DISCUSSION, viewer, as_of=past)
    access = await app.lookup.access(DISCUSSION)
    assert request is not None and access is not None
    for flat in (True, False):
        query = CommentQuery(order="newest", limit=100, replies=10, flat=flat)
        yield _words(await app.queries.comments_page(request, query))
    yield _words(await app.queries.discussion(request))
    yield _words(await app.queries.passages_page(request))
    for key in KEYS:
        comment = ids.comment_id(DISCUSSION, key)
        yield _words(await app.queries.comment(request, comment))
        yield _words(await history(app, access, comment, viewer, past))


def _words(shape: object) -> Iterator[str]:
    yield from WORD.findall(msgspec.json.encode(shape).decode())


async def _told(app: App, events: list[Event]) -> int:
    await app.publish(events)  # some of it is refused
    head = await app.head()
    await app.wait(head, 60)
    return head


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(histories(("moderators", "public")))
def test_no_reader_of_the_past_sees_a_word_that_is_not_shown_today(events: list[Event]) -> None:
    async def run() -> None:
        async with rostra_adapters.open("memory:") as app:
            head = await _told(app, events)
            for viewer in VIEWERS[:-1]:
                today = await _shown(app, viewer, None)
                for past in range(1, head + 1):
                    seen = await _shown(app, viewer, past)
                    assert seen <= today, (viewer, past, seen - today)

    asyncio.run(run())


@settings(deadline=None, max_examples=examples(20), suppress_health_check=[HealthCheck.too_slow])
@given(histories(("public",)))
def test_where_wordings_are_public_only_published_ones_are(events: list[Event]) -> None:
    async def run() -> None:
        async with rostra_adapters.open("memory:") as app:
            published: set[str] = set()
            for one in events:  # whatever was shown at some time
                await _told(app, [one])
                published |= await _shown(app, ANYONE, None)
            seen = await _shown(app, ANYONE, None)
            for past in range(1, await app.head() + 1):
                seen |= await _shown(app, ANYONE, past)
            assert seen <= published

    asyncio.run(run())


@pytest.mark.parametrize("viewer", VIEWERS[-1:])
async def test_moderators_see_all_as_it_stood(viewer: Viewer) -> None:
    async with rostra_adapters.open("memory:") as app:
        await _told(app, [_opened("", "word1"), _marked("c1", "word2"), _posted("c1", "word3")])
        then = await app.head()
        later = [_opened("", "word4"), _unmarked("c1", ""), _edited()("c1", "word5")]
        await _told(app, [*later, _on("removed")("c1", "")])
        assert await _shown(app, viewer, then) == {"word1", "word2", "word3"}
