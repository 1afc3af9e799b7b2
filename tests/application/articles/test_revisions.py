"""An article is revised: what becomes of its passages, wherever Rostra keeps its log."""

import asyncio

from rostra import ids
from rostra.anchoring.search import describe
from rostra_adapters.application.app import App
from support.article_publishing import (
    ARTICLE,
    PLACE,
    RESOURCE,
    SITE,
    WORDS,
    event,
    given,
    marked,
    opened,
    passages,
    places,
    revised,
)

START = ARTICLE.index(WORDS)
END = START + len(WORDS)
GONE = ARTICLE.replace(f", and {WORDS}", "")


async def test_a_passage_moves_with_its_words_is_orphaned_and_found_again(app: App) -> None:
    await given(app, opened(), marked("p", WORDS))
    assert await places(app) == {"p": ("anchored", None, None)}
    for revision, text, expected in (
        ("r1", ARTICLE, ("anchored", START, END)),
        ("r2", f"Preface. {ARTICLE}", ("moved", START + 9, END + 9)),
        ("r3", GONE, ("orphaned", None, None)),
        ("r4", f"Oh. {GONE}", ("orphaned", None, None)),
        ("r5", ARTICLE, ("anchored", START, END)),
        ("r6", ARTICLE.replace("sails", "sail"), ("moved", START, END - 1)),
    ):
        (outcome,) = await given(app, revised(revision, text))
        assert outcome.id == ids.discussion_id(SITE, RESOURCE)
        page = await app.passages(SITE, RESOURCE, min_position=outcome.position or 0)
        assert page is not None
        (shown,) = page.passages
        assert (shown.state, shown.start, shown.end) == expected, revision
        assert (shown.exact, shown.prefix, shown.suffix) == (WORDS, None, None)
    assert await app.verify() == []


async def test_a_passage_marked_in_a_known_text_is_described_by_it(app: App) -> None:
    await given(app, opened(), revised("r1", f"{ARTICLE}\n{ARTICLE}"))
    second = len(ARTICLE) + 1 + START
    await given(
        app,
        marked("first", WORDS),
        marked("said", WORDS, start=second, end=second + len(WORDS)),
        marked("near", WORDS, start=second + 3),
        marked("typo", WORDS.replace("ordered", "orderd"), prefix="and ", start=0),
        marked("nowhere", "the engines ordered astern"),
    )
    found = await passages(app)
    assert await places(app) == {
        "first": ("anchored", START, END),
        "typo": ("moved", START, END),
        "said": ("anchored", second, second + len(WORDS)),
        "near": ("anchored", second, second + len(WORDS)),
        "nowhere": ("orphaned", None, None),
    }
    quote = describe(ARTICLE, START, END)
    assert (found["first"].prefix, found["first"].suffix) == (quote.prefix, quote.suffix)
    assert found["typo"].prefix == "and "
    assert found["nowhere"].prefix is None
    assert await app.verify() == []


async def test_the_answer_is_where_the_revision_stands_after_all_it_concludes(app: App) -> None:
    await given(app, opened(), marked("a", "timber"), marked("b", "nine of them"))
    head = await app.head()
    text = revised("r1", ARTICLE)
    (outcome,) = await given(app, text)
    assert outcome.position == await app.head() == head + 3
    rows = await app.log.read_after(head, 10)
    assert [row.topic for row in rows] == ["passage.moved", "passage.moved", "article.revised"]
    assert len({row.event_id for row in rows}) == 1
    (again,) = await app.publish([text])
    assert (again.status, again.position, again.id) == ("duplicate", outcome.position, outcome.id)
    assert await app.head() == head + 3


async def test_the_same_revision_again_changes_nothing(app: App) -> None:
    await given(app, opened(), revised("r1", ARTICLE))
    html = event("article.revised", revision="r1", html=f"<p>{ARTICLE}</p>")
    for same in (revised("r1", ARTICLE), revised("r1", ARTICLE.replace("\n", "\r\n")), html):
        (outcome,) = await app.publish([same])
        assert outcome.status == "unchanged"
    (other,) = await app.publish([revised("r1", "Another text.")])
    assert other.refusal is not None
    assert other.refusal.name == "different-content"


async def test_a_revision_that_comes_late_changes_nothing(app: App) -> None:
    late, now = "2026-11-22T08:00:00Z", "2026-11-22T09:00:00Z"
    await given(app, opened(), marked("p", WORDS), revised("r2", ARTICLE, time=now))
    (outcome,) = await app.publish([revised("r1", GONE, time=late)])
    assert outcome.status == "unchanged"
    await given(app, revised("r3", GONE, time=now))
    assert (await places(app))["p"][0] == "orphaned"


