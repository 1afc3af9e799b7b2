"""A value of a wrong type at any field, by any way in: refused, or it does no harm.

A command made in Python may hold anything. What is taken must leave views that can be read.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import msgspec
import pytest
from eventsourcing.application import Application
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import rostra_adapters
from rostra import codec, ids
from rostra.codec import AnyEvent
from rostra.commands import COMMANDS, Author, Command, PostComment, acting_person
from rostra.deciding.handle import Commanded, Outcome, handle
from rostra.events import CommandContext, WordingRef, Words
from rostra.ids import StreamId
from rostra.mapper import decide_and_save
from rostra.refusals import Malformed, Refusal
from rostra.settings import AskedSettings, AskedSiteSettings, Order
from rostra.times import is_time
from rostra_adapters.application.app import App
from rostra_adapters.application.feed.events import Feed
from rostra_adapters.application.queries.requests import CommentQuery
from rostra_projections.responses.shapes import Viewer
from rostra_projections.views import VIEWS, Broken, facts
from support.appending import Appended, Group, NewEvent, append
from support.effort import examples
from support.examples import DISCUSSION, PLACE, SITE, act, at, comment
from support.service import serving

GOLDEN = Path(__file__).parents[1] / "domain" / "golden"
EVENTS: dict[str, codec.AnyEvent] = {
    file.stem: event
    for file in GOLDEN.iterdir()
    if (event := codec.decode(file.stem.partition("+")[0], file.read_bytes())) is not None
}
T = TypeVar("T")

MASTER_KEY = bytes(range(32))
MODERATOR = Viewer(person="mia", moderator=True)
ELSEWHERE: Any = timezone(timedelta(hours=2))

WRONG: dict[str, Any] = {
    "an integer": 7,
    "a negative one": -1,
    "a great one": 2**70,
    "a boolean": True,
    "a number": 1.5,
    "no number": float("nan"),
    "a decimal": Decimal(1),
    "nothing": None,
    "an empty text": "",
    "a blank": " ",
    "a word": "weird",
    "a text with NUL": "a\0b",
    "half a surrogate pair": "\ud800",
    "a long text": "x" * 20_000,
    "a time of Python's": datetime(2026, 11, 22, 9, tzinfo=UTC).isoformat(),
    "bytes": b"bytes",
    "a datetime": datetime(2026, 11, 22, 11, tzinfo=ELSEWHERE),
    "a datetime without an offset": datetime(2026, 11, 22, 9),  # noqa: DTZ001  # on purpose
    "an id": UUID(int=1),
    "a list": ["x"],
    "a tuple": (1,),
    "a set": {"x"},
    "a dict": {"id": "ann", "name": 7},
    "a dict of odd keys": {1: 2},
    "an object": object(),
    "words": Words(name="Ann"),
}

EVERY: dict[str, Any] = {
    "settings": AskedSettings(moderation="none", edit_seconds=60),
    "title": "Trams",
    "url": "https://gazette.example/trams",
    "person": "zoe",
    "label": "Staff",
    "by": "mia",
    "to": "/elsewhere",
    "author": Author(id="ann", name="Ann", email="ann@example.org"),
    "body": "Yes.",
    "comment": "c1",
    "passage": "p1",
    "status": "published",
    "reason": "spam",
    "rule": "links",
    "voter": "bob",
    "value": 1,
    "exact": "a stretch",
    "prefix": "before ",
    "suffix": " after",
    "start": 7,
    "end": 16,
    "question": "Right?",
    "revision": "r1",
    "text": "It has before a stretch after.",
    "wording": WordingRef("urn:cms", "first"),
}
"""A value that fits, of each field by its name in JSON."""

INNER: dict[str, type[msgspec.Struct]] = {
    "author": Author,
    "settings": AskedSiteSettings,
    "wording": WordingRef,
}


def fitting(topic: str) -> dict[str, Any]:
    """Every field of a command that can be given together, with a value that fits."""
    found: dict[str, Any] = dict(PLACE)
    for field in msgspec.structs.fields(COMMANDS[topic]):
        if field.encode_name in EVERY:
            found[field.name] = EVERY[field.encode_name]
    if topic.startswith("subscription."):
        found["to"] = "replies"
    if topic == "site.configured":
        found["settings"] = AskedSiteSettings(origins=("*",), depth=12, orders=("newest", "hot"))
    if "resource" not in {field.name for field in msgspec.structs.fields(COMMANDS[topic])}:
        del found["resource"]
    return found


def _paths(topic: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for field in msgspec.structs.fields(COMMANDS[topic]):
        found.append((field.name,))
        if (inner := INNER.get(field.name)) is not None and topic != "discussion.opened":
            found += [(field.name, each.name) for each in msgspec.structs.fields(inner)]
    return found


ACT_PATHS = [("act", name) for name in ("source", "id", "time", "person", "moderates", "seen")]
CASES = [(topic, path) for topic in COMMANDS for path in [*_paths(topic), *ACT_PATHS]]
numbers = iter(range(10**9))


def made(topic: str, path: tuple[str, ...], value: Any) -> Commanded:
    """A command and its act, as Python makes them, with this value at one field. Raises
    ValueError where the struct itself refuses it.
    """
    fields = fitting(topic)
    told: dict[str, Any] = {"source": "urn:cms", "id": f"e{next(numbers)}", "time": at(30)}
    if path[0] == "act":
        told[path[1]] = value
    elif len(path) == 1:
        fields[path[0]] = value
    else:
        inner = msgspec.structs.asdict(fields[path[0]]) | {path[1]: value}
        fields[path[0]] = type(fields[path[0]])(**inner)
    return Commanded(COMMANDS[topic](**fields), CommandContext(**told))


def told(topic: str, path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The same as a CloudEvent, a dict."""
    names = {field.name: field.encode_name for field in msgspec.structs.fields(COMMANDS[topic])}
    data = {names[name]: given for name, given in fitting(topic).items()}
    event: dict[str, Any] = {
        "specversion": "1.0",
        "type": topic,
        "source": "urn:cms",
        "time": at(30),
    }
    event |= {"id": f"e{next(numbers)}", "data": data}
    if path[0] == "act":
        return {**event, path[1]: value}
    if len(path) == 1:
        data[names[path[0]]] = value
    else:
        inner = msgspec.structs.asdict(data[path[0]])
        data[path[0]] = {**{k: v for k, v in inner.items() if v is not None}, path[1]: value}
    return event


