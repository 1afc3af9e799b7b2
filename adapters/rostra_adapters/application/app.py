"""The application on one database: it writes, reads and operates a log with its views."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from rostra import ids
from rostra.article import Article
from rostra.commands import ErasePerson, ReturnPerson
from rostra.deciding.checking import are_checked, checked_or_refusal
from rostra.deciding.handle import Commanded, Outcome, answer_each
from rostra.deciding.stream_states import fold_stream
from rostra.log import EventLog, LogUnavailable
from rostra.refusals import Fault, Malformed, Refusal
from rostra.settings import Order
from rostra.times import Time, to_datetime
from rostra.wire import cloudevents
from rostra_adapters.application.access import Access, AccessLookup, site_prefix
from rostra_adapters.application.articles.texts_and_work import CachedArticles
from rostra_adapters.application.command_queue import CommandQueue
from rostra_adapters.application.moderation_jobs.store import (
    JobStore,
    MemoryJobs,
    MemoryVoteCounts,
    VoteCounts,
)
from rostra_adapters.application.notify.outbox import MemoryOutbox, Outbox
from rostra_adapters.application.operational import WRITE_KINDS, Operational, person_bucket
from rostra_adapters.application.own_views import ViewSnapshot
from rostra_adapters.application.ports import (
    Difference,
    ForeignEvents,
    Progress,
    ProjectorStatus,
    Rebuilt,
    ViewStatus,
    ViewStore,
)
from rostra_adapters.application.queries.as_of import AsOfReader, recorded_at
from rostra_adapters.application.queries.comment_queries import CommentQueries, Readable
from rostra_adapters.application.queries.renderings import Renderings
from rostra_adapters.application.queries.requests import (
    AsOf,
    CommentQuery,
    DiscussionRequest,
    SiteRequest,
)
from rostra_adapters.application.read_marks import MemoryReadMarks, ReadMarks
from rostra_adapters.application.revocations import MemoryRevocations, Revocations
from rostra_adapters.application.stream_state_reader import StreamStateReader, events_of
from rostra_adapters.application.verify_words import unopened_words
from rostra_adapters.application.webhooks.store import WebhookStore
from rostra_adapters.clock import now
from rostra_adapters.data_folder.erasures_file import ErasuresFile, erasure_in_force
from rostra_adapters.errors import ReadOnly
from rostra_adapters.keys.ring import StoredKeyRing
from rostra_adapters.observability.printing import url_without_password
from rostra_projections.cursors import (
    CursorRefused,
    check_log,
    last_position,
    peek_cursor,
    position_of_cursor,
)
from rostra_projections.listing import ORDERS
from rostra_projections.responses.shapes import (
    ANYONE,
    CommentsPage,
    CountsPage,
    DiscussionsPage,
    PassagesPage,
    Viewer,
)

WAIT_SECONDS = 5.0
_ABOUT_KEYS = frozenset({ErasePerson.topic, ReturnPerson.topic})

__all__ = ["Access", "App", "Status", "site_prefix"]


class Status(msgspec.Struct, frozen=True):
    """State of the log and the views, for `rostra status`."""

    log_id: UUID
    head: int
    database_url: str
    """Without its password."""
    views: list[ViewStatus]
    projector: ProjectorStatus | None
    foreign: list[ForeignEvents] | None = None
    """Events of other programs in the log; None if they were not counted."""


async def _no_age() -> float:
    return 0.0


class Stores(msgspec.Struct, frozen=True, kw_only=True):
    """Stores of one database that an App works on."""

    log: EventLog
    ring: StoredKeyRing
    articles: CachedArticles
    views: ViewStore
    operational: Operational
    url: str
    """URL of the database, perhaps with a password."""
    erasures: ErasuresFile | None = None
    """File to which erasures are appended; None for no file."""
    revocations: Revocations = msgspec.field(default_factory=MemoryRevocations)
    read_marks: ReadMarks = msgspec.field(default_factory=MemoryReadMarks)
    outbox: Outbox = msgspec.field(default_factory=MemoryOutbox)
    moderation_jobs: JobStore = msgspec.field(default_factory=MemoryJobs)
    vote_counts: VoteCounts = msgspec.field(default_factory=MemoryVoteCounts)
    webhooks: WebhookStore | None = None
    """None where there is no PostgreSQL."""
    heartbeat_age: Callable[[], Awaitable[float]] = _no_age
    """Returns the seconds since the last heartbeat of the primary that the log's database has."""
    complete_until: Callable[[], float] | None = None
    """Returns the POSIX time, by the primary's clock, up to which a standby has all events."""


