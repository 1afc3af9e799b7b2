"""Input that others collected because it broke something."""

import json
from pathlib import Path

import pytest

from rostra import ids
from rostra.names import cleaned_name, has_visible
from rostra_adapters.http import HttpSettings
from support.service import (
    BATCHED,
    PLACE,
    SECRET,
    STRUCTURED,
    Service,
    event,
    opened,
    posted,
    serving,
    token,
    voted,
)

DISCUSSION = ids.discussion_id(PLACE["site"], PLACE["resource"])
IDS = {
    "discussions": DISCUSSION,
    "comments": ids.comment_id(DISCUSSION, "c1"),
    "passages": ids.passage_id(DISCUSSION, "p1"),
}
FITS_NOT = {(422, "invalid-body"), (422, "invalid-event")}


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


def _at(path: str) -> str:
    """Return the path of something that is there."""
    if "{person}" in path:
        return f"{path.format(person='ann')}?site={PLACE['site']}"
    return path.format(id=IDS.get(path.split("/")[2]))


async def _bodies(service: Service) -> list[tuple[str, str]]:
    """Every method and path that takes a body of JSON, of a conversation that is there."""
    described = (await service.ask("GET", "/openapi.json")).json["paths"]
    return [
        (method.upper(), _at(path))
        for path, operations in described.items()
        for method, operation in operations.items()
        if "requestBody" in operation
    ]


EMPTY_OBJECTS = {"i_structure_UTF-8_BOM_empty_object.json", "y_object_empty.json"}


@pytest.mark.slow
async def test_json_is_the_same_json_on_every_route(test_data: Path) -> None:
    files = sorted((test_data / "robustness" / "jsontestsuite").glob("*.json"))
    free = HttpSettings(
        secret=SECRET, person_rate=None, reader_rate=None, guest_rate=None, preview_rate=None
    )
    async with serving(settings=free) as service:
        marked = event("passage.marked", passage="p1", exact="words")
        await service.given(opened(), posted(), marked)
        head = await service.app.head()
        everything = token("publish comment moderate", site=PLACE["site"], person="ann")
        headers = {"Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "1"}
        headers |= {"ce-source": "urn:cms", "ce-type": "comment.posted"}
        routes = await _bodies(service)
        whole = ("/v1/events", "/v1/counts")  # take more than a person says
        assert len(routes) >= 10
        assert {method for method, _ in routes} == {"POST", "PUT", "PATCH"}
        for method, path in routes:
            for file in files:
                answer = await service.ask(
                    method, path, token=everything, headers=headers, body=file.read_bytes()
                )
                kind = file.name[:1]
                if file.stat().st_size > free.person_request_bytes_max and path not in whole:
                    assert (answer.status, answer.problem) == (413, "too-large"), (path, file.name)
                elif path == "/v1/me" and file.name in EMPTY_OBJECTS:
                    assert answer.status == 200, file.name  # changes nothing
                elif kind == "n":
                    assert (answer.status, answer.problem) == (400, "not-json"), (path, file.name)
                elif kind == "y":
                    assert (answer.status, answer.problem) in FITS_NOT, (path, file.name)
                else:
                    assert answer.status in (400, 422), (path, file.name)
        assert await service.app.head() == head


async def test_json_in_lines_is_a_result_a_line(service: Service, test_data: Path) -> None:
    files = sorted((test_data / "robustness" / "jsontestsuite").glob("*.json"))
    for file in files:
        answer = await service.post(file.read_bytes(), media_type="application/x-ndjson")
        assert answer.status == 200, file.name
        results = [json.loads(line) for line in answer.body.splitlines()]
        assert {result["status"] for result in results} <= {"rejected"}, file.name
    assert await service.app.head() == 0


@pytest.mark.slow
async def test_titles_come_back_as_they_went_in_or_are_refused_and_names_come_back_cleaned(
    durable_service: Service, test_data: Path
) -> None:
    strings = json.loads((test_data / "robustness" / "naughty-strings.json").read_text())
    strings += ["\0", "a\0b", "\u202e", "\ufeff", "\u2028", "𝕏" * 25]
    events = [
        one
        for n, text in enumerate(strings)
        for one in (
            opened(resource=f"/{n}"),
            opened(resource=f"/{n}", title=text),
            posted(resource=f"/{n}", author={"id": "ann", "name": text}),
        )
    ]
    results = await durable_service.batch(events)
    shown = taken = 0
    for n, text in enumerate(strings):
        titled, named = (
            result["status"] == "recorded" for result in results[3 * n + 1 : 3 * n + 3]
        )
        discussion = ids.discussion_id(PLACE["site"], f"/{n}")
        about = await durable_service.get(f"/v1/discussions/{discussion}")
        listed = await durable_service.get(f"/v1/discussions/{discussion}/comments")
        assert about.json["title"] == (text if titled else None), repr(text)
        names = [comment["author"]["name"] for comment in listed.json["comments"]]
        assert names == ([cleaned_name(text)] if named else []), repr(text)
        shown += titled + named
        taken += ("\0" not in text and len(text) <= 100 and bool(text.strip())) * 2
    assert shown >= taken * 0.95
    assert shown > 900


@pytest.mark.parametrize("half", [r"\ud83d", r"\ude00", r"\ud83d\ud83d"])
@pytest.mark.parametrize("field", ["body", "name", "title"])
async def test_half_a_surrogate_pair_is_no_json(service: Service, half: str, field: str) -> None:
    await service.given(opened())
    events = {
        "body": posted(body="HALF"),
        "name": posted(author={"id": "ann", "name": "HALF"}),
        "title": opened(title="HALF"),
    }
    body = json.dumps(events[field]).replace("HALF", half).encode()
    answer = await service.post(body)
    assert (answer.status, answer.problem) == (400, "not-json")
    assert await service.app.head() == 1


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
        blank = not has_visible(text) or "\0" in text
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


@pytest.mark.parametrize("path", ["%00", "%ff", "..%2f..", "%F0%9F%98%80", "a" * 4_000])
async def test_paths_that_are_none_are_not_found(service: Service, path: str) -> None:
    for prefix in ("/", "/v1/discussions/", "/v1/comments/", "/problems/"):
        answer = await service.ask("GET", prefix + path)
        assert (answer.status, answer.problem) == (404, "not-found"), prefix