async def by_submit(app: App, topic: str, path: tuple[str, ...], value: Any) -> list[Outcome]:
    return await app.submit([made(topic, path, value)])


async def by_handle(app: App, topic: str, path: tuple[str, ...], value: Any) -> list[Outcome]:
    return await handle(app.log, app.ring, [made(topic, path, value)], app.articles)


async def by_publish(app: App, topic: str, path: tuple[str, ...], value: Any) -> list[Outcome]:
    return await app.publish([told(topic, path, value)])


Way = Callable[[App, str, tuple[str, ...], Any], Awaitable[list[Outcome]]]
WAYS: dict[str, Way] = {"submit": by_submit, "handle": by_handle, "publish": by_publish}


async def goes_in(app: App, way: str, topic: str, path: tuple[str, ...], value: Any) -> None:
    """It is refused with the documented error, and nothing is appended; or it is taken."""
    head = await app.log.head()
    try:
        [outcome] = await WAYS[way](app, topic, path, value)
    except ValueError:  # by the struct itself
        assert way != "publish"
    else:
        if outcome.status == "recorded":
            return
        assert outcome.status != "rejected" or isinstance(outcome.refusal, Refusal)
    assert await app.log.head() == head


async def begin(app: App) -> None:
    """A discussion in which most commands mean something."""
    beginning = ("discussion.opened", "passage.marked", "comment.posted", "vote.cast")
    for topic in beginning:
        outcomes = await app.submit([made(topic, ("act", "time"), at(10))])
        assert [it.status for it in outcomes] == ["recorded"], outcomes


