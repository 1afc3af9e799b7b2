"""`POST /v1/events`: what each event's result says."""

import asyncio
import json
from typing import Any

import pytest

from rostra import ids
from support.service import (
    BATCHED,
    STRUCTURED,
    Event,
    Service,
    event,
    opened,
    posted,
    serving,
    token,
    voted,
)
from support.wire import Answer, Wire, request

BINARY = "application/json"
BINARY_HEADERS = {
    "Content-Type": BINARY,
    "ce-specversion": "1.0",
    "ce-source": "urn:cms",
    "ce-type": "discussion.opened",
}


async def test_a_recorded_event_answers_201_with_its_position_and_id(service: Service) -> None:
    answer = await service.publish(opened(title="Trams") | {"id": "first"})
    assert answer.status == 201
    assert answer.json["event"] == "first"
    assert answer.json["status"] == "recorded"
    assert answer.json["position"] == 1
    discussion = (await service.get("/v1/discussions", site="gazette", resource="/trams")).json
    assert discussion["id"] == answer.json["id"]
    assert discussion["title"] == "Trams"


async def test_an_event_again_answers_200_duplicate_with_its_first_position(
    service: Service,
) -> None:
    await service.given(opened())
    once = posted()
    first = await service.publish(once)
    await service.given(posted("c2"))
    again = await service.publish(once)
    assert again.status == 200
    assert again.json == first.json | {"status": "duplicate"}
    assert await service.app.head() == 3


async def test_another_event_under_an_id_that_is_taken_is_a_conflict_in_every_mode(
    service: Service,
) -> None:
    comment, vote = posted(), voted(1)
    await service.given(opened(), comment, vote)
    edit = event("comment.edited", comment="c1", body="No.") | {"id": comment["id"]}
    other = vote | {"data": vote["data"] | {"value": -1}}
    for wrong in (edit, other):
        answer = await service.publish(wrong)
        assert (answer.status, answer.problem) == (409, "different-content")
        assert answer.json["retryable"] is False
    for told in (await service.batch([edit, vote, other]), await lines_of(service, edit, other)):
        assert {one["status"] for one in told} <= {"rejected", "duplicate"}
        problems = [one["problem"]["type"] for one in told if "problem" in one]
        assert problems == ["/problems/different-content"] * 2
    assert await service.app.head() == 3


async def test_another_process_tells_it_too(database_url: str) -> None:
    async with serving(database_url) as one, serving(database_url) as other:
        vote = voted(1)
        await one.given(opened(), posted(), vote)
        again = vote | {"time": "2026-01-03T00:00:00Z"}
        against = vote | {"data": vote["data"] | {"value": -1}}
        assert (await other.publish(again)).json["status"] == "duplicate"
        assert (await other.publish(against)).problem == "different-content"
        assert (await one.publish(against)).problem == "different-content"


async def lines_of(service: Service, *events: Event) -> list[Any]:
    body = b"".join(json.dumps(one).encode() + b"\n" for one in events)
    answer = await service.post(body, media_type="application/x-ndjson")
    return [json.loads(line) for line in answer.body.splitlines()]


async def test_what_changes_nothing_answers_200_unchanged_with_the_head(service: Service) -> None:
    await service.given(opened(), posted(), voted(1, time="2026-01-02T00:00:00Z"))
    older = await service.publish(voted(-1, time="2026-01-01T00:00:00Z"))
    assert older.status == 200
    assert older.json["status"] == "unchanged"
    assert older.json["position"] == 3
    assert await service.app.head() == 3


async def test_a_batch_answers_each_event_in_order_and_later_ones_see_earlier_ones(
    service: Service,
) -> None:
    comment = posted()
    orphan = voted(on="nowhere") | {"id": "orphan"}
    body = json.dumps([opened(), comment, orphan, voted(), comment]).encode()
    answer = await service.post(body, media_type=BATCHED)
    assert answer.status == 200
    assert answer.json["position"] == 3
    results = answer.json["results"]
    statuses = ["recorded", "recorded", "rejected", "recorded", "duplicate"]
    assert [result["status"] for result in results] == statuses
    assert [result.get("position") for result in results] == [1, 2, None, 3, 2]
    assert results[2]["event"] == "orphan"
    problem = results[2]["problem"]
    assert problem["type"] == "/problems/unknown-comment"
    assert problem["retryable"] is True
    assert "status" not in problem
    assert problem["title"]
    assert problem["detail"]