async def test_an_earlier_revision_may_come_back(app: App) -> None:
    await given(app, opened(), marked("p", WORDS))
    for revision, text in (("r1", ARTICLE), ("r2", GONE), ("r1", ARTICLE)):
        await given(app, revised(revision, text))
    assert (await places(app))["p"] == ("anchored", START, END)


async def test_later_events_of_a_batch_see_the_earlier_ones(app: App) -> None:
    await given(
        app,
        opened(),
        marked("a", WORDS),
        revised("r1", ARTICLE),
        marked("b", "nine of them"),
        revised("r2", f"Oh. {ARTICLE}"),
        event(
            "comment.posted", comment="c", passage="b", author={"id": "u", "name": "U"}, body="!"
        ),
    )
    assert await places(app) == {
        "a": ("moved", START + 4, END + 4),
        "b": ("moved", ARTICLE.index("nine") + 4, ARTICLE.index("nine") + 16),
    }
    assert (await passages(app))["b"].comments == 1


async def test_marked_at_the_same_time_as_revised_it_is_anchored_too(app: App) -> None:
    await given(app, opened(), revised("r0", ARTICLE))
    found: dict[str | None, tuple[str, int | None, int | None]] = {}
    for number in range(1, 6):
        text = f"{'x ' * number}{ARTICLE}"
        await asyncio.gather(
            given(app, revised(f"r{number}", text)),
            *(given(app, marked(f"p{number}.{n}", WORDS)) for n in range(3)),
        )
        found = await places(app)
        assert {where[1:] for where in found.values()} == {(START + 2 * number, END + 2 * number)}
    assert len(found) == 15
    assert await app.verify() == []


async def test_an_unmarked_passage_goes_along_and_may_come_back(app: App) -> None:
    await given(app, opened(), marked("p", WORDS, question="Why?"), revised("r1", ARTICLE))
    comment = {"comment": "c", "passage": "p", "author": {"id": "u", "name": "U"}, "body": "!"}
    await given(app, event("comment.posted", **comment), event("passage.unmarked", passage="p"))
    await given(app, revised("r2", f"Oh. {ARTICLE}"))
    assert await places(app) == {}
    await given(app, marked("p", WORDS, question="Why not?"))
    shown = (await passages(app))["p"]
    assert (shown.state, shown.start, shown.question, shown.comments) == (
        "moved",
        START + 4,
        "Why not?",
        1,
    )


async def test_html_is_the_text_a_browser_shows(app: App) -> None:
    html = "<h1>Ferry</h1>\r\n<p>The <b>cap</b>tain &amp; the\u00a0mate.</p><script>no</script>"
    await given(app, opened(), marked("p", "captain & the mate"))
    await given(app, event("article.revised", revision="r1", html=html))
    assert await places(app) == {"p": ("anchored", 10, 28)}


async def test_texts_may_be_dropped_and_the_passages_stay(app: App) -> None:
    await given(app, opened(), marked("p", WORDS), revised("r1", ARTICLE))
    rows = await app.log.read_streams([ids.article_id(ids.discussion_id(**PLACE))])
    assert ARTICLE.encode() not in b"".join(row.state for one in rows.values() for row in one)
    assert await app.drop_text(SITE, RESOURCE, "r1")
    assert not await app.drop_text(SITE, RESOURCE, "r1")
    assert not await app.drop_text(SITE, RESOURCE, "never")
    assert (await places(app))["p"] == ("anchored", START, END)
    await given(app, marked("q", "nine of them"), revised("r2", f"Oh. {ARTICLE}"))
    assert (await places(app))["p"] == ("moved", START + 4, END + 4)
    assert await app.verify() == []


async def test_an_article_that_has_moved_is_revised_under_either_name(app: App) -> None:
    await given(app, opened(), marked("p", WORDS), revised("r1", ARTICLE))
    await given(app, event("discussion.moved", to="/boat"))
    moved = revised("r2", f"Oh. {ARTICLE}")
    moved["data"]["resource"] = "/boat"
    mark = marked("q", "timber")
    mark["data"]["resource"] = "/boat"
    await given(app, moved, mark)
    assert (await places(app))["p"] == ("moved", START + 4, END + 4)
    assert (await places(app))["q"][0] == "anchored"
    await given(app, revised("r3", ARTICLE))
    assert (await places(app))["p"] == ("anchored", START, END)
    assert await app.drop_text(SITE, "/boat", "r2")
    assert await app.drop_text(SITE, RESOURCE, "r3")
