"""`as_of`: a discussion as it stood, and what of it is for moderators alone by now."""

import re
from typing import Any

import pytest

from rostra import ids
from support.service import PLACE, Service, event, opened, posted, token, voted

DISCUSSION = ids.discussion_id(PLACE["site"], PLACE["resource"])
HERE = f"/v1/discussions/{DISCUSSION}"
COMMENT = f"/v1/comments/{ids.comment_id(DISCUSSION, 'c1')}"
READS = [
    HERE,
    f"{HERE}/comments",
    f"{HERE}/comments?order=oldest",
    f"{HERE}/comments?order=most_voted&flat=true",
    f"{HERE}/comments?order=best&inline=true",
    f"{HERE}/passages",
    f"{HERE}/moderation-log",
    COMMENT,
    f"{COMMENT}/replies",
    f"{COMMENT}/history",
]


async def asked(service: Service, path: str, as_of: object, *, by: str | None = None) -> Any:
    joined = "&" if "?" in path else "?"
    return await service.ask("GET", f"{path}{joined}as_of={as_of}", token=by)


@pytest.mark.parametrize("path", READS)
async def test_every_read_is_answered_as_it_was_then(service: Service, path: str) -> None:
    await service.given(
        opened(title="Trams"),
        event("passage.marked", passage="p1", exact="trams"),
        posted(passage="p1"),
        posted("c2", parent="c1"),
        voted(1),
    )
    position = await service.app.head()
    then = await service.get(path)
    assert then.status == 200, then.body
    await service.given(
        opened(settings={"edit_seconds": 60}),
        posted("c3", parent="c1"),
        posted("c4"),
        voted(-1, voter="eve"),
        event("comment.pinned", comment="c4"),
        event("passage.closed", passage="p1"),
    )
    assert (await service.get(path)).body != then.body or path.endswith("history")
    found = await asked(service, path, position)
    assert (found.status, _without_cursor(found.body)) == (200, _without_cursor(then.body))


def _without_cursor(body: bytes) -> bytes:
    """Return an answer without the cursor of further replies, which says when it is of."""
    return re.sub(rb'"next_children":"[^"]*"', b'"next_children":""', body)


async def test_further_replies_to_a_past_comment_are_those_of_then(service: Service) -> None:
    await service.given(opened(), posted(), posted("c2", parent="c1"))
    position = await service.app.head()
    await service.given(posted("c3", parent="c1"))
    cursor = (await asked(service, COMMENT, position)).json["next_children"]
    for more in ("", f"&as_of={position}"):
        page = await service.get(f"{COMMENT}/replies?cursor={cursor}{more}")
        assert [one["key"] for one in page.json["comments"]] == ["c2"]


async def test_a_time_means_the_clock_of_recording(service: Service) -> None:
    await service.given(opened(), posted(time="2020-01-01T00:00:00Z"))
    rows = await service.app.log.read_after(0, 10)
    at = str(rows[-1].metadata).split('"at":"')[1][:27].replace(" ", "")
    assert len((await asked(service, f"{HERE}/comments", at)).json["comments"]) == 1
    assert (await asked(service, f"{HERE}/comments", "2020-06-01T00:00:00Z")).status == 404


@pytest.mark.parametrize("as_of", ["1000", "-1", "soon", "2999-01-01T00:00:00Z", "", "1&as_of=1"])
async def test_what_has_not_been_is_refused(service: Service, as_of: str) -> None:
    await service.given(opened())
    answer = await asked(service, f"{HERE}/comments", as_of)
    assert (answer.status, answer.problem) == (400, "bad-query")


async def test_before_it_was_opened_it_is_unknown(service: Service) -> None:
    await service.given(opened(resource="/other"), opened(), posted())
    for path in [HERE, f"{HERE}/comments", f"{HERE}/passages", f"{HERE}/moderation-log", COMMENT]:
        assert (await asked(service, path, 1)).status == 404
    assert (await asked(service, COMMENT, 2)).status == 404
    assert (await asked(service, f"{COMMENT}/history", 2)).status == 404


