"""A feed in which persons were erased, published to an empty Rostra."""

import asyncio
from typing import Any

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from erasure.test_nothing_is_found import conversation, erased, everything
from rostra import ids
from rostra_adapters.application.feed.data import WORDED as WORDED_EVENTS
from rostra_adapters.application.feed.events import Feed
from rostra_adapters.application.queries.requests import CommentQuery
from rostra_projections.listing import Listing
from rostra_projections.responses.shapes import Viewer
from support import strategies
from support.effort import examples
from support.harness import commanded
from support.model import Act
from support.service import serving, token
from support.views import judge
from support.views.story import Story, asked

NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""A failure is easier read from the feed than waited for."""
VIEWERS = (Viewer(), Viewer(person="ann"), Viewer(person="mia", moderator=True))
WORDED = {event.topic for event in WORDED_EVENTS}
WORDS = ("Ann", "Bob", "Cem", "Dee", "Yes.", "No.", "Why?", "spam", "off topic")


def about_persons() -> SearchStrategy[Act]:
    return st.builds(
        lambda verb, site, person, number: {
            "type": f"person.{verb}",
            "source": "cms",
            "id": f"p{number}",
            "time": strategies.time_of(0),
            "data": {"site": site, "person": person},
        },
        st.sampled_from(["erased", "erased", "returned"]),
        st.sampled_from(["s", "t"]),
        st.sampled_from(strategies.PERSONS),
        st.integers(0, 50),
    )


@st.composite
def conversations_with_erasures(draw: st.DrawFn) -> list[Act]:
    acts: list[Act] = list(draw(strategies.conversations(acts_max=50)))
    for erasure in draw(st.lists(about_persons(), min_size=1, max_size=6)):
        acts.insert(draw(st.integers(0, len(acts))), erasure)
    return acts


async def feed_of(story: Story) -> list[Act]:
    pages = [page async for page in Feed(story.log, story.ring, story.articles).pages()]
    return [msgspec.json.decode(event.json) for page in pages for event in page.events]


def _told(event: Act) -> Act:
    """Without that a reason was given, which is not known of once it is gone."""
    erased = event["data"].get("erased") and event["type"] not in WORDED
    data = {name: it for name, it in event["data"].items() if name != "erased" or not erased}
    return {**event, "data": data}


async def read(story: Story) -> dict[str, Any]:
    """Every comment, order and count, as everybody reads them."""
    views = story.in_memory()
    reading = story.reading(views)
    shown: dict[str, Any] = {}
    for site, resource in {*strategies.PLACES}:
        shown[f"counts {site} {resource}"] = await reading.counts(
            {resource: ids.discussion_id(site, resource)}
        )
        discussion = ids.discussion_id(site, resource)
        shown[f"discussion {discussion}"] = await reading.discussion(asked(discussion, site=site))
        shown[f"passages {discussion}"] = await reading.passages_page(asked(discussion, site=site))
        for viewer in VIEWERS:
            for order in judge.ORDERS:
                for kind in ("top", "flat"):
                    listing = Listing(kind, discussion, order)
                    query = CommentQuery(order=order, limit=100, flat=kind == "flat")
                    page = await reading.comments_page(asked(discussion, viewer, site=site), query)
                    shown[f"{listing} {viewer}"] = page
    plain: dict[str, Any] = msgspec.to_builtins(shown)
    return plain


@settings(deadline=None, max_examples=examples(40), phases=NO_SHRINKING)
@given(conversations_with_erasures())
def test_it_gives_the_same_comments_orders_and_counts_there(acts: list[Act]) -> None:
    async def run() -> None:
        first, second, third = Story(judged=False), Story(judged=False), Story(judged=False)
        first.tell(acts)
        feed = await feed_of(first)
        outcomes = second.tell(feed)
        assert {it.status for it in outcomes} <= {"recorded"}, [
            (event, it) for event, it in zip(feed, outcomes, strict=True) if it.refusal
        ]
        assert await read(second) == await read(first)
        again = await feed_of(second)
        assert [_told(event) for event in again] == [_told(event) for event in feed]
        third.tell(again)
        assert await read(third) == await read(first)

    asyncio.run(run())


async def test_what_is_erased_in_a_feed_needs_no_words_and_makes_no_key() -> None:
    first, second = Story(judged=False), Story(judged=False)
    place = {"site": "s", "resource": "a"}
    ann = {"id": "ann", "name": "Ann", "email": "ann@example.org"}
    told: list[tuple[str, dict[str, Any]]] = [
        ("discussion.opened", {}),
        ("comment.posted", {"comment": "c1", "author": ann, "body": "Yes."}),
        ("comment.edited", {"comment": "c1", "body": "No.", "by": "ann"}),
        ("comment.flagged", {"comment": "c1", "by": "ann", "reason": "spam"}),
        ("comment.removed", {"comment": "c1", "by": "ann", "reason": "spam"}),
        ("person.erased", {}),
    ]
    acts = [
        {"type": kind, "source": "cms", "id": str(number), "time": strategies.time_of(number),
         "data": {"site": "s", "person": "ann"} if kind == "person.erased" else place | data}
        for number, (kind, data) in enumerate(told)
    ]  # fmt: skip
    assert [commanded(act) for act in acts]
    first.tell(acts)
    feed = await feed_of(first)
    assert [event["type"] for event in feed] == [kind for kind, _ in told]
    posted, edited, flagged, removed, erased = (event["data"] for event in feed[1:])
    assert (posted["author"], posted["body"], posted["erased"]) == ({"id": "ann"}, None, True)
    assert (edited["body"], edited["erased"]) == (None, True)
    assert [(it["erased"], "reason" in it) for it in (flagged, removed)] == [(True, False)] * 2
    assert erased == {"site": "s", "person": "ann"}
    assert {it.status for it in second.tell(feed)} == {"recorded"}
    assert not second.ring.keys
    text = b"".join(msgspec.json.encode(event) for event in feed)
    assert not [word for word in WORDS if word.encode() in text]


async def test_over_http_it_shows_the_same_there() -> None:
    async with serving() as here, serving() as there:
        [discussion, *_] = await here.given(*conversation(), erased(), erased(kind="returned"))
        feed = (await here.get("/v1/events", token=token())).json
        results = await there.batch(feed)
        assert {result["status"] for result in results} == {"recorded"}
        shown = [await everything(service, discussion) for service in (here, there)]
        for what in shown[0].keys() - {"feed"}:
            first, second = (_without_cursors(each[what].json) for each in shown)
            assert first == second, what
        assert shown[1]["a1"].json["status"] == "erased"
        assert shown[1]["a1"].json["author"] == {"id": "ann", "name": None}


def _without_cursors(shown: Any) -> Any:
    """They are of one log."""
    if isinstance(shown, list):
        return [_without_cursors(each) for each in shown]
    if not isinstance(shown, dict):
        return shown
    return {
        name: _without_cursors(it)
        for name, it in shown.items()
        if name not in ("next", "next_children")
    }
