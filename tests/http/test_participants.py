"""Participants of a discussion, and mentions of them in a comment's HTML."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rostra import ids
from rostra_adapters.application.queries.mentions import Mentioned, begins_with, link_mentions
from support.service import Event, Service, event, opened, posted, serving, token

DISCUSSION = ids.discussion_id("gazette", "/trams")
HERE = f"/v1/discussions/{DISCUSSION}"
COMMENT = ids.comment_id(DISCUSSION, "a1")
NAMES = {"a": "Ann", "b": "Ann Bell", "c": 'Q <b> & "R"', "d": "Élodie Żak"}
COST_MAX = 3.0
"""Processor time of a search among all names, in that of a page of comments."""


@pytest.fixture(params=["memory", "postgres"])
async def service(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    """A service over views in memory, and over those of PostgreSQL."""
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with serving(url) as service:
        yield service


def said(key: str, person: str, **data: Any) -> Event:
    author = {"id": person, "name": NAMES.get(person, person)}
    return posted(key, **{"author": author, "body": "Yes.", **data})


async def participants(service: Service, bearer: str | None = None, **params: Any) -> list[str]:
    answer = await service.get(f"{HERE}/participants", token=bearer, **params)
    assert answer.status == 200, answer.body
    for one in answer.json["participants"]:
        assert one["name"] == NAMES.get(one["id"], one["id"])
    return [one["id"] for one in answer.json["participants"]]


async def html_of(service: Service, key: str) -> str:
    page = await service.get("/v1/comments", site="gazette", resource="/trams", key=key)
    return str(page.json["html"])


async def test_authors_of_shown_comments_are_listed_the_latest_first(service: Service) -> None:
    unknown = await service.get(f"{HERE}/participants")
    assert unknown.status == 404
    await service.given(opened(), said("a1", "a"), said("b1", "b"), said("c1", "c"))
    await service.given(said("a2", "a"), said("d1", "d", status="held"))
    assert await participants(service) == ["a", "c", "b"]
    await service.given(event("comment.approved", comment="d1", by="m"))
    await service.given(event("comment.removed", comment="c1", by="m"))
    assert await participants(service) == ["d", "a", "b"]
    erased = event("person.erased", person="b")
    del erased["data"]["resource"]
    await service.given(erased)
    assert await participants(service) == ["d", "a"]
    first = await service.get(f"{HERE}/participants")
    again = {"If-None-Match": first.headers["ETag"]}
    same = await service.ask("GET", f"{HERE}/participants", headers=again)
    assert same.status == 304
    assert first.json["position"] == (await service.get(HERE)).json["position"]


async def test_a_name_in_a_removed_comment_is_not_shown(service: Service) -> None:
    rude = {"id": "a", "name": "Rude"}
    await service.given(opened(), said("a1", "a"), said("a2", "a", author=rude))
    await service.given(said("b1", "b", body="You are right, @a."))
    await service.given(event("comment.removed", comment="a2", by="m"))
    assert await participants(service) == ["b"]
    await service.given(said("a3", "a"))
    assert await participants(service) == ["a", "b"]


async def test_a_prefix_finds_names_by_any_word_and_case(service: Service) -> None:
    await service.given(opened(), *(said(f"{one}1", one) for one in NAMES))
    for prefix, found in {
        "": ["d", "c", "b", "a"], "ann": ["b", "a"], "BELL": ["b"], "ann b": ["b"], "żA": ["d"],
        "ÉLO": ["d"], "nn": [], "%": [], "q <b>": ["c"],
    }.items():  # fmt: skip
        assert await participants(service, prefix=prefix) == found, prefix
    long = await service.get(f"{HERE}/participants", prefix="x" * 101)
    assert (long.status, long.problem) == (400, "bad-query")


async def test_a_private_discussion_tells_nobody_its_participants(service: Service) -> None:
    await service.given(opened(settings={"private": True}), said("a1", "a"))
    assert (await service.get(f"{HERE}/participants")).status == 404
    reader = token("read", site="gazette", person="r")
    assert await participants(service, reader) == ["a"]
    other = token("read", site="elsewhere", person="r")
    assert (await service.get(f"{HERE}/participants", token=other)).status == 404


async def test_html_links_the_mentioned_alone_by_their_current_names(service: Service) -> None:
    await service.given(opened(), said("a1", "a"), said("b1", "b"), said("c1", "c"))
    body = 'See @Ann, @Ann Bell, @Q \\<b> & "R" and @Somebody.\n\n`@Ann` me@Ann @Anna'
    await service.given(said("m", "d", body=body, mentions=["a", "c"]), said("n", "d", body=body))
    html = await html_of(service, "m")
    assert f'<a class="mention" data-person="a" href="#comment-{COMMENT}">@Ann</a>,' in html
    assert html.count('class="mention"') == 3  # "@Ann Bell" mentions Ann, since b is not named
    assert 'data-person="c"' in html
    assert "&lt;b&gt; &amp;" in html
    assert "<code>@Ann</code> me@Ann @Anna" in html
    assert "mention" not in await html_of(service, "n")
    await service.given(said("o", "d", body=body, mentions=["b", "a"]))
    assert 'data-person="b"' in await html_of(service, "o")
    listed = await service.get(f"{HERE}/comments", order="oldest", replies=0)
    assert listed.json["comments"][3]["html"] == html
    for path in (f"{HERE}/page", "/v1/sites/gazette/comments"):
        assert "data-person=" in (await service.get(path)).body.decode()
    assert "data-person=&quot;a" in (await service.get(f"{HERE}/feed.atom")).body.decode()
    configured = event("site.configured", settings={"names": "person"})
    await service.given(configured)
    renamed = await service.ask(
        "PATCH",
        "/v1/me",
        token=token("comment", site="gazette", person="a"),
        headers={"Content-Type": "application/json"},
        body=json.dumps({"name": "Anna"}).encode(),
    )
    assert renamed.status == 200
    await service.app.wait(await service.app.head())
    assert 'data-person="a" href' in await html_of(service, "m")
    assert ">@Anna</a>" in await html_of(service, "m")
    assert ">@Ann</a>" not in await html_of(service, "m")
    erased = event("person.erased", person="a")
    del erased["data"]["resource"]
    await service.given(erased)
    assert 'data-person="a"' not in await html_of(service, "m")


@pytest.mark.parametrize(
    ("html", "linked"),
    [
        ("<p>@Ann</p>", 1),
        ("<p>@Ann@Ann</p>", 1),
        ("<p>(@Ann) “@Ann”</p>", 2),
        ('<p><a href="https://x.example/@Ann" title="> @Ann">@Ann</a></p>', 0),
        ("<pre><code>@Ann\n</code></pre><p>@Ann</p>", 1),
        ("<p><em>@Ann</em></p>", 1),
        ("<p>@Annette @ANN</p>", 0),
    ],
)
def test_mentions_are_found_in_text_alone(html: str, linked: int) -> None:
    ann = Mentioned("a", "Ann", COMMENT)
    made = link_mentions(html, [ann])
    assert made.count('<a class="mention"') == linked
    assert (
        made.replace(
            f'<a class="mention" data-person="a" href="#comment-{COMMENT}">@Ann</a>', "@Ann"
        )
        == html
    )
    hostile = Mentioned('"><script>', "Ann", COMMENT)
    assert "<script>" not in link_mentions(html, [hostile])


def test_a_name_begins_with_a_prefix_at_any_word() -> None:
    assert begins_with("山田太郎", "山")
    assert begins_with("O'Neil", "neil")
    assert begins_with("ﬁona", "fi")
    assert not begins_with("Ann", "n")


async def test_a_search_of_names_costs_about_a_page_of_comments(service: Service) -> None:
    many = [said(f"k{n}", f"p{n}", body="Word. " * 20) for n in range(250)]
    await service.given(opened(), *many)

    async def cost(path: str) -> float:
        best = float("inf")
        for _ in range(5):
            begun = time.process_time()
            for n in range(4):
                answer = await service.get(path, wait=n)
                assert answer.status == 200
            best = min(best, time.process_time() - begun)
        return best

    await cost(f"{HERE}/comments?limit=100")
    page = await cost(f"{HERE}/comments?limit=100")
    assert await cost(f"{HERE}/participants?prefix=p1") < COST_MAX * page
