"""The public sees only wordings that were let through, whatever authors and moderators do.

Each wording is said once, so that it tells which edit it is of. What was let through is known
from the acts and their outcomes alone: by the publisher's word, by the policy, or by a moderator
who named a wording or had looked at it.
"""

import asyncio
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rostra import codec
from rostra.commands import AnyCommand
from rostra.comment import Comment
from rostra.deciding.handle import Commanded, Outcome, handle
from rostra.deciding.stream_states import fold
from rostra.events import PERSONS, CommandContext, WordingRef
from rostra.ids import Kind
from rostra.log import Recorded
from rostra_adapters.application.feed.events import Feed
from rostra_adapters.postgres.rebuild.rebuilding import rebuild
from rostra_adapters.postgres.rebuild.verify import verify
from rostra_projections.memory import MemoryViews
from rostra_projections.query_port import Reads
from rostra_projections.responses.shapes import ANYONE, CommentShape, Viewer
from rostra_projections.views import VIEWS
from support.effort import examples
from support.examples import at, command, comment, post
from support.memory import MemoryArticles, MemoryLog, MemoryRing
from support.views import tables
from support.views.story import Story, asked, at_once, comment_queries, pages

KEYS = ["c1", "c2"]
ANN, BOB, MIA = Viewer("ann"), Viewer("bob"), Viewer("mia", moderator=True)
RESOURCES = ["/trams", "/tramways"]
STEPS = (
    "author edits", "author edits", "publisher edits", "moderator looks", "moderator looks",
    "approve wording", "approve seen", "reject wording", "publisher approves", "approve blindly",
    "held", "rejected", "removed", "restored", "author deletes", "publisher restores", "moved",
)  # fmt: skip

EPISODES = (
    *((name,) for name in STEPS),
    ("author edits", "moderator looks", "approve wording"),
    ("author edits", "moderator looks", "approve seen"),
    ("moderator looks", "author edits", "approve wording"),
    ("moderator looks", "author edits", "approve seen"),
    ("moderator looks", "author edits", "reject wording", "approve seen"),
    ("author edits", "author edits", "approve blindly"),
    ("author edits", "held", "approve blindly"),
    ("author edits", "publisher edits", "publisher approves"),
    ("author edits", "removed", "moderator looks", "restored", "approve seen"),
)

Step = tuple[str, str, int]
steps = st.lists(
    st.tuples(st.sampled_from(EPISODES), st.sampled_from(KEYS), st.integers(0, 5)),
    min_size=1,
    max_size=20,
).map(lambda told: [(name, key, number) for names, key, number in told for name in names])


class Look(msgspec.Struct, frozen=True):
    """A moderator's: at the wording that a decision would be about, when so many events of the
    comment were there.
    """

    body: str
    wording: WordingRef
    version: int


