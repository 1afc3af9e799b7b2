"""Every route answers for a private thing as for one that does not exist."""

import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rostra import ids
from rostra_adapters.http import HttpSettings
from support.effort import examples
from support.service import SECRET as SERVICE_SECRET
from support.service import Answer, Event, Service, event, opened, posted, serving, token

OPEN_SITE, CLOSED_SITE, NO_SITE = "gazette", "cabinet", "nowhere"
ORIGINS = {"origins": ["https://gazette.example"]}
SECRET, UNKNOWN = "/secret", "/unknown"
FOR_TOKENS = ("/v1/discussions/{id}/subscription",)
"""Reads that need a token, whatever they are of."""
OWN_HEADERS = {"date", "traceparent"}
JSON = {"Content-Type": "application/json"}
BODIES: list[dict[str, Any]] = [
    {"body": "Yes."},
    {"value": 1},
    {"reason": "spam"},
    {"exact": "words"},
    {"action": "remove"},
    {"to": "comments"},
    {"nonsense": 1},
]


def at(site: str, resource: str, one: Event) -> Event:
    place = (
        {"site": site} if one["type"] == "site.configured" else {"site": site, "resource": resource}
    )
    return {**one, "data": {**one["data"], **place}}


def things(site: str, resource: str) -> dict[str, UUID]:
    discussion = ids.discussion_id(site, resource)
    return {
        "discussions": discussion,
        "comments": ids.comment_id(discussion, "c1"),
        "passages": ids.passage_id(discussion, "p1"),
    }


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A site that is open but for one discussion, and one that is closed."""
    unlimited = HttpSettings(secret=SERVICE_SECRET, person_rate=None, reader_rate=None)
    async with serving(settings=unlimited) as made:
        configured = event("site.configured", settings={**ORIGINS, "guests": True})
        closed = event("site.configured", settings={**ORIGINS, "guests": True, "private": True})
        await made.given(at(OPEN_SITE, "", configured), at(CLOSED_SITE, "", closed))
        for site in (OPEN_SITE, CLOSED_SITE):
            private = None if site == CLOSED_SITE else {"private": True}
            marked = event("passage.marked", passage="p1", exact="words")
            about = [opened(**({"settings": private} if private else {})), posted(), marked]
            await made.given(*(at(site, SECRET, one) for one in about))
        await made.given(at(OPEN_SITE, "/open", opened()), at(OPEN_SITE, "/open", posted()))
        yield made


CALLERS: dict[str, Callable[[str], str | None]] = {
    "nobody": lambda _: None,
    "a person of the site": lambda site: token("comment", site=site, person="bob"),
    "everything elsewhere": lambda _: token(
        "publish feed comment read moderate admin", site="herald", person="eve"
    ),
    "every site, but not to read": lambda _: token("comment admin", person="eve"),
}
"""Tokens by the site that is asked; none may read what is private there."""
PAIRS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "a private one of an open site": ((OPEN_SITE, SECRET), (OPEN_SITE, UNKNOWN)),
    "one of a closed site": ((CLOSED_SITE, SECRET), (CLOSED_SITE, UNKNOWN)),
    "a closed site": ((CLOSED_SITE, SECRET), (NO_SITE, UNKNOWN)),
}


def plain(answer: Answer, site: str, resource: str) -> tuple[Any, ...]:
    """An answer without what was asked for, and what is each answer's own."""
    text = answer.body.decode()
    for thing in things(site, resource).values():
        text = text.replace(str(thing), "ID")
    text = text.replace(resource, "RESOURCE").replace(site, "SITE")
    headers = sorted(
        (name.lower(), value)
        for name, value in answer.headers.items()
        if name.lower() not in {*OWN_HEADERS, "content-length", "etag"}
    )
    return answer.status, headers, text


def asked(service: Service) -> Iterator[tuple[str, str, Any]]:
    """Each method and path of the application that names a thing, with what is sent to it."""
    assert service.application is not None
    for route in service.application.router.routes():
        assert route.resource is not None
        path = route.resource.canonical
        if "{id}" in path:
            bodies = (
                [None, *BODIES] if route.method in ("POST", "PUT", "PATCH", "DELETE") else [None]
            )
            for body in bodies:
                yield route.method, path, body
            yield "OPTIONS", path, None


