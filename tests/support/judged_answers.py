"""Answers of several services on one log, judged by the model of the log at each one's position.

An answer says a position, and its list says that of its last change. Its content must be that of
the later one of both: an answer that is older than it says shows less.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from operator import itemgetter
from random import Random
from typing import Any, Protocol
from uuid import UUID

import msgspec

from rostra.settings import Order
from rostra.times import Time, later
from rostra_projections.listing import Listing
from rostra_projections.responses.shapes import (
    ANYONE,
    CommentShape,
    CommentsPage,
    CountsPage,
    DiscussionShape,
    DiscussionsPage,
    PassagesPage,
)
from support import model_ids
from support.model import Act, Model
from support.model_views import Row
from support.service import PLACE, Answer, Service
from support.views import judge

SITE, RESOURCE = PLACE["site"], PLACE["resource"]
DISCUSSION = model_ids.discussion(SITE, RESOURCE)
PATH = f"/v1/discussions/{DISCUSSION}"
TOP, REPLIES, PASSAGES = 12, 10, 2
LIMIT, BELOW = 5, 2
WAIT_SECONDS = 30


class CountingModel(Model):
    """The model, with the votes of each comment at hand."""

    def __init__(self) -> None:
        super().__init__()
        self._votes_on: dict[UUID, list[Row]] = defaultdict(list)

    def _cast(self, act: Act) -> int:
        before = len(self.votes)
        done = super()._cast(act)
        if len(self.votes) > before:
            comment, voter = next(reversed(self.votes))
            self._votes_on[comment].append(self.votes[comment, voter])
        return done

    def effects(self, comment: UUID) -> list[int]:
        return [0 if it["nullified"] else it["value"] for it in self._votes_on[comment]]


class Published(Protocol):
    """Outcome of an act that was published."""

    @property
    def status(self) -> str: ...

    @property
    def position(self) -> int | None: ...


Publish = Callable[[Sequence[Act]], Awaitable[Sequence[Published]]]


class Conversation:
    """Acts of one discussion that change what is shown of it.

    `told`: recorded ones with their positions. Of a batch, one that met another writer comes later.
    """

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._number = 0
        self._new = 0
        self.told: list[tuple[int, Act]] = []

    @property
    def last(self) -> int:
        """Position of the last act."""
        return max((position for position, _ in self.told), default=0)

    async def begin(self, publish: Publish) -> None:
        """Publish the comments that the later acts are about."""
        acts = [self._act("discussion.opened", title="Trams")]
        acts += [
            self._act("passage.marked", passage=f"p{n}", exact="a stretch") for n in range(PASSAGES)
        ]
        for number in range(TOP):
            on = {"passage": f"p{number % PASSAGES}"} if number % 3 == 0 else {}
            acts.append(self._posted(f"c{number}", **on))
        for number in range(REPLIES):
            above = f"c{number % 3}" if number < 2 * REPLIES // 3 else f"r{number % 3}"
            acts.append(self._posted(f"r{number}", parent=above))
        await self._publish(publish, acts)

    async def go_on(self, publish: Publish) -> None:
        """Publish a few acts at once. Some change nothing, or are rejected."""
        await self._publish(publish, [self._any() for _ in range(self._chance.randint(1, 6))])

    async def _publish(self, publish: Publish, acts: Sequence[Act]) -> None:
        for act, outcome in zip(acts, await publish(acts), strict=True):
            assert outcome.status in ("recorded", "unchanged", "rejected"), (act, outcome)
            if outcome.status == "recorded":
                assert outcome.position is not None
                self.told.append((outcome.position, act))

    def _act(self, kind: str, **data: Any) -> Act:
        self._number += 1
        return {
            "specversion": "1.0",
            "type": kind,
            "source": "cms",
            "id": f"n{self._number}",
            "time": later(Time("2026-10-01T00:00:00.000000Z"), self._number),
            "data": {**PLACE, **data},
        }

    def _posted(self, key: str, **data: Any) -> Act:
        author = {"id": f"a{self._number % 5}", "name": "Ann"}
        return self._act("comment.posted", comment=key, author=author, body=f"I am {key}.", **data)

    def _any(self) -> Act:
        choose = self._chance
        top, reply = f"c{choose.randrange(TOP)}", f"r{choose.randrange(REPLIES)}"
        key = choose.choice([top, top, reply])
        kinds = ("vote",) * 8 + ("edit", "edit", "comment", "reply", "remove", "restore", "pin")
        match choose.choice(kinds):
            case "vote":
                voter, value = f"v{choose.randrange(60)}", choose.choice([1, 1, -1, 0])
                return self._act("vote.cast", comment=key, voter=voter, value=value)
            case "edit":
                return self._act("comment.edited", comment=key, body=f"Wording {self._number}.")
            case "comment" | "reply" as kind:
                self._new += 1
                above = {"parent": top} if kind == "reply" else {}
                return self._posted(f"n{self._new}", **above)
            case "remove":
                return self._act("comment.removed", comment=reply, by="moderator")
            case "restore":
                return self._act("comment.restored", comment=reply)
            case _:
                return self._act(choose.choice(["comment.pinned", "comment.unpinned"]), comment=top)


class Asked(msgspec.Struct, frozen=True):
    """A read, and what judges its answer: it raises AssertionError."""

    path: str
    params: dict[str, Any]
    judge: Callable[[Model, bytes], None]
    position_of: Callable[[bytes], int] | None
    """Position of the last change that an answer shows; None if it does not say.

    That of passages is of their own changes, not of the comments on them.
    """

    @property
    def name(self) -> str:
        return f"{self.path} {self.params}"


def _position(body: bytes) -> int:
    found: int = msgspec.json.decode(body)["position"]
    return found


def _list(listing: Listing, *, replies: int = BELOW) -> Asked:
    def check(model: Model, body: bytes) -> None:
        page = msgspec.json.decode(body, type=CommentsPage)
        every = judge.listing(model, listing, ANYONE)
        assert [it.id for it in page.comments] == every[:LIMIT]
        assert page.total == len(every)
        assert (page.next is None) == (len(every) <= LIMIT)
        for shape in page.comments:
            judge.assert_shape(model, shape)
            if listing.kind != "flat":
                _assert_children(model, shape, replies, levels=2)

    params: dict[str, Any] = {"order": listing.order, "limit": LIMIT, "replies": replies}
    params |= {"flat": "true"} if listing.kind == "flat" else {}
    params |= {"inline": "true"} if listing.inline else {}
    params |= {} if listing.passage is None else {"passage": str(listing.passage)}
    if listing.parent is None:
        return Asked(f"{PATH}/comments", params, check, _position)
    return Asked(f"/v1/comments/{listing.parent}/replies", params, check, _position)


def _assert_children(model: Model, shape: CommentShape, replies: int, levels: int) -> None:
    """Compare the thread below a comment: the oldest replies at each level."""
    wanted = Listing("replies", DISCUSSION, "oldest", parent=shape.id)
    every = judge.listing(model, wanted, ANYONE) if levels else []
    children = shape.children or []
    assert [it.id for it in children] == every[:replies]
    for child in children:
        _assert_children(model, child, replies, levels - 1)


def reads() -> list[Asked]:
    """Lists in every order, threads, single comments, passages and counts."""
    found = [
        _list(Listing(kind, DISCUSSION, order))
        for order in judge.ORDERS
        for kind in ("top", "flat")
    ]
    orders: tuple[Order, ...] = ("oldest", "most_voted")
    for order in orders:
        found.append(_list(Listing("replies", DISCUSSION, order, parent=_comment("c0"))))
        found.append(_list(Listing("top", DISCUSSION, order, inline=True)))
        passage = model_ids.passage(SITE, RESOURCE, "p0")
        found.append(_list(Listing("top", DISCUSSION, order, passage=passage)))
    found += [_single(key) for key in ("c0", "c1", "r0", "r1")]
    counted = {"site": SITE, "resource": RESOURCE}
    found += [
        Asked(PATH, {}, _check_discussion, _position),
        Asked(f"/v1/sites/{SITE}/discussions", {}, _check_discussions, _position),
        Asked(f"{PATH}/passages", {}, _check_passages, None),
        Asked("/v1/counts", counted, _check_counts, _position),
    ]
    return found


def _comment(key: str) -> UUID:
    return model_ids.comment(SITE, RESOURCE, key)


def _single(key: str) -> Asked:
    def check(model: Model, body: bytes) -> None:
        judge.assert_shape(model, msgspec.json.decode(body, type=CommentShape))

    return Asked("/v1/comments", {**PLACE, "key": key}, check, None)


def _check_discussion(model: Model, body: bytes) -> None:
    _same_totals(model, msgspec.json.decode(body, type=DiscussionShape))


def _check_discussions(model: Model, body: bytes) -> None:
    (only,) = msgspec.json.decode(body, type=DiscussionsPage).discussions
    _same_totals(model, only)


def _same_totals(model: Model, shape: DiscussionShape) -> None:
    for name, value in model.totals(DISCUSSION).items():
        assert getattr(shape, name) == value, name


def _check_passages(model: Model, body: bytes) -> None:
    page = msgspec.json.decode(body, type=PassagesPage)
    found = [(it.id, it.comments, it.replies) for it in page.passages]
    wanted = [(it["id"], it["comments"], it["replies"]) for it in model.marked(DISCUSSION)]
    assert found == wanted


def _check_counts(model: Model, body: bytes) -> None:
    counted = msgspec.json.decode(body, type=CountsPage).counts
    assert counted == {RESOURCE: model.totals(DISCUSSION)["comments"]}


class Judged(msgspec.Struct, frozen=True):
    """An answer of one of the services."""

    service: str
    asked: Asked
    position: int
    etag: str
    body: bytes

    @property
    def shown_at(self) -> int:
        """Position at which the model must show the same."""
        of_body = self.asked.position_of
        return max(self.position, 0 if of_body is None else of_body(self.body))


async def ask(
    name: str, service: Service, asked: Asked, least: int = 0, wait_seconds: int = WAIT_SECONDS
) -> Judged | None:
    """Read, from `least` on. None if the service is behind or not ready: 503."""
    waited = {"min_position": least, "wait": wait_seconds} if least else {}
    params = asked.params | waited
    answer: Answer = await service.ask("GET", asked.path, params=params)
    if answer.status == 503:
        return None
    assert answer.status == 200, (asked.name, answer.body)
    position = int(answer.headers["Rostra-Position"])
    assert position >= least, (asked.name, position, least)
    return Judged(name, asked, position, answer.headers["ETag"], answer.body)


def wrong_answers(
    conversation: Conversation, answers: Sequence[Judged], *, are_tags_shared: bool = True
) -> list[str]:
    """Name the answers that are older than they say, or differ from one at the same position.

    `are_tags_shared`: equal answers have equal bytes and entity tags on every service.
    """
    model, told = CountingModel(), sorted(conversation.told, key=itemgetter(0), reverse=True)
    wrong: list[str] = []
    waiting: list[Judged] = []  # say no position of their last change, and are not yet found right

    def go_on(until: int) -> None:
        """Let the model have the acts up to a position."""
        nonlocal waiting
        while told and told[-1][0] <= until:
            position, act = told.pop()
            assert model.apply(act) == "recorded", act
            assert model.position >= position, (model.position, position, act)
            waiting = [it for it in waiting if _error(model, it) is not None]

    for answer in sorted(answers, key=lambda it: it.shown_at):
        go_on(answer.shown_at)
        error = _error(model, answer)
        if error is not None and answer.asked.position_of is None:
            waiting.append(answer)
        elif error is not None:
            wrong.append(_named(answer, error))
    go_on(conversation.last)
    wrong += [_named(it, "it shows no state from there on") for it in waiting]
    return wrong + (list(_differing(answers)) if are_tags_shared else [])


def _error(model: Model, answer: Judged) -> str | None:
    try:
        answer.asked.judge(model, answer.body)
    except AssertionError as error:
        return f"not as the model has it at {answer.shown_at}: {error}"
    return None


def _named(answer: Judged, error: str) -> str:
    return f"{answer.service}: {answer.asked.name}, position {answer.position}: {error}"


def _differing(answers: Sequence[Judged]) -> list[str]:
    """Name the answers whose bytes or tags differ from those of another with the same state."""
    of_state: dict[Any, Judged] = {}
    of_body: dict[Any, Judged] = {}
    found = []
    for answer in answers:
        other = of_body.setdefault((answer.asked.name, answer.body), answer)
        if other.etag != answer.etag:
            found.append(_named(answer, f"another tag than of {other.service}"))
        if answer.asked.position_of is not None:
            key = answer.asked.name, answer.asked.position_of(answer.body)
            other = of_state.setdefault(key, answer)
            if other.body != answer.body:
                found.append(_named(answer, f"other bytes than of {other.service}"))
    return found
