"""How much persons write: by person and by address, over all processes together."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import msgspec
import pytest

from rostra import ids
from rostra_adapters.http import HttpSettings
from rostra_adapters.http_limits import Rate
from support.service import SECRET, Answer, Service, event, opened, posted, serving, token

DISCUSSION = ids.discussion_id("gazette", "/trams")
C1 = ids.comment_id(DISCUSSION, "c1")
COMMENTS = f"/v1/discussions/{DISCUSSION}/comments"
JSON = {"Content-Type": "application/json"}
SLOW = 0.0001
DEFAULT = HttpSettings(secret=SECRET)


def limited(**rates: Rate | None) -> HttpSettings:
    return msgspec.structs.replace(DEFAULT, **rates)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


async def served(stack: AsyncExitStack, settings: HttpSettings, url: str = "memory:") -> Service:
    return await stack.enter_async_context(serving(url, settings))


async def given(service: Service) -> None:
    settings = {"self_votes": True, "guests": True}
    await service.given(event("site.configured", settings=settings), opened(), posted())


async def write(
    service: Service,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    person: str = "ann",
    address: str = "192.0.2.1",
    scope: str = "comment",
) -> Answer:
    return await service.ask(
        method,
        path,
        token=token(scope, site="gazette", person=person),
        headers=JSON | {"X-Forwarded-For": address},
        body=None if body is None else json.dumps(body).encode(),
    )


async def post(service: Service, body: str = "Yes.", **who: Any) -> Answer:
    return await write(service, "POST", COMMENTS, {"body": body}, **who)


@pytest.mark.parametrize("backend", ["memory", "postgres"])
async def test_a_hundred_and_fifty_long_comments_in_a_row_are_four(
    stack: AsyncExitStack, database_url: str, backend: str
) -> None:
    service = await served(stack, DEFAULT, "memory:" if backend == "memory" else database_url)
    await given(service)
    answers = [await post(service, "x" * 16_000) for _ in range(150)]
    assert [answer.status for answer in answers] == [201] * 4 + [429] * 146
    assert answers[-1].problem == "too-many-requests"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 32
    assert "bytes of a person" in answers[-1].json["detail"]


async def test_short_comments_are_counted(stack: AsyncExitStack) -> None:
    service = await served(stack, DEFAULT)
    await given(service)
    answers = [await post(service) for _ in range(12)]
    assert [answer.status for answer in answers] == [201] * 10 + [429] * 2
    assert "comments of a person" in answers[-1].json["detail"]
    edited = await write(service, "PATCH", answers[0].headers["Location"], {"body": "No."})
    assert edited.status == 429  # an edit is a wording, too
    assert (await post(service, person="bob")).status == 201  # from the same address
    assert (await write(service, "PUT", f"/v1/comments/{C1}/vote", {"value": 1})).status == 200


async def test_an_address_has_room_for_an_office_and_no_more(stack: AsyncExitStack) -> None:
    service = await served(stack, limited(comments_per_address=Rate(burst=20, per_second=SLOW)))
    await given(service)
    statuses = [(await post(service, person=f"editor-{n}")).status for n in range(25)]
    assert statuses == [201] * 20 + [429] * 5
    assert (await post(service, person="editor-1", address="192.0.2.2")).status == 201


async def test_many_persons_of_an_address_do_not_use_up_an_articles_places(
    stack: AsyncExitStack,
) -> None:
    service = await served(stack, limited(marks_per_address=Rate(burst=3, per_second=SLOW)))
    words = [f"Line {number} of the trams runs late" for number in range(6)]
    await given(service)
    await service.given(event("article.revised", revision="r1", text=". ".join(words)))

    async def mark(number: int, address: str) -> Answer:
        body = {"exact": words[number], "prefix": "", "suffix": ""}
        path = f"/v1/discussions/{DISCUSSION}/passages"
        return await write(service, "POST", path, body, person=f"p{number}", address=address)

    answers = [await mark(number, "192.0.2.1") for number in range(5)]
    assert [answer.status for answer in answers] == [201] * 3 + [429] * 2
    assert "marks from an address" in answers[-1].json["detail"]
    assert (await mark(5, "192.0.2.2")).status == 201


@pytest.mark.parametrize(
    ("setting", "method", "path", "body"),
    [
        ("votes", "PUT", f"/v1/comments/{C1}/vote", {"value": 1}),
        ("acts", "POST", f"/v1/comments/{C1}/flag", {"reason": "rude"}),
        ("acts", "DELETE", f"/v1/comments/{C1}", None),
        ("comments", "PATCH", f"/v1/comments/{C1}", {"body": "No."}),
    ],
)
@pytest.mark.parametrize("whose", ["person", "address"])
async def test_every_kind_of_write_has_a_limit(
    stack: AsyncExitStack, setting: str, method: str, path: str, body: Any, whose: str
) -> None:
    service = await served(stack, limited(**{f"{setting}_per_{whose}": Rate(2, SLOW)}))
    await given(service)
    answers = [await write(service, method, path, body) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 1_000


async def test_a_limit_holds_for_all_processes_together(
    stack: AsyncExitStack, database_url: str
) -> None:
    services = [await served(stack, DEFAULT, database_url) for _ in range(2)]
    await given(services[0])
    statuses = [(await post(services[n % 2])).status for n in range(12)]
    assert statuses == [201] * 10 + [429] * 2


async def test_reads_take_no_room_of_writes_nor_writes_of_services(stack: AsyncExitStack) -> None:
    service = await served(stack, limited(comments_per_person=Rate(2, SLOW)))
    await given(service)
    for _ in range(20):
        answer = await write(service, "GET", COMMENTS)
        assert answer.status == 200
        assert (await post(service, person="cms", scope="publish comment")).status == 201
    assert [(await post(service)).status for _ in range(3)] == [201, 201, 429]


async def test_a_limit_may_be_off(stack: AsyncExitStack) -> None:
    off = dict.fromkeys(
        f"{kind}_per_{whose}" for kind in ("comments", "bytes") for whose in ("person", "address")
    )
    service = await served(stack, limited(**off))
    await given(service)
    assert [(await post(service, "x" * 16_000)).status for _ in range(15)] == [201] * 15


async def test_new_guests_have_a_limit_over_all_processes(
    stack: AsyncExitStack, database_url: str
) -> None:
    services = [await served(stack, DEFAULT, database_url) for _ in range(2)]
    await given(services[0])
    body = json.dumps({"site": "gazette", "name": "Zoë"}).encode()
    headers = JSON | {"X-Forwarded-For": "192.0.2.1"}
    answers = [
        await services[n % 2].ask("POST", "/v1/guests", headers=headers, body=body)
        for n in range(7)
    ]
    assert [answer.status for answer in answers] == [201] * 5 + [429] * 2


async def test_guests_share_their_addresss_limit_on_reads(stack: AsyncExitStack) -> None:
    """A guest's token costs nothing: it brings no room of its own."""
    slow = Rate(burst=8, per_second=SLOW)
    service = await served(stack, limited(reader_rate=slow, person_rate=slow))
    await given(service)
    body = json.dumps({"site": "gazette", "name": "Zoë"}).encode()
    headers = JSON | {"X-Forwarded-For": "192.0.2.1"}
    entered = [
        await service.ask("POST", "/v1/guests", headers=headers, body=body) for _ in range(3)
    ]
    statuses = [
        (await service.ask("GET", COMMENTS, token=guest.json["token"], headers=headers)).status
        for guest in entered
        for _ in range(3)
    ]
    assert statuses == [200] * 5 + [429] * 4  # the tokens were three of eight requests


async def test_an_erased_person_leaves_no_trace_of_what_they_wrote(
    stack: AsyncExitStack, database_url: str
) -> None:
    service = await served(stack, DEFAULT, database_url)
    await given(service)
    await post(service, address="192.0.2.1")
    before = await _buckets(database_url)
    erased = event("person.erased", person="ann")
    del erased["data"]["resource"]
    await service.given(erased)
    person = ids.person_id("gazette", "ann").bytes
    assert any(bucket.endswith(person) for bucket in before)
    assert not any(bucket.endswith(person) for bucket in await _buckets(database_url))
    assert not any(b"192.0.2.1" in bucket for bucket in before)


async def _buckets(database_url: str) -> list[bytes]:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch("select bucket from public.rostra_write_limits")
        return [row[0] for row in rows]
    finally:
        await connection.close()