def by_name(site: str, resource: str) -> Iterator[tuple[str, str, Any]]:
    """The requests that name a site or a resource."""
    named = f"site={site}&resource={resource}"
    yield "GET", f"/v1/discussions?{named}", None
    yield "GET", f"/v1/rules?{named}", None
    yield "GET", f"/v1/counts?{named}", None
    yield "GET", f"/v1/comments?{named}", None
    here = ids.discussion_id(site, resource)
    yield "GET", f"/v1/live?site={site}&discussion={here}", None
    yield "GET", f"/v1/moderation?site={site}", None
    yield "GET", f"/v1/moderation/search?site={site}&q=yes", None
    yield "GET", f"/v1/persons/{{person}}?site={site}", None
    yield "GET", f"/v1/persons/{{person}}/comments?site={site}", None
    yield "POST", f"/v1/persons/{{person}}/moderation?site={site}", {"action": "trust"}
    comment = str(ids.comment_id(here, "c1"))
    yield "POST", "/v1/moderation/acts", {"acts": [{"id": comment}], "action": "remove"}
    yield "GET", f"/v1/events?{named}", None
    yield "PUT", "/v1/discussions", {"site": site, "resource": resource}
    yield "POST", "/v1/events", at(site, resource, posted("c9", name="same"))


SITES = [
    ("GET", "/v1/discussions?site={site}", None),
    ("GET", "/v1/sites/{site}/discussions", None),
    ("GET", "/v1/sites/{site}/comments", None),
    ("GET", "/v1/sites/{site}/moderation-log", None),
    ("POST", "/v1/guests", {"site": "{site}", "name": "Bob"}),
]
"""Requests that name a site alone: those of a closed site alone are to answer alike."""


async def ask(service: Service, method: str, path: str, body: Any, bearer: str | None) -> Answer:
    headers = {"Origin": "https://elsewhere.example"}
    if method == "OPTIONS":
        headers["Access-Control-Request-Method"] = "POST"
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers |= (
            {"Content-Type": "application/cloudevents+json"} if "specversion" in body else JSON
        )
    return await service.ask(method, path, token=bearer, headers=headers, body=data)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("pair", PAIRS)
async def test_every_route_answers_alike(service: Service, caller: str, pair: str) -> None:
    reads = list(asked(service))
    assert len(reads) > 60

    async def answers(site: str, resource: str) -> list[tuple[Any, ...]]:
        found, bearer = [], CALLERS[caller](site)
        for method, path, body in reads:
            kind = path.split("/")[2]
            here = path.format(id=things(site, resource)[kind])
            answer = await ask(service, method, here, body, bearer)
            assert answer.status != 200 or method == "OPTIONS", (method, path)
            found.append((method, path, body, *plain(answer, site, resource)))
        for method, path, body in by_name(site, resource):
            answer = await ask(service, method, path, body, bearer)
            found.append((method, path.partition("?")[0], *plain(answer, site, resource)))
        return found

    private, unknown = [await answers(*place) for place in PAIRS[pair]]
    for one, other in zip(private, unknown, strict=True):
        assert one == other


async def test_an_id_of_nobody_is_answered_like_a_private_one(service: Service) -> None:
    for path in {path for method, path, _ in asked(service) if method == "GET"}:
        private = things(OPEN_SITE, SECRET)[path.split("/")[2]]
        first, second = [
            await ask(service, "GET", path.format(id=one), None, None) for one in (private, uuid4())
        ]
        assert (first.status, first.body) == (second.status, second.body), path
        assert first.status == (401 if path in FOR_TOKENS else 404)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "path", "body"), SITES)
async def test_a_closed_site_answers_like_none(
    service: Service, caller: str, method: str, path: str, body: Any
) -> None:
    found = []
    for site in (CLOSED_SITE, NO_SITE):
        sent = None if body is None else {**body, "site": site}
        answer = await ask(service, method, path.format(site=site), sent, CALLERS[caller](site))
        found.append(plain(answer, site, SECRET))
    assert found[0] == found[1]


