"""Passages that persons mark: the article's own words, few, unseen until somebody comments."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rostra_adapters
from rostra import ids
from rostra.commands import ApproveComment, MarkPassage, RemoveComment, UnmarkPassage
from rostra.deciding.handle import Commanded, Outcome
from rostra.events import PERSONS, CommandContext
from rostra.limits import MARKS_A_DAY_MAX, QUOTE_CHARACTERS_MAX
from rostra.passage import PassageMarked
from rostra.times import LONG_AGO, Time, format_time
from rostra_adapters.application.app import App
from rostra_projections.responses.shapes import ANYONE, PassageShape, Viewer
from support.article_publishing import ARTICLE, WORDS
from support.effort import examples
from support.listening import listening
from support.service import (
    MASTER_KEY,
    PLACE,
    Answer,
    Service,
    event,
    opened,
    serving,
    token,
)
from support.waiting import WAIT_SECONDS_MAX

SITE, RESOURCE = PLACE["site"], PLACE["resource"]
DISCUSSION = ids.discussion_id(SITE, RESOURCE)
PASSAGES = f"/v1/discussions/{DISCUSSION}/passages"
COMMENTS = f"/v1/discussions/{DISCUSSION}/comments"
ANN, BOB = (token("comment", site=SITE, person=name) for name in ("ann", "bob"))
MIA = token("moderate", site=SITE, person="mia")
START = ARTICLE.index(WORDS)
END = START + len(WORDS)
LURE = "Buy cheap pills at pills dot example"


@pytest.fixture(params=["memory", "postgres"])
async def service(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Service]:
    async with serving(database_url if request.param == "postgres" else "memory:") as service:
        yield service


def revised(revision: str = "r1", text: str = ARTICLE) -> dict[str, Any]:
    return event("article.revised", revision=revision, text=text)


async def act(
    service: Service, method: str, path: str, who: str, key: str | None = None, **body: Any
) -> Answer:
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key
    content = json.dumps(body).encode()
    return await service.ask(method, path, token=who, headers=headers, body=content)


async def mark(service: Service, who: str = ANN, key: str | None = None, **body: Any) -> Answer:
    return await act(service, "POST", PASSAGES, who, key, **body)


async def say(service: Service, passage: str, who: str = BOB) -> str:
    answer = await act(service, "POST", COMMENTS, who, body="Quite so.", passage=passage)
    assert answer.status == 201, answer.body
    return str(answer.json["id"])


async def listed(service: Service, who: str | None = None, **asked: Any) -> list[dict[str, Any]]:
    page = await service.get(PASSAGES, token=who, **asked)
    return list(page.json["passages"])


# -- the article's own words


async def test_what_is_kept_is_the_articles_own_words(service: Service) -> None:
    await service.given(opened(), revised())
    sent: dict[str, Any] = {
        "exact": WORDS.replace(" ", "\u00a0"),
        "prefix": LURE,
        "suffix": LURE,
        "start": 0,
        "end": 1,
    }
    marked = await mark(service, **sent)
    assert marked.status == 201, marked.body
    rows = (await service.app.log.read_streams([UUID(marked.json["id"])])).popitem()[1]
    [shape] = await listed(service, MIA)
    found = json.loads(rows[0].state)
    assert {name: found[name] for name in ("exact", "start", "end", "revision", "by")} == {
        "exact": WORDS,
        "start": START,
        "end": END,
        "revision": "r1",
        "by": "ann",
    }
    assert ARTICLE[:START].endswith(found["prefix"])
    assert ARTICLE[END:].startswith(found["suffix"])
    assert (shape["exact"], shape["start"], shape["state"]) == (WORDS, START, "anchored")
    assert LURE not in json.dumps(await everything(service))


async def everything(service: Service) -> list[str]:
    rows = await service.app.log.read_after(0, 1_000)
    return [row.state.decode() for row in rows]


@pytest.mark.parametrize(
    "exact", [LURE, LURE * (QUOTE_CHARACTERS_MAX // len(LURE)), "captain ordered a pizza and left"]
)
async def test_words_that_the_article_does_not_have_are_refused(
    service: Service, exact: str
) -> None:
    await service.given(opened(), revised())
    before = await service.app.head()
    refused = await mark(service, exact=exact)
    assert (refused.status, refused.problem) == (422, "not-in-the-article")
    assert await service.app.head() == before


async def test_without_the_articles_text_persons_mark_nothing(service: Service) -> None:
    await service.given(opened())
    refused = await mark(service, exact=WORDS, start=START, end=END)
    assert (refused.status, refused.problem) == (422, "no-article-text")
    await service.given(revised())
    assert await service.app.drop_text(SITE, RESOURCE, "r1")
    refused = await mark(service, exact=WORDS, start=START, end=END)
    assert (refused.status, refused.problem) == (422, "no-article-text")
    assert await listed(service, MIA) == []


async def test_a_site_or_a_discussion_leaves_marking_to_its_publisher(service: Service) -> None:
    await service.given(event("site.configured", settings={"marking": "publisher"}))
    await service.given(opened(), revised())
    refused = await mark(service, exact=WORDS)
    assert (refused.status, refused.problem) == (422, "not-marked-by-readers")
    await service.given(event("passage.marked", passage="p1", exact=WORDS))
    await service.given(opened(settings={"marking": "persons"}))
    assert (await mark(service, exact="timber and mail")).status == 201


async def test_a_mark_sent_again_under_its_key_is_the_same_however_it_was_written(
    service: Service,
) -> None:
    await service.given(opened(), revised())
    sent = {"exact": WORDS.replace("ordered", "orderd"), "start": START}
    first = await mark(service, ANN, "k", **sent)
    assert first.status == 201
    assert (await mark(service, ANN, "k", **sent)).json == first.json
    await service.given(revised("r2", f"Oh. {ARTICLE}"))
    assert (await mark(service, ANN, "k", exact=WORDS)).json == first.json
    assert (await mark(service, ANN, "k", **sent)).json == first.json
    other = await mark(service, ANN, "k", exact="timber and mail")
    assert (other.status, other.problem) == (409, "different-content")


# -- shown once a comment on it is


async def test_a_mark_is_shown_once_a_comment_on_it_is(service: Service) -> None:
    await service.given(opened(settings={"moderation": "all"}), revised())
    before = await service.get(PASSAGES)
    passage = (await mark(service, exact=WORDS)).json["id"]
    for seen in (await service.get(PASSAGES), await service.get(PASSAGES, format="annotation")):
        assert WORDS not in seen.body.decode()
    after = await service.get(PASSAGES)
    assert (after.headers["ETag"], after.json) == (before.headers["ETag"], before.json)
    assert [one["id"] for one in await listed(service, ANN)] == [passage]
    assert [one["id"] for one in await listed(service, MIA)] == [passage]
    assert await listed(service, BOB) == []
    comment = await say(service, passage)
    assert await listed(service) == []  # it is held
    await act(service, "POST", f"/v1/comments/{comment}/moderation", MIA, action="approve")
    [shape] = await listed(service)
    assert (shape["id"], shape["exact"], shape["comments"]) == (passage, WORDS, 1)
    shown_at = await service.app.head()
    await act(service, "POST", f"/v1/comments/{comment}/moderation", MIA, action="remove")
    assert await listed(service) == []
    assert await listed(service, as_of=shown_at) == []
    assert [one["id"] for one in await listed(service, MIA, as_of=shown_at)] == [passage]


async def test_listeners_hear_of_a_mark_once_it_is_shown(service: Service) -> None:
    await service.given(opened(), revised())
    head = await service.app.head()
    live = f"{service.url}/v1/discussions/{DISCUSSION}/live?min_position={head}"
    async with listening(live) as listener:
        passage = (await mark(service, exact=WORDS)).json["id"]
        p1 = event("passage.marked", passage="p1", exact="timber and mail")
        [after] = await service.given(p1)
        assert await _told(listener, ("passage", after, None)) == [after]  # not of the mark
        comment = await say(service, passage)
        await _told(listener, ("comment", comment, "published"), ("passage", passage, None))
        await act(service, "POST", f"/v1/comments/{comment}/moderation", MIA, action="remove")
        await _told(listener, ("removed", comment, "removed"), ("removed", passage, "unmarked"))


async def _told(listener: Any, *wanted: tuple[str, str, str | None]) -> list[str]:
    """Read until all of these came. Return the ids of what was read."""
    missing, ids_read = set(wanted), list[str]()
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while missing:
            _, name, data = await listener.next()
            ids_read.append(data["id"])
            missing.discard((name, data["id"], data.get("status")))
    return ids_read


async def test_a_publishers_passage_is_shown_at_once_as_ever(service: Service) -> None:
    await service.given(opened(), event("passage.marked", passage="p1", exact="Anything at all."))
    assert [one["key"] for one in await listed(service)] == ["p1"]


async def test_an_older_mark_of_a_person_is_shown_once_a_comment_on_it_is(
    service: Service,
) -> None:
    """It may hold words of theirs, as the feed of an older Rostra tells it."""
    old = event("passage.marked", passage_id=str(uuid4_of_passage()), exact=LURE)
    await service.given(opened(), {**old, "source": PERSONS})
    assert await listed(service) == []
    [shape] = await listed(service, MIA)
    await service.given(
        event(
            "comment.posted",
            passage_id=shape["id"],
            author={"id": "cem", "name": "Cem"},
            body="Hm.",
        )
    )
    assert [one["exact"] for one in await listed(service)] == [LURE]
    done = await moderate(service, shape["id"], "unmark")
    assert done.status == 200
    assert await listed(service) == []


def uuid4_of_passage() -> UUID:
    return ids.passage_id_of_person(DISCUSSION, "ann", uuid4().hex)


# -- moderators


async def moderate(service: Service, passage: str, action: str, who: str = MIA) -> Answer:
    return await act(service, "POST", f"/v1/passages/{passage}/moderation", who, action=action)


async def test_moderators_unmark_close_and_reopen_passages(service: Service) -> None:
    await service.given(opened(), revised())
    passage = (await mark(service, exact=WORDS)).json["id"]
    await say(service, passage)
    closed = await moderate(service, passage, "close")
    assert (closed.status, closed.json) == (
        200,
        {"id": passage, "position": await service.app.head()},
    )
    assert [one["open"] for one in await listed(service)] == [False]
    refused = await act(service, "POST", COMMENTS, BOB, body="More.", passage=passage)
    assert refused.problem == "passage-closed"
    assert (await moderate(service, passage, "reopen")).status == 200
    await say(service, passage)
    assert (await moderate(service, passage, "unmark")).status == 200
    assert await listed(service) == []
    again = await mark(service, BOB, exact=WORDS)
    assert (again.status, again.problem) == (422, "passage-unmarked")
    feed = (await service.ask("GET", "/v1/events", token=token())).json
    acts = [
        (one["type"], one["data"].get("by")) for one in feed if one["type"].startswith("passage.")
    ]
    assert acts == [
        ("passage.marked", "ann"),
        ("passage.closed", "mia"),
        ("passage.reopened", "mia"),
        ("passage.unmarked", "mia"),
    ]


async def test_only_moderators_moderate_passages(service: Service) -> None:
    await service.given(opened(), revised())
    passage = (await mark(service, exact=WORDS)).json["id"]
    assert (await moderate(service, passage, "unmark", ANN)).status == 403
    assert (
        await moderate(service, passage, "unmark", token("moderate", site="herald"))
    ).status == 403
    assert (await moderate(service, passage, "delete")).problem == "invalid-body"
    unknown = ids.passage_id(DISCUSSION, "unknown")
    assert (await moderate(service, str(unknown), "close")).status == 404
    assert (await moderate(service, str(DISCUSSION), "close")).status == 404
    elsewhere = ids.passage_id(ids.discussion_id(SITE, "/unknown"), "p")
    assert (await moderate(service, str(elsewhere), "close")).status == 404


# -- how many


def stretches(number: int) -> list[str]:
    """So many different stretches of the article."""
    words = ARTICLE.split(" ")
    return [" ".join(words[at : at + 4]) for at in range(number)]


async def test_a_person_marks_twenty_passages_of_an_article_within_a_day(
    service: Service,
) -> None:
    await service.given(opened(), revised())
    few = stretches(MARKS_A_DAY_MAX + 1)
    for exact in few[:MARKS_A_DAY_MAX]:
        assert (await mark(service, exact=exact)).status == 201
    refused = await mark(service, exact=few[-1])
    assert (refused.status, refused.problem) == (429, "too-many-marks")
    assert 80_000 < int(refused.headers["Retry-After"]) <= 86_400
    assert (await mark(service, exact=few[0])).status == 200  # it is there
    for one in await listed(service, MIA):
        await moderate(service, one["id"], "unmark")
    assert (await mark(service, exact=few[-1])).problem == "too-many-marks"
    assert (await mark(service, BOB, exact=few[-1])).status == 201
    await service.given(
        event("discussion.opened", resource="/other"),
        {**revised(), "data": {**PLACE, "resource": "/other", "revision": "r1", "text": ARTICLE}},
    )
    other = f"/v1/discussions/{ids.discussion_id(SITE, '/other')}/passages"
    assert (await act(service, "POST", other, ANN, exact=few[-1])).status == 201


_names = count(1)


def marking(exact: str, person: str, time: Time, site: str = SITE) -> Commanded:
    passage = ids.passage_id_of_person(ids.discussion_id(site, RESOURCE), person, uuid4().hex)
    command = MarkPassage(site=site, resource=RESOURCE, passage_id=passage, exact=exact)
    return Commanded(command, CommandContext(PERSONS, str(passage), time, person=person))


async def test_a_day_later_there_are_twenty_more(service: Service) -> None:
    await service.given(opened(), revised())
    now = datetime.now(UTC)
    few = stretches(2 * MARKS_A_DAY_MAX + 1)

    async def statuses(exacts: Sequence[str], hours: float) -> list[str]:
        time = format_time(now + timedelta(hours=hours))
        outcomes = await service.app.submit([marking(one, "ann", time) for one in exacts])
        return [one.refusal.name if one.refusal else one.status for one in outcomes]

    assert set(await statuses(few[:MARKS_A_DAY_MAX], -30)) == {"recorded"}
    assert await statuses(few[-1:], -6.5) == ["too-many-marks"]
    assert set(await statuses(few[MARKS_A_DAY_MAX:-1], -5)) == {"recorded"}
    assert await statuses(few[-1:], 0) == ["too-many-marks"]


async def test_the_count_holds_across_processes(database_url: str) -> None:
    async with (
        rostra_adapters.open(database_url, master_key=MASTER_KEY) as one,
        rostra_adapters.open(database_url, master_key=MASTER_KEY, project=False) as other,
    ):
        await one.publish([opened(), revised()])
        time = format_time(datetime.now(UTC))
        asked = [marking(exact, "ann", time) for exact in stretches(2 * MARKS_A_DAY_MAX)]
        outcomes = await asyncio.gather(
            *((one, other)[n % 2].submit([each]) for n, each in enumerate(asked))
        )
        statuses = [outcome.status for (outcome,) in outcomes]
        refused = {outcome.refusal.name for (outcome,) in outcomes if outcome.refusal}
    assert statuses.count("recorded") == MARKS_A_DAY_MAX
    assert refused == {"too-many-marks"}


# -- erased


async def test_of_an_erased_person_a_mark_keeps_the_articles_words_and_their_id(
    service: Service,
) -> None:
    await service.given(opened(), revised())
    secret = "my name is Annabel Lee"
    sent = {"exact": WORDS, "prefix": secret, "suffix": secret}
    passage = (await mark(service, **sent)).json["id"]
    await say(service, passage)
    erase = {"site": SITE, "person": "ann"}
    admin = token("publish admin")
    erased = {**event("person.erased"), "data": erase}
    assert (await service.publish(erased, token=admin)).status == 201
    assert secret not in json.dumps(await everything(service))
    feed = (await service.ask("GET", "/v1/events", token=token())).body.decode()
    assert secret not in feed
    [shape] = await listed(service)
    assert shape["exact"] == WORDS
    assert "by" not in shape


# -- whatever happens


QUOTES = [WORDS, "timber and mail", WORDS.upper(), LURE, "e", f"{WORDS} {LURE}"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("mark"), st.sampled_from(QUOTES), st.sampled_from(["ann", "bob"])),
        st.tuples(st.just("key"), st.sampled_from(QUOTES), st.just("")),
        st.tuples(st.just("say"), st.sampled_from(["published", "held"]), st.integers(0, 9)),
        st.tuples(st.just("approve"), st.just(""), st.integers(0, 9)),
        st.tuples(st.just("remove"), st.just(""), st.integers(0, 9)),
        st.tuples(st.just("unmark"), st.just(""), st.integers(0, 9)),
        st.tuples(st.just("revise"), st.sampled_from([f"Oh. {ARTICLE}", "Nothing."]), st.just(0)),
        st.tuples(st.just("erase"), st.just(""), st.sampled_from(["ann", "bob"])),
    ),
    min_size=3,
    max_size=14,
)


class _Story:
    """What persons, a publisher and moderators do on a site of its own."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.site = f"site{uuid4().hex}"
        self.discussion = ids.discussion_id(self.site, RESOURCE)
        self.place: dict[str, Any] = {"site": self.site, "resource": RESOURCE}
        self.texts = {ARTICLE}
        self.passages: list[UUID] = []
        self.comments: list[UUID] = []

    async def begin(self) -> None:
        await self.publish("discussion.opened")
        await self.publish("article.revised", revision="r1", text=ARTICLE)

    async def publish(self, kind: str, **data: Any) -> Outcome:
        made = {**event(kind), "data": {**self.place, **data}}
        if kind == "person.erased":
            del made["data"]["resource"]
        [outcome] = await self.app.publish([made])
        return outcome

    async def submit(self, command: Any, person: str, *, moderates: bool = False) -> Outcome:
        name = str(getattr(command, "passage_id", None) or uuid4())
        time = format_time(datetime.now(UTC))
        act = CommandContext(PERSONS, name, time, person=person, moderates=moderates)
        [outcome] = await self.app.submit([Commanded(command, act)])
        return outcome

    async def step(self, what: str, text: str, which: Any) -> None:
        match what:
            case "mark":
                asked = marking(text, which, LONG_AGO, self.site).command
                outcome = await self.submit(asked, which)
                self._note(self.passages, outcome)
            case "key":
                key = f"p{len(self.passages)}"
                self._note(
                    self.passages, await self.publish("passage.marked", passage=key, exact=text)
                )
            case "say" if self.passages:
                key = f"c{len(self.comments)}"
                author = {"id": "cem", "name": "Cem"}
                on = self.passages[which % len(self.passages)]
                said = await self.publish(
                    "comment.posted",
                    comment=key,
                    passage_id=str(on),
                    author=author,
                    body="Hm.",
                    status=text,
                )
                self._note(self.comments, said)
            case "approve" | "remove" if self.comments:
                kind = ApproveComment if what == "approve" else RemoveComment
                on = self.comments[which % len(self.comments)]
                await self.submit(
                    kind(**self.place, comment_id=on, by="mia"), "mia", moderates=True
                )
            case "unmark" if self.passages:
                on = self.passages[which % len(self.passages)]
                await self.submit(
                    UnmarkPassage(**self.place, passage_id=on, by="mia"), "mia", moderates=True
                )
            case "revise":
                self.texts.add(text)
                await self.publish("article.revised", revision=text[:9], text=text)
            case "erase":
                await self.publish("person.erased", person=which)

    @staticmethod
    def _note(those: list[UUID], outcome: Outcome) -> None:
        if outcome.id is not None and outcome.status != "rejected":
            those.append(outcome.id)

    async def seen(self, app: App, viewer: Viewer = ANYONE) -> list[PassageShape]:
        await app.wait(await app.head(), 60)
        request = await app.request(self.discussion, viewer)
        assert request is not None
        page = await app.queries.passages_page(request)
        assert page is not None
        return page.passages

    async def states(self) -> list[tuple[str, bytes]]:
        rows = await self.app.log.read_after(0, 100_000)
        here = [row for row in rows if ids.discussion_of(row.stream) == self.discussion]
        return [(row.topic, row.state) for row in here]