class App:
    """Rostra in one object, for HTTP handlers, the command line and embedders.

    Reads raise CursorRefused, ViewBehind and LogUnavailable.
    """

    def __init__(self, stores: Stores) -> None:
        log, views = stores.log, stores.views
        self.log = log
        self.ring = stores.ring
        self.articles = stores.articles
        self.views = views
        self.operational = stores.operational
        self.revocations = stores.revocations
        self.read_marks = stores.read_marks
        self.outbox = stores.outbox
        self.moderation_jobs = stores.moderation_jobs
        self.vote_counts = stores.vote_counts
        self.webhooks = stores.webhooks
        self.heartbeat_age = stores.heartbeat_age
        self.is_read_only = False
        self.renderings = Renderings()
        self.past = AsOfReader(log, complete_until=stores.complete_until)
        self._states = StreamStateReader(log)
        self.lookup = AccessLookup(self._states, views)
        self.queries = CommentQueries(
            views.reads, self.past, self.ring, self.renderings, self.lookup.rules_of
        )
        self._queue = CommandQueue(log, self.ring, self.articles)
        self._url = stores.url
        self._erasures = stores.erasures
        self.ring.on_destruction(lambda _: self.renderings.drop())
        self.ring.on_destruction(lambda _: views.changes.lose())

    async def close(self) -> None:
        """Answer submitted commands, then close what the App has opened."""
        await self._queue.close()
        await self.articles.close()
        await self.renderings.close()
        await self.past.close()
        await self.views.close()

    # -- writing

    @property
    def queued_commands(self) -> int:
        """Number of commands that wait or are being handled. LogBusy is raised beyond a limit."""
        return self._queue.queued_commands

    def admit(self) -> None:
        """Raise LogBusy if the queue has no room, before a long body is read."""
        self._queue.admit()

    async def submit(self, commands: Sequence[Commanded]) -> list[Outcome]:
        """Handle commands in order. Their events are durable when the method returns.

        A command that does not fit its type is rejected as `invalid-event`. After an erasure no
        process holds the person's words. Raises ReadOnly, LogBusy and LogUnavailable.
        """
        if not are_checked(commands):
            moment = now()
            read = [checked_or_refusal(each, moment) for each in commands]
            return await answer_each(read, self.submit)
        if self.is_read_only:
            raise ReadOnly
        outcomes = await self._queue.submit(commands)
        if not _ABOUT_KEYS.isdisjoint({each.command.topic for each in commands}):
            await self._record_erasures(commands, outcomes)
            await self.ring.wait_for_destruction()
            await self._forget(commands, outcomes)
        return outcomes

    async def _forget(self, commands: Sequence[Commanded], outcomes: Sequence[Outcome]) -> None:
        """Delete the operational rows of persons who were erased.

        A repeated erasure deletes what an earlier attempt may have left, unless the person has
        returned since.
        """
        asked: dict[UUID, ErasePerson] = {}
        recorded: set[UUID] = set()
        for each, outcome in zip(commands, outcomes, strict=True):
            if isinstance(each.command, ErasePerson):
                asked[each.command.target] = each.command
                if outcome.status == "recorded":
                    recorded.add(each.command.target)
        states = await self._states.of(list(asked)) if asked else []
        erased = [
            command
            for (stream, command), state in zip(asked.items(), states, strict=True)
            if state.is_erased or stream in recorded
        ]
        if not erased:
            return
        persons = {(command.site, command.who) for command in erased}
        streams = [command.target for command in erased]
        buckets = [person_bucket(kind, *person) for person in persons for kind in WRITE_KINDS]
        await self.operational.forget(persons, buckets)
        await self.read_marks.forget(streams)
        await self.outbox.forget(streams)
        await self.moderation_jobs.forget(streams)
        await self.vote_counts.forget(streams)

    async def _record_erasures(
        self, commands: Sequence[Commanded], outcomes: Sequence[Outcome]
    ) -> None:
        if self._erasures is None:
            return
        commands = await self._with_origins(commands, outcomes)
        try:
            await self._erasures.append(await self.log.log_id(), commands, outcomes)
        except OSError as error:
            raise LogUnavailable(f"the file of erasures cannot be written: {error}") from error

    async def _with_origins(
        self, commands: Sequence[Commanded], outcomes: Sequence[Outcome]
    ) -> Sequence[Commanded]:
        """Give each unchanged erasure the origin of the recorded one.

        A restore decides on an unknown origin anew, and would erase a person who has returned.
        """
        unchanged = {
            index: each.command.target
            for index, (each, outcome) in enumerate(zip(commands, outcomes, strict=True))
            if isinstance(each.command, ErasePerson) and outcome.status == "unchanged"
        }
        named = list(commands)
        rows = await self.log.read_streams(list(unchanged.values())) if unchanged else {}
        for index, stream in unchanged.items():
            act = erasure_in_force(rows[stream], named[index].act)
            named[index] = replace(named[index], act=act)
        return named

    async def publish(self, events: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """Publish CloudEvents given as dicts. Return one outcome each, in order.

        An event that does not fit is a rejected outcome; it stops no other.
        """
        moment = now()
        read = [_commanded(event, moment) for event in events]
        return await answer_each(read, self.submit)

    async def drop_text(self, site: str, resource: str, revision: str) -> bool:
        """Drop the text of a revision. Return whether there was one.

        The places of its passages stay, and the feed says that the text was dropped.
        """
        if self.is_read_only:
            raise ReadOnly
        discussion = await self.lookup.discussion_of(site, resource)
        stream = ids.article_id(discussion)
        rows = (await self.log.read_streams([stream]))[stream]
        article: Article = fold_stream(stream, events_of(rows))
        hashes = {one.hash for one in article.revisions if one.revision == revision}
        return any([await self.articles.drop(discussion, one) for one in hashes])

    # -- reading

    async def head(self) -> int:
        """Return the log's last position."""
        return await self.log.head()

    def position(self) -> int:
        """Return the last known position of the views."""
        return self.views.position

    async def wait(self, min_position: int, wait_seconds: float = WAIT_SECONDS) -> None:
        """Wait until the views have read `min_position`. Raises ViewBehind."""
        await self.views.fresh(wait_seconds)
        await self.views.wait(min_position, wait_seconds)

    async def least_position(self, min_position: int, cursor: str | None) -> int:
        """Return the position that the views must have read for an answer.

        That is also the one of the page before: a standby, or the views of another version, may
        have been ahead. A position beyond the log's end is left to the check of the cursor, unless
        this log may lag. A cursor that cannot be read is refused by the read, after the token.
        """
        if cursor is None:
            return min_position
        try:
            begun = position_of_cursor(cursor)
        except CursorRefused:
            return min_position
        is_near = self.is_read_only or begun <= self.position()
        if not is_near and begun > await self.log.head():
            return min_position
        return max(min_position, begun)

    async def comments(
        self,
        site: str,
        resource: str,
        *,
        order: Order = "newest",
        limit: int = 20,
        cursor: str | None = None,
        replies: int = 3,
        passage: UUID | None = None,
        inline: bool = False,
        flat: bool = False,
        viewer: Viewer = ANYONE,
        min_position: int = 0,
        as_of: AsOf | None = None,
    ) -> CommentsPage | None:
        """Return a page of the comments on a resource, None if it has no discussion.

        `as_of`: as they were at a position, or at a time (see `rostra.times`). Raises ValueError
        for an unknown order.
        """
        if order not in ORDERS:
            raise ValueError(f"the order {order!r} is none of {', '.join(ORDERS)}")
        request = await self._named(site, resource, viewer, min_position, as_of, cursor)
        query = CommentQuery(
            order=order, limit=limit, replies=replies, passage=passage, inline=inline, flat=flat
        )
        return None if request is None else await self.queries.comments_page(request, query)

    async def passages(
        self,
        site: str,
        resource: str,
        *,
        viewer: Viewer = ANYONE,
        min_position: int = 0,
        as_of: AsOf | None = None,
    ) -> PassagesPage | None:
        """Return the passages of a resource with the counts of the feedback on them."""
        request = await self._named(site, resource, viewer, min_position, as_of)
        return None if request is None else await self.queries.passages_page(request)

    async def _named(
        self,
        site: str,
        resource: str,
        viewer: Viewer,
        min_position: int,
        as_of: AsOf | None,
        cursor: str | None = None,
    ) -> DiscussionRequest | None:
        await self.wait(await self.least_position(min_position, cursor))
        discussion = await self.lookup.discussion_of(site, resource)
        access = await self.lookup.access(discussion)
        if access is None:
            return None
        return await self.resolve(discussion, access, viewer, as_of=as_of, cursor=cursor)

    async def request(
        self,
        discussion: UUID,
        viewer: Viewer = ANYONE,
        *,
        as_of: AsOf | None = None,
        cursor: str | None = None,
    ) -> DiscussionRequest | None:
        """Resolve a read of a discussion for `queries`, None if it is unknown.

        Raises CursorRefused.
        """
        await self.views.fresh()
        access = await self.lookup.access(discussion)
        if access is None:
            return None
        return await self.resolve(discussion, access, viewer, as_of=as_of, cursor=cursor)

    async def resolve(
        self,
        discussion: UUID,
        access: Access,
        viewer: Viewer,
        *,
        as_of: AsOf | None = None,
        cursor: str | None = None,
    ) -> DiscussionRequest:
        """Resolve a read of a discussion whose access is known. The views must be fresh.

        A list is read on as of the position at which its cursor began. Raises CursorRefused.
        """
        log = await self.log.history()
        if isinstance(as_of, int) and self.is_read_only and as_of > await self.log.head():
            await self.views.wait(as_of, WAIT_SECONDS)  # the log's end elsewhere may lie further on
        past = None if as_of is None else await self.past.position(as_of, now())
        begun = None if cursor is None else peek_cursor(cursor)
        if begun is not None:
            if past not in (None, begun.past):
                detail = "invalid cursor: it comes with another `as_of`"
                raise CursorRefused("bad-cursor", detail)
            past = begun.past
            if past is not None:
                check_log(begun.log, last_position(begun), log)
        if past is not None:
            await self.views.wait(past, WAIT_SECONDS)  # today's state is looked at, too
        return DiscussionRequest(
            discussion=discussion,
            site=access.site,
            rules=access.rules,
            log=log,
            viewer=viewer,
            past=past,
            cursor=begun,
        )

    async def site_request(self, site: str, viewer: Viewer = ANYONE) -> SiteRequest:
        """Resolve a read of a site's comments for `queries`."""
        await self.views.fresh()
        return SiteRequest(site=site, log=await self.log.history(), viewer=viewer)

    async def was_there(self, request: DiscussionRequest) -> bool:
        """Return whether the discussion had been opened by the request's position."""
        if request.past is None:
            return True
        rows = (await self.log.read_streams([request.discussion]))[request.discussion]
        return bool(rows) and rows[0].position <= request.past

    async def discussions(
        self,
        site: str,
        *,
        limit: int,
        cursor: str | None,
        readable: Readable | None = None,
        is_closed: bool = False,
        charge: Callable[[int], None] = lambda _: None,
    ) -> DiscussionsPage:
        """Return a site's discussions: see `CommentQueries.discussions`."""
        await self.views.fresh()
        return await self.queries.discussions(
            site,
            await self.log.history(),
            limit=limit,
            cursor=cursor,
            readable=readable,
            is_closed=is_closed,
            charge=charge,
        )

    async def has_article_text(self, discussion: UUID) -> bool:
        """Return whether the text of the article's last revision is stored."""
        (state,) = await self._states.of([ids.article_id(ids.discussion_of(discussion))])
        current = state.current
        return current is not None and await self.articles.has(discussion, current.hash)

    async def counts(self, site: str, resources: Sequence[str]) -> CountsPage:
        """Return the number of comments on each resource."""
        return await self.counts_of(await self.lookup.discussions_of(site, resources))

    async def counts_of(self, named: Mapping[str, UUID]) -> CountsPage:
        """Return the number of comments in each of these discussions."""
        await self.views.fresh()
        return await self.queries.counts(named)

    def read_view(
        self, name: str, *, min_position: int = 0, wait_seconds: float = WAIT_SECONDS
    ) -> AbstractAsyncContextManager[ViewSnapshot]:
        """Open a snapshot of a view of one's own, once it has read `min_position`.

        Raises ViewBehind, ViewsNotMade, and ViewRefused for an unknown name.
        """
        return self.views.read_own(name, min_position, wait_seconds)

    # -- operating

    async def rebuild(
        self, views: Sequence[str] = (), *, jobs: int = 1, progress: Progress = lambda *_: None
    ) -> list[Rebuilt]:
        """Rebuild the named views from the log, all of them by default."""
        return await self.views.rebuild(views, jobs, progress)

    async def verify(self) -> list[Difference]:
        """Return the differences between the views and a new fold of the log.

        They include the words of the log that do not open.
        """
        differences = [difference async for difference in self.views.verify()]
        return differences + [each async for each in unopened_words(self.log, self.ring)]

    async def status(self, *, foreign: bool = False) -> Status:
        """Return the state of the log and the views. Foreign events are counted if asked for."""
        head = await self.log.head()
        views = await self.views.status(head)
        ages = {at: await self._age_after(at) for at in {it.position for it in views if it.lag}}
        return Status(
            await self.log.log_id(),
            head,
            url_without_password(self._url),
            [replace(it, lag_seconds=ages.get(it.position, 0.0)) for it in views],
            await self.views.projector(),
            await self.views.foreign_events() if foreign else None,
        )

    async def _age_after(self, position: int) -> float:
        """Return the age in seconds of the first event after a position, since its recording."""
        for row in await self.log.read_after(position, 1):
            if (at := recorded_at(row)) is not None:
                return max(0.0, (to_datetime(now()) - to_datetime(at)).total_seconds())
        return 0.0

    async def healthy(self) -> bool:
        """Return whether the log answers."""
        try:
            await self.log.head()
        except LogUnavailable:
            return False
        return True


def _commanded(event: Mapping[str, Any], moment: Time) -> Commanded | Refusal:
    try:
        json = msgspec.json.encode(event)
    except (OverflowError, RecursionError, TypeError, ValueError) as error:
        return Malformed(Fault("", f"cannot be written as JSON: {error}"))
    try:
        return cloudevents.command(json, moment)
    except Refusal as refusal:
        return refusal