class Play:
    """Two comments of Ann's, and what became of them."""

    def __init__(self, policy: str) -> None:
        self.log, self.ring, self.articles = MemoryLog(), MemoryRing(), MemoryArticles()
        self.views = MemoryViews()
        self.acts = self.moves = 0
        self.allowed: set[str] = set()
        self.looks: dict[str, list[Look]] = {key: [] for key in KEYS}
        self.names: dict[str, WordingRef] = {}
        self.waiting: dict[str, str | None] = dict.fromkeys(KEYS)
        self.policy = policy
        self.say(command("discussion.opened", settings={"moderation": policy}))
        for key in KEYS:
            body, act = self.wording(), self.act()
            given = {"status": "published"} if key == "c1" else {}
            self.say(post(key, body=body, **given), act)
            self.names[body] = WordingRef(act.source, act.id)
            if policy == "none" or given:
                self.allowed.add(body)

    @property
    def rows(self) -> list[Recorded]:
        return self.log.rows

    def wording(self) -> str:
        return f"Wording {self.acts + 1}."

    def act(self, **more: Any) -> CommandContext:
        self.acts += 1
        return CommandContext(PERSONS if more else "cms", f"e{self.acts}", at(self.acts), **more)

    def moderator(self, seen: int | None = None) -> CommandContext:
        return self.act(person="mia", moderates=True, seen=seen)

    def say(self, told: AnyCommand, act: CommandContext | None = None) -> Outcome:
        commands = [Commanded(told, act or self.act())]
        [outcome] = at_once(handle(self.log, self.ring, commands, self.articles))
        self.views.apply(self.rows[self.views.read_up_to :])
        return outcome

    def on(self, key: str, topic: str, **data: Any) -> AnyCommand:
        return command(topic, comment=key, resource=RESOURCES[self.moves % 2], **data)

    def shape(self, key: str, viewer: Viewer = MIA, reads: Reads | None = None) -> Any:
        """The comment as a viewer is shown it now, None where they are not."""
        queries = comment_queries(reads or self.views, self.log, self.ring)
        return at_once(queries.comment(asked(viewer=viewer), comment(key)))

    def state(self, key: str) -> Comment:
        """The comment as decisions see it."""
        rows = [row for row in self.rows if row.stream == comment(key)]
        folded: Comment = fold(Kind.COMMENT, [codec.DECODERS[it.topic](it.state) for it in rows])
        return folded

    def latest(self, key: str) -> str | None:
        """The wording that a moderator sees last; None of what is removed."""
        shape: CommentShape = self.shape(key)
        return shape.pending.body if shape.pending else shape.body

    def is_let_through(self) -> bool:
        """Whether the policy publishes what Ann writes."""
        return self.policy == "none"

    def approved(self, outcome: Outcome, key: str, body: str | None) -> None:
        """A moderator let a wording through, and trusts its author."""
        if outcome.status == "recorded":
            assert body is not None
            self.allowed.add(body)
            self.waiting[key] = None
            self.policy = "none" if self.policy == "first" else self.policy

    # -- steps

    def step(self, name: str, key: str, number: int) -> None:
        match name:
            case "author edits" | "publisher edits":
                self._edit(key, number, by_author=name == "author edits")
            case "moderator looks":
                if (body := self.latest(key)) is not None:
                    version = sum(row.stream == comment(key) for row in self.rows)
                    self.looks[key].append(Look(body, self.names[body], version))
            case "approve wording" | "approve seen" | "reject wording" if self.looks[key]:
                self._decide(name, key, self.looks[key][-1 - number % len(self.looks[key][-3:])])
            case "publisher approves":
                self._publisher_approves(key)
            case "approve blindly":
                self._approve_blindly(key)
            case "held" | "rejected" | "removed" | "restored":
                told = self.on(key, f"comment.{name}", by="mia")
                outcome = self.say(told, self.moderator() if number % 2 else None)
                if name in ("held", "rejected") and outcome.status == "recorded":
                    self.waiting[key] = None
            case "author deletes":
                self.say(self.on(key, "comment.removed", by="ann"), self.act(person="ann"))
            case "publisher restores":
                self.say(self.on(key, "comment.restored"))
            case "moved":
                here = RESOURCES[self.moves % 2]
                self.moves += 1
                there = RESOURCES[self.moves % 2]
                self.say(command("discussion.moved", resource=here, to=there))

    def _edit(self, key: str, number: int, *, by_author: bool) -> None:
        status = None if by_author else (None, "held", "published")[number % 3]
        given = {} if status is None else {"status": status}
        shape, body = self.shape(key), self.wording()
        if shape.body is None:
            return  # what is removed is edited in the tests against the model
        act = self.act(person="ann") if by_author else self.act()
        by = {"by": "ann"} if by_author else {}
        outcome = self.say(self.on(key, "comment.edited", body=body, **by, **given), act)
        if outcome.status == "recorded":
            self.names[body] = WordingRef(act.source, act.id)
            published = self.is_let_through() if status is None else status == "published"
            if shape.status == "published":
                self.waiting[key] = None if published else body
                self.allowed |= {body} if published else set()

    def _publisher_approves(self, key: str) -> None:
        latest, status, waiting = self.latest(key), self.shape(key).status, self.waiting[key]
        if latest is None:
            return
        outcome = self.say(self.on(key, "comment.approved"))
        if status == "published":
            assert outcome.status == ("recorded" if waiting else "unchanged")
        self.approved(outcome, key, latest)

    def _decide(self, name: str, key: str, look: Look) -> None:
        latest = self.latest(key)
        verb, _, how = name.partition(" ")
        verb = "approved" if verb == "approve" else "rejected"
        wording = {"source": look.wording.source, "id": look.wording.id}
        named = {"wording": wording} if how == "wording" else {}
        act = self.moderator(look.version if how == "seen" else None)
        outcome = self.say(self.on(key, f"comment.{verb}", by="mia", **named), act)
        if outcome.refusal is not None:
            assert outcome.refusal.name == "precondition-failed"
            return
        assert latest in (None, look.body)  # nothing but what was looked at is decided on
        if verb == "approved":
            self.approved(outcome, key, look.body)
        elif outcome.status == "recorded":
            self.waiting[key] = None

    def _approve_blindly(self, key: str) -> None:
        """What waited and was replaced while it waited is not approved without a name."""
        latest, waits = self.latest(key), self.shape(key).status == "held"
        if latest is None:
            return
        outcome = self.say(self.on(key, "comment.approved", by="mia"), self.moderator())
        if outcome.refusal is not None:
            assert outcome.refusal.name == "precondition-failed"
            return
        if waits:
            assert "edited" not in self._last_change(key)
        self.approved(outcome, key, latest)

    def _last_change(self, key: str) -> str:
        """The tag of the event before the approval."""
        own = [row for row in self.rows if row.stream == comment(key)]
        return own[-2].topic if len(own) > 1 else ""

    # -- what must hold

    def check(self, reads: Reads | None = None) -> None:
        for key in KEYS:
            for viewer in (ANYONE, BOB):
                shape = self.shape(key, viewer, reads)
                if shape is not None:
                    assert shape.pending is msgspec.UNSET
                    assert shape.body in {*self.allowed, None}
            shape = self.shape(key, MIA, reads)
            assert self.shape(key, ANN, reads) == shape
            waits = self.waiting[key] if shape.status == "published" else None
            assert (shape.pending.body if shape.pending else None) == waits
            assert (self.state(key).pending is None) == (self.waiting[key] is None)


