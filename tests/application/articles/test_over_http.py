"""Articles and their passages over HTTP: what persons mark, what readers are told, limits."""

import asyncio
import json
from typing import Any

import pytest

from rostra import ids
from rostra.limits import ARTICLE_BYTES_MAX
from support.article_publishing import ARTICLE, WORDS
from support.listening import Listener, listening
from support.service import PLACE, Answer, Service, event, opened, posted, serving, token

SITE = PLACE["site"]
DISCUSSION = ids.discussion_id(SITE, PLACE["resource"])
PASSAGES = f"/v1/discussions/{DISCUSSION}/passages"
ANN, BOB = (token("comment", site=SITE, person=name) for name in ("ann", "bob"))
MIA = token("moderate", site=SITE, person="mia")
START = ARTICLE.index(WORDS)
END = START + len(WORDS)


@pytest.fixture
async def service() -> Any:
    async with serving() as service:
        yield service


def revised(revision: str, text: str) -> dict[str, Any]:
    return event("article.revised", revision=revision, text=text)


async def mark(service: Service, who: str, key: str | None = None, **body: Any) -> Answer:
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key
    content = json.dumps(body).encode()
    return await service.ask("POST", PASSAGES, token=who, headers=headers, body=content)


async def shown(service: Service, who: str | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await service.get(PASSAGES, token=who)).json["passages"]
    return found


async def test_the_same_stretch_marked_by_different_people_is_one_passage(
    service: Service,
) -> None:
    await service.given(opened(), revised("r1", ARTICLE))
    where = {"exact": WORDS, "prefix": "and ", "suffix": ".", "start": START, "end": END}
    first = await mark(service, ANN, "k", **where)
    second = await mark(service, BOB, "k", **where)
    assert (first.status, second.status) == (201, 200)
    assert second.json["id"] == first.json["id"]
    assert (await mark(service, BOB, "k", **where)).json["id"] == first.json["id"]
    assert (await mark(service, ANN, "k", **where)).json == first.json
    other = await mark(service, BOB, exact="the sails reefed", start=END - 16, end=END)
    assert other.status == 201
    assert other.json["id"] != first.json["id"]
    assert [(it["state"], it["start"], it["end"]) for it in await shown(service, MIA)] == [
        ("anchored", START, END),
        ("anchored", END - 16, END),
    ]


async def test_a_stretch_is_known_by_its_place_however_it_was_selected(service: Service) -> None:
    await service.given(opened(), revised("r1", f"{ARTICLE}\n{ARTICLE}"))
    first = await mark(service, ANN, exact=WORDS, prefix="turned, and ")
    again = await mark(service, BOB, exact=WORDS.replace(" ", "\u00a0"), start=START - 2)
    assert again.json["id"] == first.json["id"]
    far = len(ARTICLE) + 1 + START
    other = await mark(service, BOB, exact=WORDS, start=far, end=far + len(WORDS))
    assert other.json["id"] != first.json["id"]


async def test_a_publishers_passage_is_joined_too_but_not_once_it_is_unmarked(
    service: Service,
) -> None:
    passage = event("passage.marked", passage="p", exact=WORDS, question="Why?")
    _, _, theirs = await service.given(opened(), revised("r1", ARTICLE), passage)
    joined = await mark(service, ANN, exact=WORDS)
    assert joined.json["id"] == theirs
    await service.given(event("passage.unmarked", passage="p"))
    own = await mark(service, ANN, exact=WORDS)
    assert (own.status, own.json["id"] != theirs) == (201, True)


async def test_two_people_mark_the_same_stretch_at_the_same_time(service: Service) -> None:
    await service.given(opened(), revised("r1", ARTICLE))
    people = [token("comment", site=SITE, person=f"p{n}") for n in range(8)]
    answers = await asyncio.gather(*(mark(service, who, exact=WORDS) for who in people))
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert len(await shown(service, MIA)) == 1


async def test_people_mark_overlapping_passages(service: Service) -> None:
    await service.given(opened(), revised("r1", ARTICLE))
    spans = [(4, 40), (20, 60), (20, 30)]
    for (start, end), who in zip(spans, (ANN, BOB, ANN), strict=True):
        answer = await mark(service, who, exact=ARTICLE[start:end], start=start, end=end)
        assert answer.status == 201
    await service.given(revised("r2", f"Oh. {ARTICLE}"))
    found = [(it["start"] - 4, it["end"] - 4) for it in await shown(service, MIA)]
    assert sorted(found) == sorted(spans)


@pytest.mark.parametrize("exact", ["", " \n", "\u200b\u00ad"])
async def test_an_empty_quote_is_refused(service: Service, exact: str) -> None:
    await service.given(opened())
    answer = await mark(service, ANN, exact=exact)
    assert (answer.status, answer.problem) == (422, "invalid-body")
    answer = await service.publish(event("passage.marked", passage="p", exact=exact))
    assert (answer.status, answer.problem) == (422, "invalid-event")


async def test_readers_are_told_where_passages_went(service: Service) -> None:
    await service.given(opened())
    async with listening(
        f"{service.url}/v1/discussions/{DISCUSSION}/live?min_position=1"
    ) as listener:
        await service.given(event("passage.marked", passage="p", exact=WORDS))
        await told(listener)
        for revision, text, expected in (
            ("r1", ARTICLE, ("anchored", START, END)),
            ("r2", f"Oh. {ARTICLE}", ("moved", START + 4, END + 4)),
            ("r3", "Nothing of it.", ("orphaned", None, None)),
        ):
            await service.given(revised(revision, text))
            data = await told(listener)
            assert (data["state"], data["start"], data["end"]) == expected


