"""Input that others collected because it broke something."""

import json
from pathlib import Path

import pytest

from rostra import ids
from service import BATCHED, PLACE, STRUCTURED, Service, event, opened, posted, voted

DISCUSSION = ids.discussion_id(PLACE["site"], PLACE["resource"])


async def test_json_is_what_the_json_test_suite_says(service: Service, test_data: Path) -> None:
    files = sorted((test_data / "robustness" / "jsontestsuite").glob("*.json"))
    assert len(files) > 300
    for file in files:
        body = file.read_bytes()
        for media_type in (STRUCTURED, BATCHED):
            answer = await service.post(body, media_type=media_type)
            kind = file.name[:1]
            if kind == "n":
                assert (answer.status, answer.problem) == (400, "not-json"), file.name
            elif kind == "y":
                assert answer.status in (200, 422), file.name
            else:
                assert answer.status in (200, 400, 422), file.name
    assert await service.app.head() == 0


async def test_a_value_is_taken_wherever_it_stands_in_what_is_passed_over(
    service: Service, test_data: Path
) -> None:
    """As an attribute that we do not know: JSON is JSON there too, and nothing else is."""
    for file in sorted((test_data / "robustness" / "jsontestsuite").glob("[ny]_*.json")):
        body = file.read_bytes()
        if b'"a":"b"}/' in body or b"}" in body[:1]:
            continue  # closes the object that it is put into
        whole = json.dumps(opened())[:-1].encode() + b',"extension":' + body + b"}"
        answer = await service.post(whole)
        if file.name.startswith("y"):
            assert answer.status in (200, 201), file.name
        else:
            assert answer.problem == "not-json", file.name


async def test_naughty_strings_come_back_as_they_came_or_are_refused(
    durable_service: Service, test_data: Path
) -> None:
    strings = json.loads((test_data / "robustness" / "naughty-strings.json").read_text())
    strings += ["\0", "a\0b", "\u202e", "\ufeff", "𝕏" * 50]
    await durable_service.given(opened())
    comments = [posted(f"c{n}", body=text) for n, text in enumerate(strings)]
    results = await durable_service.batch(comments)
    taken = {}
    for text, result in zip(strings, results, strict=True):
        blank = not text.strip() or "\0" in text
        assert result["status"] == ("rejected" if blank else "recorded"), repr(text)
        if not blank:
            taken[result["id"]] = text
    path = f"/v1/discussions/{DISCUSSION}/comments"
    cursor: dict[str, str] = {}
    while taken:
        page = (await durable_service.get(path, flat="true", limit=100, **cursor)).json
        for comment in page["comments"]:
            assert comment["body"] == taken.pop(comment["id"])
        cursor = {"cursor": page["next"]}


async def test_naughty_strings_are_names_or_are_refused(
    durable_service: Service, test_data: Path
) -> None:
    strings = json.loads((test_data / "robustness" / "naughty-strings.json").read_text())
    strings += ["\0", "\x1f", "\u2028"]
    events = [
        one
        for n, text in enumerate(strings)
        for one in (
            opened(resource=text, title=text, url=text),
            opened(site=text),
            posted(text, author={"id": f"p{n}", "name": text or "x", "email": text}),
            voted(on=text, voter=text),
            event("passage.marked", passage=f"p{n}", exact=text or "x", question=text),
            event("comment.flagged", comment="c", by="a", reason=text),
            opened() | {"id": text, "source": text},
        )
    ]
    await durable_service.given(opened(), posted("c"))
    results = await durable_service.batch(events)
    names = {one["problem"]["type"] for one in results if one["status"] == "rejected"}
    allowed = {"invalid-event", "unknown-comment", "self-vote", "different-content"}
    assert names <= {f"/problems/{name}" for name in allowed}
    listed = await durable_service.get(f"/v1/discussions/{DISCUSSION}/comments", limit=100)
    assert listed.status == 200
    for text in strings:
        for path, params in (
            ("/v1/discussions", {"site": text, "resource": text}),
            (f"/v1/discussions/{DISCUSSION}/comments", {"cursor": text, "order": "oldest"}),
        ):
            answer = await durable_service.ask("GET", path, params=params)
            assert answer.status in (200, 400, 404), (path, text)


@pytest.mark.parametrize("path", ["%00", "%ff", "..%2f..", "%F0%9F%98%80", "a" * 5_000])
async def test_paths_that_are_none_are_not_found(service: Service, path: str) -> None:
    for prefix in ("/", "/v1/discussions/", "/v1/comments/", "/problems/"):
        answer = await service.ask("GET", prefix + path)
        assert (answer.status, answer.problem) == (404, "not-found"), prefix
