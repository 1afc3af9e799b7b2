"""The `ETag` of every read: a hash of its bytes, of the log's id and of the person."""

from collections.abc import Iterator

import pytest

from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.http.openapi.document import routes_of
from support.service import (
    SECRET,
    Answer,
    Service,
    event,
    forged,
    opened,
    posted,
    serving,
    token,
    voted,
)

DISCUSSION = ids.discussion_id("gazette", "/trams")
COMMENT = ids.comment_id(DISCUSSION, "c1")
NOT_CACHED = (
    "/v1/events",
    "/v1/discussions/{id}/live",
    "/v1/live",
    "/v1/me",
    "/mail/{link}",
    "/v1/me/inbox",
    "/v1/discussions/{id}/subscription",
    "/metrics",
    "/status",
    "/healthz",
    "/readyz",
)
QUERIES = {
    "/v1/discussions": ["site=gazette&resource=/trams"],
    "/v1/comments": ["site=gazette&resource=/trams", "site=gazette&resource=/trams&key=c1"],
    "/v1/discussions/{id}": ["", "as_of=7"],
    "/v1/discussions/{id}/comments": [
        "", "order=best", "flat=true", "inline=true", "limit=1", "as_of=7",
        f"passage={ids.passage_id(DISCUSSION, 'p1')}",
    ],
    "/v1/discussions/{id}/passages": ["", "format=annotation", "as_of=7"],
    "/v1/discussions/{id}/page": ["", f"comment={COMMENT}"],
    "/v1/comments/{id}": ["", "as_of=7"],
    "/v1/comments/{id}/history": ["", "as_of=7"],
    "/v1/counts": ["site=gazette&resource=/trams"],
    "/v1/rules": ["site=gazette&resource=/trams"],
    "/v1/moderation": ["site=gazette&status=held", "site=gazette&status=flagged"],
    "/v1/moderation/search": ["site=gazette&q=held"],
    "/v1/persons/{person}": ["site=gazette"],
    "/v1/persons/{person}/comments": ["site=gazette"],
}  # fmt: skip
CHANGES_WITH_ERASURE = (
    "/comments", "/comments?flat=true", "/v1/comments?site=gazette&resource=/trams",
    "/v1/comments?site=gazette&resource=/trams&key=c1", "/page", "/feed.atom",
    f"/v1/comments/{COMMENT}",
    f"/v1/comments/{COMMENT}/replies", f"/v1/comments/{COMMENT}/history", "status=held",
    "status=flagged", "/moderation-log", "/search?site=gazette&q=held",
    "/v1/persons/ann/comments?site=gazette", "/v1/persons/ann?site=gazette",
)  # fmt: skip


def urls(app: App) -> Iterator[str]:
    """Every read there is, with the queries that it is tried with."""
    for method, path in routes_of(make_app(app, HttpSettings(secret=SECRET))):
        if method != "get" or path in NOT_CACHED:
            continue
        about = COMMENT if path.startswith("/v1/comments") else DISCUSSION
        url = path.replace("{id}", str(about)).replace("{name}", "not-found")
        url = url.replace("{site}", "gazette").replace("{person}", "ann")
        for query in QUERIES.get(path, [""]):
            yield f"{url}?{query}" if query else url


async def given(service: Service) -> None:
    """Words of ann wherever words can be."""
    bob, mod = {"id": "bob", "name": "Bob"}, {"by": "ann"}
    await service.given(
        opened(title="Trams"),
        event("article.revised", revision="r1", text="On the trams, and off them."),
        event("passage.marked", passage="p1", exact="the trams", question="More?"),
        posted("c1", passage="p1", body="by ann"),
        posted("c2", author=bob, parent="c1"),
        posted("c3", parent="c1", body="a reply by ann"),
        posted("c4", author=bob),
        posted("c5", status="held", body="held words of ann"),
        event("comment.flagged", comment="c4", by="ann", reason="ann's reason"),
        event("comment.pinned", comment="c4", reason="ann's other reason", **mod),
        voted(on="c4", voter="ann"),
    )
    await service.catch_up()


def bearers() -> dict[str, str | None]:
    return {
        "anyone": None,
        "ann": token("comment", site="gazette", person="ann"),
        "moderator": token("moderate", site="gazette", person="mod"),
    }


async def read_all(service: Service) -> dict[tuple[str, str], Answer]:
    """Every read as everybody, those that they may not read left out."""
    found = {}
    for url in urls(service.app):
        for name, bearer in bearers().items():
            answer = await service.ask("GET", url, token=bearer)
            if answer.status in (401, 403):
                assert name != "moderator", url
                continue
            assert answer.status == 200, (url, name, answer.body)
            found[url, name] = answer
    return found


async def test_a_tag_changes_exactly_where_bytes_change_when_a_person_is_erased(
    database_url: str,
) -> None:
    async with serving(database_url) as service:
        await given(service)
        before = await read_all(service)
        erased = event("person.erased", person="ann")
        del erased["data"]["resource"]
        await service.given(erased)
        await service.catch_up()
        after = await read_all(service)
        assert before.keys() == after.keys()
        for key, answer in after.items():
            old = before[key]
            same = old.body == answer.body
            assert (old.headers["ETag"] == answer.headers["ETag"]) == same, key
        changed = {url for url, name in after if before[url, name].body != after[url, name].body}
        for ending in CHANGES_WITH_ERASURE:
            assert any(url.endswith(ending) for url in changed), ending
        for (url, name), answer in after.items():
            assert b"by ann" not in answer.body, (url, name)


async def test_every_read_answers_304_and_head_with_its_tag(service: Service) -> None:
    await given(service)
    people = bearers()
    for (url, name), answer in (await read_all(service)).items():
        etag, bearer = answer.headers["ETag"], people[name]
        assert etag.startswith('"'), url
        shows_a_view = url.startswith("/v1/")
        if shows_a_view:
            assert answer.headers["Vary"].startswith("Authorization"), url
            private = "private, no-cache" if bearer else "no-cache"
            assert answer.headers["Cache-Control"] == private, url
        same = await service.ask("GET", url, token=bearer, headers={"If-None-Match": etag})
        assert (same.status, same.body, same.headers["ETag"]) == (304, b"", etag), url
        other = await service.ask("GET", url, token=bearer, headers={"If-None-Match": '"x"'})
        assert other.status == 200, url
        head = await service.ask("HEAD", url, token=bearer)
        assert (head.status, head.body, head.headers["ETag"]) == (200, b"", etag), url
        assert ("Rostra-Position" in head.headers) == shows_a_view, url


@pytest.mark.parametrize("path", [f"/v1/discussions/{DISCUSSION}", "/v1/sites/gazette/discussions"])
async def test_a_tag_is_of_the_person_not_of_the_token(service: Service, path: str) -> None:
    await given(service)
    claims = {"sub": "ann", "scope": "comment", "site": "gazette"}
    ann, again = forged(**claims), forged(**claims, exp=4_102_444_801)
    bob = forged(**{**claims, "sub": "bob"})
    assert ann != again
    tags = [(await service.ask("GET", path, token=t)).headers["ETag"] for t in (ann, again, bob)]
    assert tags[0] == tags[1] != tags[2]
    assert tags[0] != (await service.ask("GET", path)).headers["ETag"]