async def all_is_well(app: App) -> None:
    """All that was recorded can be folded, read, and told."""
    await app.wait(await app.head(), 60)
    for view in (await app.status()).views:
        assert view.parked == []
    assert [str(each) for each in await app.verify()] == []
    assert [(it.equal, it.parked) for it in await app.rebuild()] == [(True, [])] * len(VIEWS)
    for discussion in (DISCUSSION, ids.discussion_id(SITE, "/elsewhere")):
        request = await app.request(discussion, MODERATOR)
        if request is None:
            continue
        orders: tuple[Order, ...] = ("newest", "hot")
        for order in orders:
            query = CommentQuery(order=order, limit=100, flat=True)
            assert await app.queries.comments_page(request, query) is not None
        assert await app.queries.discussion(request) is not None
        assert await app.queries.passages_page(request) is not None
        if discussion == DISCUSSION:
            assert await app.queries.comment(request, comment("c1")) is not None
    feed = Feed(app.log, app.ring, app.articles)
    async for fed in feed.pages():
        for event in fed.events:
            assert msgspec.json.decode(event.json)["specversion"] == "1.0"
    for row in await app.log.read_after(0, 10**6):
        if (recorded := codec.decode(row.topic, row.state)) is not None:
            assert is_time(recorded.time)


def _drawn(some: Iterable[T]) -> SearchStrategy[T]:
    return st.sampled_from(list(some))


@settings(deadline=None, max_examples=examples(40))
@given(
    st.lists(
        st.tuples(_drawn(WAYS), _drawn(CASES), _drawn(WRONG)),
        min_size=20,
        max_size=60,
    )
)
def test_whatever_goes_in_the_views_can_be_read(tries: list[tuple[str, Any, str]]) -> None:
    async def run() -> None:
        async with rostra_adapters.open("memory:", master_key=MASTER_KEY) as app:
            await begin(app)
            for way, (topic, path), wrong in tries:
                await goes_in(app, way, topic, path, WRONG[wrong])
            await all_is_well(app)

    asyncio.run(run())


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    urls = {"memory": "memory:", "sqlite": f"sqlite:{tmp_path / 'rostra.sqlite'}"}
    found: str = urls.get(request.param) or request.getfixturevalue("database_url")
    return found


@pytest.fixture
async def app(url: str) -> AsyncIterator[App]:
    async with rostra_adapters.open(url, master_key=MASTER_KEY) as opened:
        yield opened


async def test_every_wrong_value_at_every_field_of_every_command(app: App) -> None:
    await begin(app)
    commands, refused = [], 0
    for topic, path in CASES:
        for value in WRONG.values():
            try:
                commands.append(made(topic, path, value))
            except ValueError:
                refused += 1
    outcomes = await app.submit(commands)
    rejected = [it.refusal.name for it in outcomes if it.refusal is not None]
    assert rejected.count("invalid-event") > len(commands) // 2
    assert refused + len(commands) == len(CASES) * len(WRONG)
    await all_is_well(app)


@pytest.mark.slow
async def test_every_wrong_value_that_json_can_hold_over_http() -> None:
    lines = []
    for topic, path in CASES:
        for value in WRONG.values():
            with suppress(OverflowError, TypeError, ValueError):
                lines.append(msgspec.json.encode(told(topic, path, value)))
    async with serving() as service:
        await begin(service.app)
        answer = await service.post(b"\n".join(lines), media_type="application/x-ndjson")
        results = [msgspec.json.decode(line) for line in answer.body.splitlines()]
        problems = [one["problem"]["type"] for one in results if one["status"] == "rejected"]
        assert len(results) == len(lines)
        assert problems.count("/problems/invalid-event") > len(lines) // 2
        assert "/problems/internal-error" not in problems
        await all_is_well(service.app)


REPORTED = [
    ("vote.cast", ("value",), 7),
    ("vote.cast", ("value",), True),
    ("comment.posted", ("status",), "weird"),
    ("comment.posted", ("author", "name"), 5),
    ("comment.posted", ("act", "time"), "yesterday"),
    ("comment.posted", ("act", "time"), "2026-11-22T09:00:00"),
    ("comment.posted", ("body",), b"bytes"),
    ("comment.edited", ("act", "seen"), -1),
]