async def test_an_empty_batch_has_no_results(service: Service) -> None:
    answer = await service.post(b"[]", media_type=BATCHED)
    assert (answer.status, answer.json) == (200, {"position": 0, "results": []})


async def test_an_element_that_does_not_fit_is_rejected_and_stops_nothing(
    service: Service,
) -> None:
    results = await service.batch([5, None, {}, {"id": "x"}, [], opened()])
    assert [result["status"] for result in results] == ["rejected"] * 5 + ["recorded"]
    assert [result["event"] for result in results][:5] == [None, None, None, "x", None]
    assert all(result["problem"]["errors"] for result in results[:5])


async def test_an_event_of_another_site_is_rejected_within_a_batch(service: Service) -> None:
    other = opened(site="herald")
    results = await service.batch([opened(), other], token=token(site="gazette"))
    assert [result["status"] for result in results] == ["recorded", "rejected"]
    assert results[1]["problem"]["type"] == "/problems/forbidden"
    assert results[1]["problem"]["retryable"] is False
    assert await service.app.head() == 1


async def test_a_binary_event_is_taken(service: Service) -> None:
    headers = {
        "Content-Type": BINARY,
        "ce-specversion": "1.0",
        "ce-id": "%C3%A9%201",
        "ce-source": "urn:cms",
        "ce-type": "discussion.opened",
    }
    body = json.dumps(opened()["data"]).encode()
    for status in (201, 200):
        answer = await service.ask("POST", "/v1/events", token=token(), headers=headers, body=body)
        assert answer.status == status
        assert answer.json["event"] == "é 1"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ('"two words"', "two words"),
        (r'"a \"quote\" and a \\ %22"', 'a "quote" and a \\ "'),
        ("100%", "100%"),
        ('"open', '"open'),
    ],
)
async def test_a_header_is_unquoted_then_percent_decoded_once(
    service: Service, given: str, meant: str
) -> None:
    headers = BINARY_HEADERS | {"ce-id": given}
    body = json.dumps(opened()["data"]).encode()
    answer = await service.ask("POST", "/v1/events", token=token(), headers=headers, body=body)
    assert answer.status == 201
    assert answer.json["event"] == meant


@pytest.mark.parametrize(
    "ids",
    [["%FF"], ["%C3%28"], ["\xe9"], ["1", "2"], ["1", "1"]],
    ids=["no character", "half a character", "a byte", "two", "the same twice"],
)
async def test_an_attribute_is_utf_8_and_given_once(service: Service, ids: list[str]) -> None:
    """Two ids that are not UTF-8 would be one: the second event would be lost as a repeat."""
    given = BINARY_HEADERS | {"Authorization": f"Bearer {token()}"}
    lines = [f"{name}: {value}" for name, value in given.items()]
    lines += [f"{name}: {value}" for name, value in zip(["ce-id", "CE-Id"], ids, strict=False)]
    body = json.dumps(opened()["data"]).encode()
    data = request("POST", "/v1/events", *lines, body=body)

    def ask() -> Answer:
        wire = Wire(service.url)
        try:
            return wire.ask(data)
        finally:
            wire.close()

    answer = await asyncio.to_thread(ask)
    assert (answer.status, answer.problem) == (400, "bad-request")
    assert await service.app.head() == 0


async def test_plain_json_holds_an_event_or_an_array_of_them(service: Service) -> None:
    one = await service.post(b"\n " + json.dumps(opened()).encode(), media_type="application/json")
    assert (one.status, one.json["status"]) == (201, "recorded")
    several = json.dumps([posted(), posted("c2"), 3]).encode()
    batch = await service.post(b" \t" + several, media_type="application/json")
    assert batch.status == 200
    assert [result["status"] for result in batch.json["results"]] == [
        "recorded",
        "recorded",
        "rejected",
    ]
    for body, status in ((b"[", 400), (b"", 400), (b"3", 422)):
        refused = await service.post(body, media_type="application/json")
        assert refused.status == status


