"""Beside a plain model: whatever happens, who is mailed what, and what each inbox holds."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rostra_adapters
from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.application.notify.composing import MailOrigin
from rostra_adapters.application.notify.follower import OutboxFiller
from rostra_adapters.application.notify.links import address_hash
from rostra_adapters.application.notify.sender import MailSettings, Sender
from rostra_adapters.application.notify.texts import texts_of
from rostra_adapters.application.queries.inbox import Inboxes
from support.checkpoints import follow_another_log
from support.effort import examples
from support.service import MASTER_KEY, Event, event, opened

PERSONS = ("ann", "bob", "cy")
MAILED_DECISIONS = "ann"
"""Person who asked to be mailed decisions of the moderators."""
SITE, MOVED_TO = "gazette", "/trams-and-buses"
DISCUSSION = ids.discussion_id(SITE, "/trams")
LONG_AGO = "2020-01-01T00:00:00Z"
COMMENT_IN_MAIL = re.compile(r"\?comment=([0-9a-f-]{36})")
Item = tuple[int, str, str]
"""Position, reason and comment."""
Sent = tuple[str, str, str]
"""Person, reason and comment."""

# -- the model


class ModelComment(msgspec.Struct):
    author: str
    position: int
    parent: str | None
    mentions: tuple[str, ...]
    moderated: str
    removed: bool = False
    waits: bool = False
    """Whether a new wording waits for the moderators."""
    flaggers: list[str] = []
    is_old: bool = False
    """Whether it was imported with a time of long ago."""


class ModelEvent(msgspec.Struct):
    """Something that may concern persons: a publication, a decision, or both."""

    position: int
    comment: str
    publishes: bool
    decided_for: tuple[str, ...]
    is_old: bool


class Model:
    """Plain rules, over the events that were recorded."""

    def __init__(self) -> None:
        self.comments: dict[str, ModelComment] = {}
        self.events: list[ModelEvent] = []
        self.published: set[str] = set()
        self.subscriptions: dict[str, tuple[str | None, int]] = {}
        self.erased_at: dict[str, int] = {}
        self.addresses = set(PERSONS)
        self.banned: set[str] = set()
        self.filled = 0
        self.waiting: list[tuple[ModelEvent, str, str]] = []
        self.lost_log = False

    # what happened

    def posted(self, key: str, made: ModelComment) -> None:
        self.comments[key] = made
        self._note(made.position, key, (), is_old=made.is_old)

    def decided(self, key: str, position: int, by: str | None) -> None:
        comment = self.comments[key]
        concerned: tuple[str, ...] = ()
        if by != comment.author:
            concerned = tuple(one for one in (comment.author, *comment.flaggers) if one != by)
            comment.flaggers = []
        self._note(position, key, concerned, is_old=False)

    def _note(self, position: int, key: str, concerned: tuple[str, ...], *, is_old: bool) -> None:
        publishes = self.is_published(key) and key not in self.published
        if publishes:
            self.published.add(key)
        self.events.append(ModelEvent(position, key, publishes, concerned, is_old))

    def erased(self, person: str, position: int) -> None:
        self.erased_at[person] = position
        self.addresses.discard(person)
        self.waiting = [one for one in self.waiting if one[1] != person]

    # what follows

    def is_published(self, key: str) -> bool:
        comment = self.comments[key]
        return comment.moderated == "published" and not comment.removed

    def has_words(self, key: str) -> bool:
        comment = self.comments[key]
        return self.erased_at.get(comment.author, 0) < comment.position

    def is_off(self, person: str) -> bool:
        return person in self.subscriptions and self.subscriptions[person][0] is None

    def subscribed_since(self, person: str) -> int | None:
        to, since = self.subscriptions.get(person, (None, 0))
        is_on = to == "comments" and since > self.erased_at.get(person, 0)
        return since if is_on else None

    def reason(self, happened: ModelEvent, person: str) -> str | None:
        """Return why an event concerns a person: once, for the first reason that there is."""
        comment = self.comments[happened.comment]
        is_new = happened.publishes and person != comment.author
        if is_new and comment.parent and self.comments[comment.parent].author == person:
            return "reply"
        if is_new and person in comment.mentions:
            return "mention"
        if person in happened.decided_for:
            return "moderation"
        since = self.subscribed_since(person)
        if is_new and since is not None and since < happened.position:
            return "subscription"
        return None

    def inbox(self, person: str) -> Iterator[Item]:
        begin = self.erased_at.get(person, 0)
        for happened in reversed(self.events):
            reason = self.reason(happened, person)
            if reason is None or happened.position < begin or not self.has_words(happened.comment):
                continue
            ended = self.is_off(person) and self.subscriptions[person][1] < happened.position
            if reason == "moderation" or (self.is_published(happened.comment) and not ended):
                yield happened.position, reason, happened.comment

    def fill(self, head: int) -> None:
        """Note who is to be mailed what since the last time."""
        new = [one for one in self.events if one.position > self.filled and not one.is_old]
        if not self.lost_log:
            for happened in new:
                for person in PERSONS:
                    reason = self.reason(happened, person)
                    if reason is None or self.erased_at.get(person, 0) > happened.position:
                        continue
                    if not self.is_off(person):
                        self.waiting.append((happened, person, reason))
        self.filled, self.lost_log = head, False

    def send(self) -> Iterator[Sent]:
        """Yield the mails that go out now."""
        waiting, self.waiting = self.waiting, []
        for happened, person, reason in waiting:
            key = happened.comment
            if person in self.banned or person not in self.addresses or not self.has_words(key):
                continue
            if reason == "moderation":
                is_wanted = person == MAILED_DECISIONS and not self.is_off(person)
            elif reason == "subscription":
                is_wanted = self.subscriptions[person][0] == "comments" and self.is_published(key)
            else:
                is_wanted = not self.is_off(person) and self.is_published(key)
            if is_wanted:
                yield person, reason, key


# -- both


class Kept:
    """Mails that were handed over."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def send(self, mail: EmailMessage, _: UUID, /) -> None:
        self.mails.append(mail)