@pytest.mark.parametrize("way", ["submit", "handle"])
@pytest.mark.parametrize("case", REPORTED, ids=str)
async def test_what_made_a_discussion_unreadable_is_refused(
    app: App, way: str, case: tuple[str, tuple[str, ...], Any]
) -> None:
    await begin(app)
    head = await app.head()
    [outcome] = await WAYS[way](app, *case)
    assert outcome.refusal is not None
    assert outcome.refusal.name == "invalid-event"
    assert await app.head() == head


@pytest.mark.parametrize(
    "time",
    [
        datetime(2026, 11, 22, 11, tzinfo=ELSEWHERE),
        datetime(2026, 11, 22, 11, tzinfo=ELSEWHERE).isoformat(),
        datetime(2026, 11, 22, 9, tzinfo=UTC).isoformat(),
        "2026-11-22t09:00:00.0000009z",
    ],
    ids=str,
)
async def test_a_time_with_an_offset_is_taken_and_converted(app: App, time: Any) -> None:
    await begin(app)
    [outcome] = await app.submit([made("comment.pinned", ("act", "time"), time)])
    assert outcome.status == "recorded"
    [row] = await app.log.read_after(await app.head() - 1, 1)
    event: Any = codec.decode(row.topic, row.state)
    assert event.time == "2026-11-22T09:00:00.000000Z"
    await all_is_well(app)


async def test_a_time_ahead_is_refused_to_developers_too(app: App) -> None:
    await begin(app)
    ahead = datetime.now(UTC) + timedelta(minutes=6)
    [outcome] = await app.submit([made("comment.pinned", ("act", "time"), ahead)])
    assert outcome.refusal is not None
    assert outcome.refusal.name == "time-ahead"


def test_a_datetime_without_an_offset_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="without an offset"):
        act_at(WRONG["a datetime without an offset"])


def act_at(time: Any) -> CommandContext:
    return CommandContext("urn:cms", "e", time)


@pytest.mark.parametrize("what", [None, "x", {}, Commanded("x", act())], ids=str)  # type: ignore[arg-type]
async def test_what_is_no_command_is_refused(app: App, what: Any) -> None:
    [outcome] = await app.submit([what])
    assert outcome.refusal is not None
    assert outcome.refusal.name == "invalid-event"


class Base(PostComment, frozen=True, kw_only=True):
    """A command of somebody else's."""


async def test_a_command_of_another_class_is_refused() -> None:
    fields = fitting("comment.posted")
    async with rostra_adapters.open("memory:", master_key=MASTER_KEY) as app:
        await begin(app)
        kinds: list[Any] = [Base, Command]
        for kind in kinds:
            given = fields if kind is Base else {"site": SITE}
            [outcome] = await app.submit([Commanded(kind(**given), act())])
            assert outcome.refusal is not None
            assert outcome.refusal.name == "invalid-event"


# -- a stock application


class Talk(Application[UUID]):
    env: ClassVar[dict[str, str]] = {"MAPPER_TOPIC": "rostra.mapper:Mapper"}


STREAMS = {
    "site": ids.site_id(SITE),
    "person": ids.person_id(SITE, "ann"),
    "discussion": DISCUSSION,
    "comment": comment("c1"),
    "vote": ids.vote_id(comment("c1"), "bob"),
    "passage": ids.passage_id(DISCUSSION, "p1"),
    "subscription": ids.subscription_id(DISCUSSION, "bob"),
    "article": ids.article_id(DISCUSSION),
}
FLAG = ids.flag_id(comment("c1"), "bob")


def stream_of(topic: str) -> UUID:
    return FLAG if topic == "comment.flagged" else STREAMS[topic.partition(".")[0]]


def test_an_event_that_no_view_could_fold_is_not_saved_by_a_stock_application() -> None:
    broken, taken = [], 0
    for event in EVENTS.values():
        for field in msgspec.structs.fields(type(event)):
            saved = saved_with_wrong(event, field.name)
            taken += len(saved)
            broken += [it for it in facts(saved) if isinstance(it, Broken)]
    assert broken == []
    assert taken > 0