@settings(deadline=None, max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow])
@given(policy=st.sampled_from(["all", "all", "first", "none"]), told=steps)
def test_the_public_sees_only_what_was_let_through(policy: str, told: list[Step]) -> None:
    play = Play(policy)
    for each in told:
        play.step(*each)
        play.check()
    fresh = MemoryViews()
    for page in pages(play.rows, 3):
        fresh.apply(page)
    for view in VIEWS.values():
        for table in view.tables:
            assert fresh.rows.of(table) == play.views.rows.of(table)


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(policy=st.sampled_from(["all", "first"]), told=steps)
def test_the_feed_published_again_makes_the_same_wait(policy: str, told: list[Step]) -> None:
    play = Play(policy)
    for each in told:
        play.step(*each)

    async def feed() -> list[dict[str, Any]]:
        pages = [it async for it in Feed(play.log, play.ring, play.articles).pages()]
        return [msgspec.json.decode(event.json) for page in pages for event in page.events]

    again = Story(at_once(feed()), judged=False)
    assert [(it.topic, it.event_id) for it in again.rows] == [
        (it.topic, it.event_id) for it in play.rows
    ]
    views = again.in_memory()
    for view in VIEWS.values():
        for table in view.tables:
            assert views.rows.of(table) == play.views.rows.of(table)


@settings(
    deadline=None,
    max_examples=examples(6),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(policy=st.sampled_from(["all", "first"]), told=steps, page_events=st.sampled_from([1, 3]))
def test_live_and_rebuilt_the_same_waits(
    database_url: str, policy: str, told: list[Step], page_events: int
) -> None:
    play = Play(policy)
    for each in told:
        play.step(*each)

    async def run() -> None:
        async with tables.emptied(database_url) as pool, pool.acquire() as connection:
            await tables.record(connection, play.rows)
            await tables.fold(connection, pages(play.rows, page_events))
            live = await tables.dump(connection)
            for view in VIEWS.values():
                for table in view.tables:
                    assert live[table.name] == play.views.rows.of(table)
            assert {done.equal for done in await rebuild(database_url)} == {True}
            assert await tables.dump(connection) == live
            assert [each async for each in verify(database_url)] == []

    asyncio.run(run())
