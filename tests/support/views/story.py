"""A conversation told once: in the log of a test, to the model, and to views in memory."""

from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from rostra import ids
from rostra.deciding.handle import Outcome, handle
from rostra.log import LogHistory, Recorded
from rostra.settings import Rules
from rostra.times import Time, later
from rostra_adapters.application.queries.as_of import AsOfReader
from rostra_adapters.application.queries.comment_queries import CommentQueries
from rostra_adapters.application.queries.renderings import Markdown
from rostra_adapters.application.queries.requests import CommentQuery, DiscussionRequest
from rostra_projections.cursors import peek_cursor
from rostra_projections.listing import Listing
from rostra_projections.memory import MemoryViews
from rostra_projections.query_port import Reads
from rostra_projections.responses.shapes import ANYONE, CommentsPage, Viewer
from support.harness import commanded
from support.memory import LOG_ID, MemoryArticles, MemoryLog, MemoryRing
from support.model import Act, Model

SITE, RESOURCE = "s", "a"
DISCUSSION = ids.discussion_id(SITE, RESOURCE)


T = TypeVar("T")


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine that waits for nothing comes to."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        answer: T = done.value
        return answer
    raise AssertionError("it waits")


class BodiesAsTheyAre:
    """A renderer whose HTML of a body is the body."""

    def at_hand(self, bodies: Iterable[Markdown]) -> dict[Markdown, str]:
        return {one: one.body for one in bodies}

    async def render(self, bodies: Iterable[Markdown]) -> dict[Markdown, str]:
        return self.at_hand(bodies)


async def default_rules(_: UUID) -> Rules:
    return Rules()


def comment_queries(reads: Reads, log: MemoryLog, ring: MemoryRing) -> CommentQueries:
    """Return queries by which a body's HTML is the body."""
    return CommentQueries(reads, AsOfReader(log), ring, BodiesAsTheyAre(), default_rules)


class Story:
    """Acts, and what came of them; the model hears of them too where it is to judge."""

    def __init__(self, acts: Sequence[Act] = (), *, judged: bool = True) -> None:
        self.log = MemoryLog()
        self.ring = MemoryRing()
        self.articles = MemoryArticles()
        self.model = Model()
        self._judged = judged
        self.tell(acts)

    @property
    def rows(self) -> list[Recorded]:
        return self.log.rows

    def tell(self, acts: Sequence[Act]) -> list[Outcome]:
        """Go on."""
        for act in acts if self._judged else ():
            self.model.apply(act)
        return at_once(handle(self.log, self.ring, [commanded(act) for act in acts], self.articles))

    def reading(self, reads: Reads) -> CommentQueries:
        """What readers get of these views; a body's HTML is the body."""
        return comment_queries(reads, self.log, self.ring)

    def in_memory(self, page_events: int = 1_000) -> MemoryViews:
        """Views folded in pages of so many events."""
        views = MemoryViews()
        for page in pages(self.rows, page_events):
            views.apply(page)
        return views


def pages(rows: Sequence[Recorded], page_events: int) -> list[Sequence[Recorded]]:
    return [rows[start : start + page_events] for start in range(0, len(rows), page_events)]


def comment(key: str) -> UUID:
    return ids.comment_id(DISCUSSION, key)


def passage(key: str) -> UUID:
    return ids.passage_id(DISCUSSION, key)


def asked(
    discussion: UUID = DISCUSSION,
    viewer: Viewer = ANYONE,
    *,
    site: str = SITE,
    cursor: str | None = None,
) -> DiscussionRequest:
    """A read of a discussion as it is now."""
    return DiscussionRequest(
        site=site,
        log=LogHistory(LOG_ID),
        viewer=viewer,
        discussion=discussion,
        rules=Rules(),
        cursor=None if cursor is None else peek_cursor(cursor),
    )


async def page_of(
    reading: CommentQueries,
    listing: Listing,
    viewer: Viewer = ANYONE,
    *,
    site: str = SITE,
    limit: int = 20,
    cursor: str | None = None,
    replies: int = 2,
) -> CommentsPage:
    """A page of a list as the views alone have it, whoever may see what it is below."""
    query = CommentQuery(
        order=listing.order,
        limit=limit,
        replies=replies,
        parent=listing.parent,
        passage=listing.passage,
        inline=listing.inline,
        flat=listing.kind == "flat",
    )
    assert query.listing(listing.discussion) == listing
    request = asked(listing.discussion, viewer, site=site, cursor=cursor)
    return await reading._listed(request, query, reading._reads)


class Events:
    """CloudEvents without their envelope, each a minute after the one before it."""

    def __init__(self) -> None:
        self._number = 0

    def act(self, kind: str, *, minute: int | None = None, **data: Any) -> Act:
        self._number += 1
        moment = self._number if minute is None else minute
        place = (
            {"site": SITE} if kind == "site.configured" else {"site": SITE, "resource": RESOURCE}
        )
        return {
            "specversion": "1.0",
            "type": kind,
            "source": "cms",
            "id": f"n{self._number}",
            "time": later(Time("2026-10-01T00:00:00.000000Z"), 60 * moment),
            "data": {**place, **data},
        }

    def opened(self, **data: Any) -> Act:
        return self.act("discussion.opened", **data)

    def posted(self, key: str, *, by: str = "ann", **data: Any) -> Act:
        author = {"id": by, "name": by.title()}
        return self.act("comment.posted", comment=key, author=author, body=f"I am {key}.", **data)

    def vote(self, key: str, voter: str, value: int = 1) -> Act:
        return self.act("vote.cast", comment=key, voter=voter, value=value)

    def on(self, verb: str, key: str, **data: Any) -> Act:
        """Publish `comment.VERB`, such as `comment.removed` or `comment.pinned`."""
        return self.act(f"comment.{verb}", comment=key, **data)

    def marked(self, key: str, **data: Any) -> Act:
        return self.act("passage.marked", passage=key, exact="a stretch", **data)