async def test_every_route_is_walked_or_names_nothing_private(service: Service) -> None:
    """A route that names a thing in another way has to be added above."""
    assert service.application is not None
    walked = {path.partition("?")[0] for _, path, _ in by_name("{site}", "r")}
    walked |= {path.partition("?")[0] for _, path, _ in SITES}
    public = re.compile(
        r"/(|healthz|readyz|metrics|status|docs|openapi\.json|problems.*|embed/.*|demo.*|moderate.*|v1/preview|v1/me(/inbox(/read)?)?|mail/.*)"
    )
    paths = {
        route.resource.canonical
        for route in service.application.router.routes()
        if route.resource is not None
    }
    assert {
        path
        for path in paths
        if "{id}" not in path and path not in walked and not public.fullmatch(path)
    } == set()


# -- as much work


class Counted:
    """Counts what a request reads."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads: list[str] = []
        app = service.app
        for owner, name in [
            (app.log, "read_streams"),
            (app.views.reads, "discussion"),
            (app.views.reads, "comment"),
            (app.views.reads, "discussions"),
            (app.views.reads, "page"),
        ]:
            monkeypatch.setattr(owner, name, self._counting(name, getattr(owner, name)))

    def _counting(self, name: str, read: Callable[..., Any]) -> Callable[..., Any]:
        async def counting(*given: Any, **named: Any) -> Any:
            self.reads.append(name)
            return await read(*given, **named)

        return counting

    def take(self) -> list[str]:
        taken, self.reads = self.reads, []
        return taken


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("pair", PAIRS)
async def test_a_private_thing_takes_as_many_reads_as_an_unknown_one(
    service: Service, monkeypatch: pytest.MonkeyPatch, caller: str, pair: str
) -> None:
    counted = Counted(service, monkeypatch)
    insider = token("read", person="insider")
    costs: list[list[tuple[Any, ...]]] = []
    for site, resource in PAIRS[pair]:
        found: list[tuple[Any, ...]] = []
        for method, path, body in asked(service):
            here = path.format(id=things(site, resource)[path.split("/")[2]])
            # Who may read it has had it cached.
            await service.ask(
                "GET", f"/v1/discussions/{ids.discussion_id(site, resource)}", token=insider
            )
            counted.take()
            await ask(service, method, here, body, CALLERS[caller](site))
            found.append((method, path, body, counted.take()))
        for method, path, body in by_name(site, resource):
            if method == "GET":
                # A stream would not end; the discussion itself fills the same caches.
                whole = f"/v1/discussions/{ids.discussion_id(site, resource)}"
                cached = whole if path.startswith("/v1/live") else path
                await service.ask("GET", cached, token=insider)
                await ask(service, method, path, body, CALLERS[caller](site))  # the site's rules
                counted.take()
                await ask(service, method, path, body, CALLERS[caller](site))
                found.append((method, path.partition("?")[0], counted.take()))
        costs.append(found)
    for one, other in zip(*costs, strict=True):
        assert one == other


# -- a site's list


_kinds = st.lists(st.booleans(), max_size=12)


async def listed(service: Service, bearer: str | None, limit: int) -> list[list[dict[str, Any]]]:
    pages, cursor = [], None
    while True:
        params: dict[str, Any] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        path = f"/v1/sites/{OPEN_SITE}/discussions"
        answer = await service.get(path, token=bearer, **params)
        pages.append(answer.json["discussions"])
        if (cursor := answer.json["next"]) is None:
            return pages
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        assert pages[-1][-1]["id"] in text  # it is made of what is shown


@settings(deadline=None, max_examples=examples(25))
@given(_kinds, st.integers(1, 4))
async def test_a_list_is_that_of_a_site_without_its_private_discussions(
    private: list[bool], limit: int
) -> None:
    async with serving() as service:
        for number, hidden in enumerate(private):
            rules = {"settings": {"private": True}} if hidden else {}
            await service.given(at(OPEN_SITE, f"/{number}", opened(**rules)))
        shown = [f"/{number}" for number, hidden in enumerate(private) if not hidden]
        pages = await listed(service, None, limit)
        assert [one["resource"] for page in pages for one in page] == shown[::-1]
        assert all(len(page) == limit for page in pages[:-1])
        assert pages[-1] or not shown
        everything = await listed(service, token("read"), limit)
        assert sum(map(len, everything)) == len(private)


async def test_a_list_does_not_tell_what_became_private_before_its_view_knows(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        await service.given(at(OPEN_SITE, f"/{number}", opened()))
    await service.catch_up()
    reads = service.app.views.reads
    behind = reads.discussions

    async def as_before(site: str, **named: Any) -> Any:
        position, found = await behind(site, **named)
        before = [replace(each, row=replace(each.row, settings="{}")) for each in found]
        return position, [
            new if each.row.resource != SECRET else each
            for new, each in zip(before, found, strict=True)
        ]

    monkeypatch.setattr(reads, "discussions", as_before)
    hidden = {"settings": {"private": True}}
    await service.given(*(at(OPEN_SITE, f"/{number}", opened(**hidden)) for number in (2, 3, 4)))
    pages = await listed(service, None, 2)
    assert [[one["resource"] for one in page] for page in pages] == [["/5", "/1"], ["/0", "/open"]]


async def test_a_list_on_postgresql_passes_over_private_ones(durable_service: Service) -> None:
    service = durable_service
    for number in range(9):
        rules = {"settings": {"private": True}} if number % 3 else {}
        await service.given(at(OPEN_SITE, f"/{number}", opened(**rules)))
    pages = await listed(service, None, 2)
    assert [[one["resource"] for one in page] for page in pages] == [["/6", "/3"], ["/0"]]


async def test_who_may_read_opens_what_is_there(service: Service) -> None:
    """And who may not is refused as where nothing is opened by readers."""
    body = {"site": OPEN_SITE, "resource": SECRET}
    reader = token("comment read", site=OPEN_SITE, person="ann")
    assert (await ask(service, "PUT", "/v1/discussions", body, reader)).status == 403  # the origin
    sent = json.dumps(body).encode()
    answer = await service.ask("PUT", "/v1/discussions", token=reader, headers=JSON, body=sent)
    assert (answer.status, answer.json["resource"]) == (200, SECRET)
    stranger = token("comment", site=OPEN_SITE, person="bob")
    answer = await service.ask("PUT", "/v1/discussions", token=stranger, headers=JSON, body=sent)
    assert (answer.status, answer.problem) == (422, "not-opened-by-readers")
    await service.given(
        at(OPEN_SITE, "", event("site.configured", settings={"open_on_first": True}))
    )
    answer = await service.ask("PUT", "/v1/discussions", token=stranger, headers=JSON, body=sent)
    assert (answer.status, answer.problem) == (422, "not-opened-by-readers")


@pytest.mark.parametrize("where", ["counts", "rules"])
async def test_nothing_tells_from_outside_what_goes_on_inside(
    service: Service, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A cached answer stays, whatever is said in a private discussion that it hides."""
    counted = Counted(service, monkeypatch)
    path = f"/v1/{where}?site={OPEN_SITE}&resource={SECRET}"
    first = await service.ask("GET", path)
    for number in range(3):
        await service.given(at(OPEN_SITE, SECRET, posted(f"more{number}")))
        await service.catch_up()
        counted.take()
        again = await service.ask("GET", path)
        assert (counted.take(), again.body) == ([], first.body)


async def _count(service: Service) -> int:
    params = {"site": OPEN_SITE, "resource": SECRET, "min_position": await service.app.head()}
    answer = await service.ask("GET", "/v1/counts", params=params)
    return int(answer.json["counts"][SECRET])


async def _shows_what_becomes_public(service: Service, comments: int) -> None:
    for private in (True, False, True, False):
        rules = {"settings": {"private": private}}
        await service.given(at(OPEN_SITE, SECRET, opened(title=f"{private} {comments}", **rules)))
        for _ in range(2):
            assert await _count(service) == (0 if private else comments)
            await service.given(at(OPEN_SITE, SECRET, posted(f"more{comments}")))
            comments += 1
            assert await _count(service) == (0 if private else comments)


async def test_what_becomes_public_is_counted_at_once(service: Service) -> None:
    await _shows_what_becomes_public(service, comments=1)


async def test_what_becomes_public_is_counted_at_once_on_postgresql(
    durable_service: Service,
) -> None:
    assert await _count(durable_service) == 0
    await _shows_what_becomes_public(durable_service, comments=0)