@pytest.mark.parametrize("verb", ["removed", "rejected", "held"])
async def test_words_now_withdrawn_are_for_moderators_and_their_author(
    service: Service, verb: str
) -> None:
    await service.given(opened(), posted(body="Secret."), posted("c2", parent="c1"))
    await service.get(f"{HERE}/comments")
    then = await service.app.head()
    before = await asked(service, f"{HERE}/comments", then)
    assert b"Secret." in before.body
    await service.given(event(f"comment.{verb}", comment="c1", by="mod"))
    author = token("comment", person="ann", site="gazette")
    for path in (f"{HERE}/comments", COMMENT, f"{COMMENT}/history"):
        for reader in (None, token("comment", person="bob", site="gazette")):
            answer = await asked(service, path, then, by=reader)
            assert answer.status == 200
            assert b"Secret." not in answer.body, (path, reader)
            assert b"Ann" not in answer.body or path == f"{HERE}/comments"
        for reader in (token("moderate"), author):
            inside = await asked(service, path, then, by=reader)
            assert b"Secret." in inside.body
    after = await asked(service, f"{HERE}/comments", then)
    assert after.json["comments"][0]["status"] == verb
    assert after.json["total"] == before.json["total"]
    assert after.headers["ETag"] != before.headers["ETag"]


@pytest.mark.parametrize("wordings", [None, "moderators", "public"])
async def test_a_wording_edited_since_is_for_moderators_and_its_author(
    service: Service, wordings: str | None
) -> None:
    settings = {} if wordings is None else {"wordings": wordings}
    await service.given(opened(settings=settings), posted(body="Secret."))
    then = await service.app.head()
    edit = event("comment.edited", comment="c1", body="Better.")
    await service.given(edit, posted("c2", parent="c1"))
    author, bob = (token("comment", person=who, site="gazette") for who in ("ann", "bob"))
    for reader, sees in [(None, False), (bob, False), (author, True), (token("moderate"), True)]:
        body = "Secret." if sees or wordings == "public" else "Better."
        for path in (f"{HERE}/comments", COMMENT):
            found = (await asked(service, path, then, by=reader)).json
            shape = found["comments"][0] if "comments" in found else found
            assert (shape["body"], shape["replies"]) == (body, 0)
            assert (shape["edited_at"] is None) == (body == "Secret.")
            assert body[:-1] in shape["html"]
        [only] = (await asked(service, f"{COMMENT}/history", then, by=reader)).json["events"]
        assert only["body"] == (body if body == "Secret." else None)
        today = (await service.get(f"{COMMENT}/history", token=reader)).json["events"]
        earlier = "Secret." if body == "Secret." else None
        assert [one["body"] for one in today] == [earlier, "Better."]
        assert (await service.get(COMMENT, token=reader)).json["body"] == "Better."


async def test_public_wordings_are_those_that_were_published(service: Service) -> None:
    rules = {"moderation": "all", "wordings": "public"}
    await service.given(
        opened(settings=rules),
        posted(body="Never seen."),
        event("comment.edited", comment="c1", body="First.", status="published"),
        event("comment.approved", comment="c1", by="mia"),
        event("comment.edited", comment="c1", body="Spam.", status="held"),
        event("comment.rejected", comment="c1", by="mia"),
        event("comment.edited", comment="c1", body="Second.", status="held"),
        event("comment.approved", comment="c1", by="mia"),
        event("comment.edited", comment="c1", body="Waits.", status="held"),
    )
    head = await service.app.head()
    history = (await service.get(f"{COMMENT}/history")).json["events"]
    assert [one["body"] for one in history if one["body"]] == ["First.", "Second."]
    for past in range(1, head + 1):
        for path in (f"{HERE}/comments", COMMENT, f"{COMMENT}/history"):
            seen = (await asked(service, path, past)).body
            assert not any(word in seen for word in (b"Never", b"Spam", b"Waits"))
    assert (await asked(service, COMMENT, 4)).json["body"] == "First."
    assert (await asked(service, COMMENT, head)).json["body"] == "Second."