def _always(events: Sequence[AnyEvent], _: object) -> Sequence[AnyEvent]:
    return events


def saved_with_wrong(event: AnyEvent, field: str) -> list[tuple[int, UUID, str, bytes, None]]:
    """Save an event with each wrong value of a field; return the rows that are saved."""
    talk = Talk()  # each read folds all that was saved before
    fields = msgspec.structs.asdict(event)
    for value in WRONG.values():
        wrong = [type(event)(**{**fields, field: value})]
        before = talk.recorder.max_notification_id() or 0
        try:
            decide_and_save(talk, stream_of(event.topic), partial(_always, wrong))
        except Malformed:
            assert (talk.recorder.max_notification_id() or 0) == before
        else:
            assert talk.recorder.max_notification_id() == before + 1
    return [
        (row.id, UUID(str(row.originator_id)), row.topic, row.state, None)
        for row in talk.recorder.select_notifications(1, 10**6)
    ]


@pytest.mark.parametrize("topic", sorted(codec.TYPES))
def test_an_event_of_another_kind_of_stream_is_not_saved(topic: str) -> None:
    event = EVENTS[topic]
    talk = Talk()
    decide_and_save(talk, stream_of(topic), lambda _: [event])
    for stream in {*STREAMS.values(), FLAG} - {stream_of(topic)}:
        with pytest.raises(Refusal, match="invalid-event"):
            decide_and_save(talk, stream, lambda _: [event])


# -- what another writer recorded all the same


BROKEN: dict[str, tuple[UUID, str, bytes]] = {
    "a vote of 7": (
        STREAMS["vote"],
        "vote.cast",
        b'{"time":"2026-11-22T09:00:00.000000Z","source":"s","id":"i","comment":"%s",'
        b'"voter":"bob","value":7,"was":1,"now":7}' % str(comment("c1")).encode(),
    ),
    "a status": (
        comment("c9"),
        "comment.posted",
        b'{"time":"2026-11-22T09:00:00.000000Z","author":"ann","status":"weird","key":"c9"}',
    ),
    "no time": (STREAMS["comment"], "comment.pinned", b'{"time":"yesterday"}'),
    "an edit of nothing": (
        comment("c8"),
        "comment.edited",
        b'{"time":"2026-11-22T09:00:00.000000Z","author":"ann","personal":"AAAA"}',
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_an_event_that_cannot_be_folded_is_told_on_every_backend(
    app: App, broken: str
) -> None:
    await begin(app)
    stream, topic, state = BROKEN[broken]
    version = len((await app.log.read_streams([stream]))[stream])
    row = NewEvent(StreamId(stream), version + 1, topic, state)
    group = Group((row,), {stream: version}, ids.event_id("theirs", broken), b"{}")
    [appended] = await append(app.log, [group])
    assert isinstance(appended, Appended)
    position = appended.first
    await app.wait(position, 60)

    told = [each for each in await app.verify() if each.view != "log"]
    assert {each.key for each in told} == {str(position)}
    assert "comments" in {each.view for each in told}
    assert all(each.found and str(DISCUSSION) in each.found for each in told)
    status = {view.name: view.parked for view in (await app.status()).views}
    [parked] = status["comments"]
    assert (parked.discussion, parked.position) == (DISCUSSION, position)
    assert parked.error
    rebuilt = {done.view: done for done in await app.rebuild()}
    assert [each.position for each in rebuilt["comments"].parked] == [position]
    assert rebuilt["comments"].equal


OF_ONESELF = {"person.configured", "subscription.started", "subscription.ended"}
"""Commands whose `person` is the one who acts."""


@pytest.mark.parametrize("topic", COMMANDS)
def test_acting_person_is_the_one_that_a_field_names(topic: str) -> None:
    given: Any = COMMANDS[topic](**fitting(topic))
    fields = {field.name for field in msgspec.structs.fields(COMMANDS[topic])}
    expected = None
    if "by" in fields:
        expected = given.by
    elif "voter" in fields:
        expected = given.voter
    elif "author" in fields:
        expected = given.author.id
    elif topic in OF_ONESELF:
        expected = given.who

    assert acting_person(given) == expected