@settings(
    deadline=None,
    max_examples=examples(12),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_readers_see_only_words_of_the_article_that_were_commented_on(
    database_url: str, steps: list[tuple[str, str, Any]]
) -> None:
    async def run() -> None:
        async with (
            rostra_adapters.open(database_url, master_key=MASTER_KEY) as app,
            rostra_adapters.open("memory:") as elsewhere,
        ):
            story = _Story(app)
            await story.begin()
            for step in steps:
                await story.step(*step)
                for one in await story.seen(app):
                    assert one.key is not None or one.comments + one.replies > 0
                    assert one.key is not None or any(one.exact in text for text in story.texts)
            for topic, state in await story.states():
                if topic == PassageMarked.topic and b'"key"' not in state:
                    assert LURE.encode() not in state
            everybody = [ANYONE, Viewer(moderator=True), Viewer("ann"), Viewer("bob")]
            live = [await story.seen(app, viewer) for viewer in everybody]
            assert {done.equal for done in await app.rebuild()} == {True}
            assert [await story.seen(app, viewer) for viewer in everybody] == live
            feed = await _feed(app, story.site)
            assert {one.status for one in await elsewhere.publish(feed)} <= {
                "recorded",
                "unchanged",
            }
            assert [await story.seen(elsewhere, viewer) for viewer in everybody] == live

    asyncio.run(run())


async def _feed(app: App, site: str) -> list[dict[str, Any]]:
    from rostra_adapters.application.feed.events import Feed, Wanted

    feed = Feed(app.log, app.ring, app.articles)
    wanted = Wanted(site=site)
    return [json.loads(one.json) async for page in feed.pages(wanted=wanted) for one in page.events]