async def test_extension_attributes_are_passed_over_and_unknown_fields_of_data_are_not(
    service: Service,
) -> None:
    extended = opened() | {"subject": "trams", "traceparent": "00-1-1-00", "dataschema": None}
    assert (await service.publish(extended)).status == 201
    refused = await service.publish(posted(colour="red"))
    assert refused.status == 422
    assert refused.json["errors"] == [{"path": "data.colour", "message": "is not a field of this"}]


async def test_times_of_any_offset_are_taken_and_told_in_utc(service: Service) -> None:
    [_, comment] = await service.given(opened(), posted(time="2026-11-22T10:00:00.12345678+02:00"))
    shown = (await service.get(f"/v1/comments/{comment}")).json
    assert shown["posted_at"] == "2026-11-22T08:00:00.123456Z"


async def test_what_was_answered_is_durable(database_url: str) -> None:
    async with serving(database_url) as service:
        await service.given(opened(), posted())
    async with serving(database_url) as service:
        answer = await service.get("/v1/counts", site="gazette", resource="/trams")
        assert answer.json["counts"] == {"/trams": 1}


async def test_many_publishers_at_once_are_each_answered_their_own(
    durable_service: Service,
) -> None:
    await durable_service.given(opened())
    comments = [posted(f"c{number}") for number in range(50)]
    answers = await asyncio.gather(*(durable_service.publish(one) for one in comments * 2))
    assert {answer.json["event"] for answer in answers} == {one["id"] for one in comments}
    statuses = sorted(answer.json["status"] for answer in answers)
    assert statuses == ["duplicate"] * 50 + ["recorded"] * 50
    recorded = [one.json["position"] for one in answers if one.json["status"] == "recorded"]
    assert sorted(recorded) == list(range(2, 52))


@pytest.mark.parametrize("kind", ["site.configured", "discussion.opened"])
async def test_settings_that_are_not_ours_are_refused(service: Service, kind: str) -> None:
    answer = await service.publish(event(kind, settings={"voting": "sideways"}))
    assert answer.problem == "invalid-event"
    assert answer.json["errors"][0]["path"] == "data.settings.voting"


@pytest.mark.parametrize("number", ["1.0", "1e0", "10E-1"])
async def test_a_number_without_a_fraction_is_an_integer(service: Service, number: str) -> None:
    await service.given(opened(), posted())
    vote = json.dumps(voted(1)).replace('"value": 1', f'"value": {number}')
    assert (await service.post(vote.encode())).status == 201
    headers = {"Content-Type": "application/json"}
    comment = ids.comment_id(ids.discussion_id("gazette", "/trams"), "c1")
    answer = await service.ask(
        "PUT",
        f"/v1/comments/{comment}/vote",
        token=token("comment", site="gazette", person="zoe"),
        headers=headers,
        body=f'{{"value": -{number}}}'.encode(),
    )
    assert (answer.status, answer.json["my_vote"]) == (200, -1)


@pytest.mark.parametrize("number", ["0.5", "1.5", "1e30", '"1"', "2.0"])
async def test_other_numbers_are_not(service: Service, number: str) -> None:
    await service.given(opened(), posted())
    vote = json.dumps(voted(1)).replace('"value": 1', f'"value": {number}')
    refused = await service.post(vote.encode())
    assert [one["path"] for one in refused.json["errors"]] == ["data.value"]


@pytest.mark.parametrize("media_type", [STRUCTURED, BATCHED, BINARY, "application/x-ndjson"])
async def test_a_byte_order_mark_is_passed_over(service: Service, media_type: str) -> None:
    event_ = json.dumps(opened()).encode()
    body = b"[%b]" % event_ if media_type == BATCHED else event_
    answer = await service.post(b"\xef\xbb\xbf" + body, media_type=media_type)
    assert answer.status in (200, 201)
    assert await service.app.head() == 1


@pytest.mark.parametrize("body", ["é" * 9_000, "a" * 16_385, "\u200b"])
async def test_a_body_is_refused_under_its_own_path(service: Service, body: str) -> None:
    await service.given(opened())
    refused = await service.publish(posted(body=body))
    [fault] = refused.json["errors"]
    assert fault["path"] == "data.body"
    assert "16384" in fault["message"] or "blank" in fault["message"]