async def test_titles_replaced_and_passages_unmarked_since_are_for_moderators(
    service: Service,
) -> None:
    mark = event("passage.marked", passage="p1", exact="secret words", question="Old?")
    await service.given(
        opened(title="Secret", url="https://secret.example/"), mark, posted(passage="p1")
    )
    then = await service.app.head()
    await service.given(
        opened(title="Trams", url="https://a.example/"),
        event("passage.marked", passage="p1", exact="secret words", question="New?"),
    )
    reworded = await service.app.head()
    await service.given(event("passage.unmarked", passage="p1"))
    somebody = token("comment", site="gazette")
    for reader, sees in [(None, False), (somebody, False), (token("moderate"), True)]:
        for more in ("", "?format=annotation"):
            page = await asked(service, f"{HERE}/passages{more}", then, by=reader)
            assert page.status == 200
            assert (b"secret" in page.body.lower()) is sees
        found = (await asked(service, HERE, then, by=reader)).json
        assert found["title"] == ("Secret" if sees else "Trams")
        assert found["url"] == ("https://secret.example/" if sees else "https://a.example/")
    await service.given(
        event("passage.marked", passage="p1", exact="secret words", question="Newest?")
    )
    for position in (then, reworded):
        [shown] = (await asked(service, f"{HERE}/passages", position)).json["passages"]
        assert shown["question"] == "Newest?"


async def test_who_is_erased_is_erased_from_every_past(service: Service) -> None:
    await service.given(opened(), posted(body="Secret."))
    then = await service.app.head()
    erased = event("person.erased", person="ann")
    del erased["data"]["resource"]
    await service.given(erased)
    for reader in (None, token("moderate")):
        answer = await asked(service, f"{HERE}/comments", then, by=reader)
        assert b"Secret." not in answer.body
        assert answer.json["comments"][0]["status"] == "erased"


async def test_a_cursor_stays_where_its_list_was_begun(service: Service) -> None:
    await service.given(opened(), *(posted(f"c{n}") for n in range(6)))
    then = await service.app.head()
    first = (await asked(service, f"{HERE}/comments?limit=4&order=oldest", then)).json
    await service.given(posted("later"), event("comment.pinned", comment="c5"))
    for more in ("", f"&as_of={then}"):
        path = f"{HERE}/comments?limit=4&order=oldest&cursor={first['next']}{more}"
        rest = (await service.ask("GET", path)).json
        assert [one["key"] for one in rest["comments"]] == ["c4", "c5"]
        assert rest["next"] is None
    other = f"{HERE}/comments?limit=4&order=oldest&cursor={first['next']}&as_of={then - 1}"
    assert (await service.ask("GET", other)).problem == "bad-cursor"
    today = (await service.get(f"{HERE}/comments", limit=2)).json["next"]
    refused = await service.ask("GET", f"{HERE}/comments?limit=2&cursor={today}&as_of={then}")
    assert refused.problem == "bad-cursor"


async def test_ones_own_vote_is_that_of_then(service: Service) -> None:
    await service.given(opened(), posted(), voted(1))
    then = await service.app.head()
    await service.given(voted(-1))
    bob = token("comment", person="bob", site="gazette")
    assert (await asked(service, COMMENT, then, by=bob)).json["my_vote"] == 1
    assert (await asked(service, COMMENT, then + 1, by=bob)).json["my_vote"] == -1


async def test_lists_of_discussions_have_no_past(service: Service) -> None:
    answer = await service.ask("GET", "/v1/sites/gazette/discussions?as_of=1")
    assert (answer.status, answer.problem) == (400, "bad-query")
    assert (await service.ask("GET", "/v1/counts?site=s&resource=a&as_of=1")).status == 400
    assert (await service.ask("GET", f"{HERE}/live?as_of=1")).status in (400, 404)
