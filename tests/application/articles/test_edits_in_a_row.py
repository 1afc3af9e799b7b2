"""Random edits, published one after another: what holds of anchoring holds of what is read."""

import os
import random

from rostra_adapters.application.app import App
from support.article_publishing import event, given, marked, opened, passages, places, revised
from support.drafts import Draft

EDITS = 1_000 if "ROSTRA_TEST_LARGE" in os.environ else 40
PASSAGES = 8


async def test_edits_elsewhere_never_lose_a_passage(app: App) -> None:
    draft = Draft(random.Random(7), words=200, passages=PASSAGES)
    await given(app, opened(), revised("r", draft.text))
    spans = draft.spans()
    marks = [
        marked(f"p{n}", draft.text[start:end], start=start, end=end)
        for n, (start, end) in enumerate(spans)
    ]
    await given(app, *marks)
    for number in range(EDITS):
        draft.edit()
        await given(app, revised(f"r{number}", draft.text))
        found = await passages(app)
        for n, (start, end) in enumerate(draft.spans()):
            shown = found[f"p{n}"]
            assert (shown.start, shown.end) == (start, end)
            assert shown.state == ("anchored" if start == spans[n][0] else "moved")
            assert draft.text[start:end] == shown.exact
    assert await app.verify() == []


async def test_deleted_words_are_orphaned_alone_and_return_when_put_back(memory_app: App) -> None:
    app, chance = memory_app, random.Random(8)
    draft = Draft(chance, words=200, passages=PASSAGES)
    comments = [
        event(
            "comment.posted",
            comment=f"c{n}",
            passage=f"p{n}",
            author={"id": "ann", "name": "Ann"},
            body="Hm.",
        )
        for n in range(PASSAGES)
    ]
    await given(app, opened(), revised("r", draft.text))
    marks = [marked(f"p{n}", draft.text[a:b], start=a) for n, (a, b) in enumerate(draft.spans())]
    await given(app, *marks, *comments)
    for number in range(EDITS):
        draft.edit()
        spans = draft.spans()
        cut = chance.randrange(PASSAGES)
        without = draft.text[: spans[cut][0]] + draft.text[spans[cut][1] :]
        await given(app, revised(f"without {number}", without))
        found = await places(app)
        assert [key for key, place in found.items() if place[0] == "orphaned"] == [f"p{cut}"]
        assert found[f"p{cut}"][1:] == (None, None)
        await given(app, revised(f"with {number}", draft.text))
        found = await places(app)
        assert [found[f"p{n}"][1:] for n in range(PASSAGES)] == spans
    assert all(one.comments == 1 for one in (await passages(app)).values())