async def told(listener: Listener) -> dict[str, Any]:
    async with asyncio.timeout(60):
        _, name, data = await listener.next()
    assert name == "passage"
    return dict(data)


async def test_a_page_that_is_kept_is_dropped_when_passages_move(service: Service) -> None:
    await service.given(opened(), event("passage.marked", passage="p", exact=WORDS))
    await service.given(revised("r1", ARTICLE))
    assert [it["start"] for it in await shown(service)] == [START]
    for number in range(1, 4):
        await service.given(revised(f"n{number}", "x" * number + f" {ARTICLE}"))
        assert [it["start"] for it in await shown(service)] == [START + number + 1]


async def test_what_does_not_fit_is_refused(service: Service) -> None:
    await service.given(opened())
    for data, path in (
        ({"revision": "r"}, "data"),
        ({"revision": "r", "text": "a", "html": "b"}, "data"),
        ({"text": "a"}, "data.revision"),
        ({"revision": "r", "text": 1}, "data.text"),
    ):
        answer = await service.publish(event("article.revised", **data))
        assert (answer.status, answer.problem) == (422, "invalid-event"), data
        assert answer.json["errors"][0]["path"] == path
    unknown = {**event("article.revised", revision="r", text="a")}
    unknown["data"] = {**unknown["data"], "resource": "/unknown"}
    answer = await service.publish(unknown)
    assert (answer.status, answer.problem) == (422, "unknown-discussion")
    deep = event("article.revised", revision="r", html="<div>" * 20_000)
    assert (await service.publish(deep)).problem == "html-too-deep"
    assert await service.app.head() == 1


async def test_a_text_of_four_mebibytes_is_taken_and_no_more(service: Service) -> None:
    await service.given(opened())
    most = "ä" * (ARTICLE_BYTES_MAX // 2)
    answer = await service.publish(revised("r2", f"{most}a"))
    assert (answer.status, answer.problem) == (422, "invalid-event")
    assert str(ARTICLE_BYTES_MAX) in answer.json["detail"]
    await service.given(revised("r1", most))
    feed = await service.get("/v1/events", token=token())
    assert feed.json[-1]["data"]["text"] == most


async def test_the_feed_carries_revisions_and_not_what_they_concluded(service: Service) -> None:
    mine = event("passage.marked", passage="p", exact=WORDS)
    await service.given(opened(), mine, revised("r1", ARTICLE.replace("\n", "\r\n")))
    html = event("article.revised", revision="r2", html=f"<h1>Oh</h1><p>{ARTICLE}</p>")
    await service.given(html, posted(passage="p"))
    await mark(service, ANN, exact="timber")
    told = (await service.get("/v1/events", token=token())).json
    ours = {"site": SITE, "resource": PLACE["resource"], "discussion_id": str(DISCUSSION)}
    assert [one["data"] for one in told if one["type"] == "article.revised"] == [
        {**ours, "revision": "r1", "text": ARTICLE},
        {**ours, "revision": "r2", "text": f"Oh\n{ARTICLE}"},
    ]
    types = {one["type"] for one in told}
    assert types.isdisjoint({"passage.moved", "passage.orphaned", "article.marked"})
    async with serving() as other:
        await other.given(*told)
        assert await shown(other) == await shown(service)


async def test_the_feed_says_which_texts_were_dropped(service: Service) -> None:
    await service.given(opened(), event("passage.marked", passage="p", exact=WORDS))
    await service.given(revised("r1", f"Oh. {ARTICLE}"), revised("r2", ARTICLE))
    assert await service.app.drop_text(SITE, PLACE["resource"], "r1")
    told = (await service.get("/v1/events", token=token())).json
    assert (told[2]["data"]["text"], told[2]["data"]["dropped"]) == (None, True)
    async with serving() as other:
        results = await other.batch(told)
        assert [it["status"] for it in results] == [*["recorded"] * 2, "unchanged", "recorded"]
        (here,), (there,) = await shown(service), await shown(other)
        assert (here["start"], here["end"]) == (there["start"], there["end"]) == (START, END)


async def test_where_passages_stood_can_be_read_again(service: Service) -> None:
    await service.given(opened(), event("passage.marked", passage="p", exact=WORDS))
    stood = []
    for number, text in enumerate((ARTICLE, f"Oh. {ARTICLE}", "Nothing of it.", ARTICLE)):
        answer = await service.publish(revised(f"r{number}", text))
        shape = (await shown(service))[0]
        stood.append((answer.json["position"], [shape[it] for it in ("state", "start", "end")]))
    assert [state for _, (state, _, _) in stood] == ["anchored", "moved", "orphaned", "anchored"]
    for position, place in stood:
        for format_ in ({}, {"format": "annotation"}):
            then = (await service.get(PASSAGES, as_of=position, **format_)).json
            if not format_:
                (shape,) = then["passages"]
                assert [shape[it] for it in ("state", "start", "end")] == place
            else:
                selectors = then["items"][0]["target"]["selector"]
                assert [it["start"] for it in selectors[1:]] == [it for it in place[1:2] if it]