class Both:
    """The model, and a Rostra to which the same happens."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.model = Model()
        self.kept = Kept()
        origin = MailOrigin("News <news@example.org>")
        mails = MailSettings(origin=origin, base_url="https://news.example")
        self.filler = OutboxFiller(app, app.outbox)
        self.sender = Sender(app, app.outbox, self.kept, mails)
        self.resource = "/trams"

    async def begin(self) -> None:
        await self.happen(opened())
        for person in PERSONS:
            await self.configure(person)
        await self.filler.catch_up()
        self.model.filled = await self.app.head()

    async def happen(self, it: Event) -> int | None:
        """Publish an event. Return its position, None if it changed nothing or was refused."""
        if "resource" in it["data"]:
            it["data"]["resource"] = self.resource
        (outcome,) = await self.app.publish([it])
        return outcome.position if outcome.status == "recorded" else None

    async def configure(self, person: str) -> None:
        address = f"{person}@example.org"
        data = {"person": person, "email": address}
        if person == MAILED_DECISIONS:
            data["notify"] = {"moderation": "now"}  # type: ignore[assignment]
        if await self.happen(about("person.configured", **data)) is None:
            return
        stream, outbox = ids.person_id(SITE, person), self.app.outbox
        await outbox.confirm(stream, address_hash(stream, address, await outbox.link_key()))
        self.model.addresses.add(person)

    async def act(self, act: tuple[Any, ...]) -> None:
        kind, *data = act
        await getattr(self, f"_{kind}")(*data)

    async def _post(
        self, author: str, parent: int, mentions: tuple[str, ...], status: str, *, is_old: bool
    ) -> None:
        key = f"c{len(self.model.comments)}"
        keys = list(self.model.comments)
        answered = keys[parent % len(keys)] if keys and parent >= 0 else None
        named = {} if answered is None else {"parent": answered}
        position = await self.happen(
            event(
                "comment.posted",
                time=LONG_AGO if is_old else None,
                comment=key,
                author={"id": author, "name": author.title()},
                body="Yes.",
                status=status,
                mentions=list(mentions),
                **named,
            )
        )
        if position is not None:
            comment = ModelComment(author, position, answered, mentions, status, is_old=is_old)
            self.model.posted(key, comment)

    async def _decide(self, kind: str, number: int, by: str) -> None:
        keys = list(self.model.comments)
        if not keys:
            return
        key = keys[number % len(keys)]
        comment = self.model.comments[key]
        if by == "author":
            by = comment.author
        position = await self.happen(event(f"comment.{kind}", comment=key, by=by))
        if position is None:
            return
        match kind:
            case "removed" | "restored":
                comment.removed = kind == "removed"
            case "approved":
                comment.moderated, comment.waits = "published", False
            case "rejected" if comment.waits:
                comment.waits = False
            case "rejected" | "held":
                comment.moderated, comment.waits = kind, False
        self.model.decided(key, position, by)

    async def _edit(self, number: int) -> None:
        """A new wording that waits, where the comment was approved."""
        keys = list(self.model.comments)
        if not keys:
            return
        key = keys[number % len(keys)]
        body = f"Wording {uuid4()}"
        edited = event("comment.edited", comment=key, body=body, status="held")
        if await self.happen(edited) is not None:
            comment = self.model.comments[key]
            comment.waits = comment.moderated == "published"

    async def _flag(self, person: str, number: int) -> None:
        keys = list(self.model.comments)
        if not keys:
            return
        key = keys[number % len(keys)]
        flagged = event("comment.flagged", comment=key, by=person, reason="Rude")
        if await self.happen(flagged) is not None:
            flaggers = self.model.comments[key].flaggers
            flaggers += [] if person in flaggers else [person]

    async def _subscribe(self, person: str, to: str | None) -> None:
        if to is None:
            position = await self.happen(event("subscription.ended", person=person))
        else:
            position = await self.happen(event("subscription.started", person=person, to=to))
        if position is not None:
            self.model.subscriptions[person] = (to, position)

    async def _erase(self, person: str) -> None:
        position = await self.happen(about("person.erased", person=person))
        if position is not None:
            self.model.erased(person, position)

    async def _return(self, person: str) -> None:
        await self.happen(about("person.returned", person=person))
        await self.configure(person)

    async def _ban(self, person: str) -> None:
        banned = about("person.banned", person=person, by="mod", comments="keep", votes="keep")
        if await self.happen(banned) is not None:
            self.model.banned.add(person)

    async def _unban(self, person: str) -> None:
        if await self.happen(about("person.unbanned", person=person, by="mod")) is not None:
            self.model.banned.discard(person)

    async def _move(self) -> None:
        moved = event("discussion.moved", to=MOVED_TO)
        if await self.happen(moved) is not None:
            self.resource = MOVED_TO

    async def _rebuild(self) -> None:
        await self.app.wait(await self.app.head())
        rebuilt = await self.app.rebuild(["inbox"])
        assert [one.equal for one in rebuilt] == [True]

    async def _lose(self) -> None:
        """Follow another log: as after a restore."""
        await follow_another_log(self.app.outbox)
        self.model.lost_log = True

    async def _fill(self) -> None:
        await self.filler.catch_up()
        self.model.fill(await self.app.head())

    async def _send(self) -> None:
        await self.app.wait(await self.app.head())
        while await self.sender.send_next():
            pass
        mails, self.kept.mails = self.kept.mails, []
        assert Counter(self.model.send()) == Counter(self._items(mails))

    def _items(self, mails: list[EmailMessage]) -> Iterator[Sent]:
        keys = {str(ids.comment_id(DISCUSSION, key)): key for key in self.model.comments}
        _, english = texts_of("en")
        for mail in mails:
            plain = mail.get_body(("plain",))
            assert plain is not None
            blocks = plain.get_content().split("-- \n")[0].strip().split("\n\n")
            for block in blocks:
                found = COMMENT_IN_MAIL.search(block)
                assert found is not None, block
                headline = block.strip().splitlines()[0]
                for reason in ("reply", "mention", "moderation", "subscription"):
                    if re.fullmatch(getattr(english, reason).replace("{name}", ".*"), headline):
                        yield str(mail["To"]).split("@")[0], reason, keys[found[1]]

    async def check_inboxes(self) -> None:
        await self.app.wait(await self.app.head())
        keys: dict[UUID, str] = {
            ids.comment_id(DISCUSSION, key): key for key in self.model.comments
        }
        for person in PERSONS:
            found: list[Item] = []
            cursor: str | None = None
            while True:
                page = await Inboxes(self.app).page(
                    SITE, person, limit=2, cursor=cursor, unread_only=False
                )
                found += [(one.position, one.reason, keys[one.comment]) for one in page.items]
                cursor = page.next
                if cursor is None:
                    break
            expected = list(self.model.inbox(person))
            assert found == expected, person
            assert page.unread == len(expected)


def about(kind: str, **data: Any) -> Event:
    """Return an event that is about no discussion."""
    made = event(kind)
    return {**made, "data": {"site": SITE, **data}}


# -- histories

persons = st.sampled_from(PERSONS)
numbers = st.integers(0, 5)
posts = st.tuples(
    st.just("post"),
    persons,
    st.integers(-2, 5),
    st.lists(persons, max_size=2, unique=True).map(tuple),
    st.sampled_from(["published", "published", "held"]),
    st.booleans(),
)
decisions = st.tuples(
    st.just("decide"),
    st.sampled_from(["removed", "restored", "approved", "rejected", "held"]),
    numbers,
    st.sampled_from(["mod", "mod", "author"]),
)
subscribing = st.tuples(
    st.just("subscribe"), persons, st.sampled_from(["comments", "comments", "replies", None])
)
acts = st.one_of(
    posts,
    posts,
    posts,
    subscribing,
    subscribing,
    decisions,
    decisions,
    st.tuples(st.just("edit"), numbers),
    st.tuples(st.just("flag"), persons, numbers),
    st.tuples(st.sampled_from(["erase", "return", "ban", "unban"]), persons),
    st.tuples(st.sampled_from(["move", "rebuild", "lose", "fill", "send", "fill", "send"])),
)
histories = st.lists(acts, min_size=3, max_size=25)


async def live_through(app: App, history: list[tuple[Any, ...]]) -> None:
    both = Both(app)
    await both.begin()
    for act in [*history, ("fill",), ("send",)]:
        if act[0] == "post":
            *data, is_old = act[1:]
            await both._post(*data, is_old=is_old)
        else:
            await both.act(act)
        if act[0] in ("rebuild", "erase"):
            await both.check_inboxes()
    await both.check_inboxes()


@given(history=histories)
def test_everybody_is_mailed_once_what_concerns_them(history: list[tuple[Any, ...]]) -> None:
    async def run() -> None:
        async with rostra_adapters.open("memory:", master_key=MASTER_KEY) as app:
            await live_through(app, history)

    asyncio.run(run())


@settings(
    max_examples=examples(8),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories)
def test_it_is_the_same_on_postgresql(database_url: str, history: list[tuple[Any, ...]]) -> None:
    async def run() -> None:
        await emptied(database_url)
        async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
            await live_through(app, history)

    asyncio.run(run())


async def emptied(database_url: str) -> None:
    """Drop everything, so that each example begins with an empty log."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("drop schema public cascade; create schema public")
        await connection.execute("drop schema if exists rostra_keys cascade")
    finally:
        await connection.close()
