"""The composition root: a log, a key ring and views put together, and what they do."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from rostra import ids
from rostra.article import Article
from rostra.commands import Command, ErasePerson, ReturnPerson
from rostra.deciding.checking import are_checked, checked_or_refusal
from rostra.deciding.handle import Commanded, Outcome, answer_each
from rostra.deciding.stream_states import fold_stream
from rostra.log import EventLog, LogUnavailable
from rostra.refusals import Refusal
from rostra.settings import Order
from rostra.times import Time
from rostra.wire import cloudevents
from rostra.wire.cloudevents import Fault, Malformed
from rostra_adapters.application.access import Access, AccessLookup, site_prefix
from rostra_adapters.application.articles.texts_and_work import CachedArticles
from rostra_adapters.application.batcher import Commander
from rostra_adapters.application.command_queue import Lanes
from rostra_adapters.application.operational import WRITE_KINDS, Operational, person_bucket
from rostra_adapters.application.ports import Difference, Progress, Rebuilt, ViewStatus, ViewStore
from rostra_adapters.application.queries.as_of import AsOf, AsOfReader
from rostra_adapters.application.queries.comment_queries import CommentQueries, Readable
from rostra_adapters.application.queries.renderings import Renderings
from rostra_adapters.application.revocations import MemoryRevocations, Revocations
from rostra_adapters.application.stream_state_reader import events_of
from rostra_adapters.application.verify_words import unopened_words
from rostra_adapters.clock import now
from rostra_adapters.data_folder.erasures_file import ErasuresFile
from rostra_adapters.keys.ring import KeptKeyRing
from rostra_adapters.observability.printing import url_without_password
from rostra_projections.comments.rows import CommentRow
from rostra_projections.cursors import CursorRefused, peek_cursor
from rostra_projections.responses.shapes import (
    ANYONE,
    CommentShape,
    CommentsPage,
    CountsPage,
    DiscussionShape,
    DiscussionsPage,
    PassagesPage,
    Viewer,
)

WAIT_SECONDS = 5.0
_ABOUT_KEYS = frozenset({ErasePerson.topic, ReturnPerson.topic})

T = TypeVar("T")

__all__ = ["Access", "App", "Status", "site_prefix"]


class Status(msgspec.Struct, frozen=True):
    """State of the log and the views, for `rostra status`."""

    log_id: UUID
    head: int
    database_url: str
    """Without its password."""
    views: list[ViewStatus]


class App(AccessLookup):
    """Rostra in one object. HTTP handlers, the command line and embedders call the
    same functions. Reads raise CursorRefused, ViewBehind and LogUnavailable."""

    def __init__(
        self,
        log: EventLog,
        ring: KeptKeyRing,
        articles: CachedArticles,
        views: ViewStore,
        reading: CommentQueries,
        renderings: Renderings,
        operational: Operational,
        url: str,
        erasures: ErasuresFile | None = None,
        revocations: Revocations | None = None,
    ) -> None:
        super().__init__(log, views)
        self.operational = operational
        self.ring = ring
        self.articles = articles
        self.past = AsOfReader(log)
        self.renderings = renderings
        self._reading = reading
        self._lanes = Lanes(Commander(log, ring), log, ring, articles)
        self._url = url
        self._erasures = erasures
        self.revocations: Revocations = revocations or MemoryRevocations()

    async def close(self) -> None:
        """What was submitted is answered first."""
        await self._lanes.close()
        await self.articles.close()
        await self.renderings.close()
        await self.past.close()
        await self.views.close()

    # -- writing

    @property
    def queued_commands(self) -> int:
        """Commands that wait, or are being handled; where they are too many, LogBusy is raised."""
        return self._lanes.queued_commands

    def admit(self) -> None:
        """Whoever has much to read before it can submit asks first. Raises LogBusy."""
        self._lanes.admit()

    async def submit(self, commands: Sequence[Commanded]) -> list[Outcome]:
        """Handle commands in order; durable on return. Where persons are erased, no process
        holds words of theirs any more. A command that does not fit its type is rejected as
        `invalid-event`. Raises LogBusy, LogUnavailable."""
        if are_checked(commands):
            return await self._submit(commands)
        moment = now()
        read = [checked_or_refusal(each, moment) for each in commands]
        return await answer_each(read, self._submit)

    async def _submit(self, commands: Sequence[Commanded]) -> list[Outcome]:
        outcomes = await self._lanes.submit(commands)
        if not _ABOUT_KEYS.isdisjoint({each.command.topic for each in commands}):
            await self._keep_erasures(commands, outcomes)
            await self.ring.forgotten()
            await self._forget([one.command for one in commands])
        return outcomes

    async def _forget(self, commands: Sequence[Command]) -> None:
        """Delete the operational rows of persons who were erased."""
        erased = [command for command in commands if isinstance(command, ErasePerson)]
        buckets = [
            person_bucket(kind, command.site, command.who)
            for command in erased
            for kind in WRITE_KINDS
        ]
        if erased:
            await self.operational.forget({command.who for command in erased}, buckets)

    async def _keep_erasures(
        self, commands: Sequence[Commanded], outcomes: Sequence[Outcome]
    ) -> None:
        if self._erasures is None:
            return
        try:
            await self._erasures.append(await self.log.log_id(), commands, outcomes)
        except OSError as error:
            raise LogUnavailable(f"the file of erasures cannot be written: {error}") from error

    async def publish(self, events: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """CloudEvents as dicts, in order, one outcome each. An event that does not fit
        is a rejected outcome; it stops no other."""
        moment = now()
        read = [_commanded(event, moment) for event in events]
        return await answer_each(read, self._submit)

    async def drop_text(self, site: str, resource: str, revision: str) -> bool:
        """Drop the text of a revision; whether it was there. Where its passages stand stays,
        and the feed says that it was dropped."""
        discussion = await self.discussion_named(site, resource)
        stream = ids.article_id(discussion)
        rows = (await self.log.read_streams([stream]))[stream]
        article: Article = fold_stream(stream, events_of(rows))
        hashes = {one.hash for one in article.revisions if one.revision == revision}
        return any([await self.articles.drop(discussion, one) for one in hashes])

    # -- reading

    async def head(self) -> int:
        """The log's last position."""
        return await self.log.head()

    def position(self) -> int:
        """How far the views had read when last heard of."""
        return self.views.position

    async def wait(self, min_position: int, wait_seconds: float = WAIT_SECONDS) -> None:
        """Until the views have read `min_position`. Raises ViewBehind."""
        await self.views.fresh()
        await self.views.wait(min_position, wait_seconds)

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
        """A page of the comments on a resource, None where it has no discussion. `as_of`: as
        they stood at a position, or at a time (see `rostra.times`)."""
        await self.wait(min_position)
        return await self.comments_page(
            await self.discussion_named(site, resource),
            order=order,
            limit=limit,
            cursor=cursor,
            replies=replies,
            passage=passage,
            inline=inline,
            flat=flat,
            viewer=viewer,
            as_of=as_of,
        )

    async def passages(
        self,
        site: str,
        resource: str,
        *,
        viewer: Viewer = ANYONE,
        min_position: int = 0,
        as_of: AsOf | None = None,
    ) -> PassagesPage | None:
        """The passages of a resource with the counts of the feedback on them."""
        await self.wait(min_position)
        discussion = await self.discussion_named(site, resource)
        return await self.passages_page(discussion, viewer=viewer, as_of=as_of)

    async def comments_page(
        self,
        discussion: UUID,
        *,
        order: Order,
        limit: int,
        cursor: str | None,
        replies: int,
        passage: UUID | None,
        inline: bool,
        flat: bool,
        viewer: Viewer,
        as_of: AsOf | None = None,
    ) -> CommentsPage | None:
        """A page of comments, None where the discussion is unknown."""

        async def read(reading: CommentQueries, site: str) -> CommentsPage:
            return await reading.comments_page(
                site,
                discussion,
                order=order,
                limit=limit,
                cursor=cursor,
                replies=replies,
                passage=passage,
                inline=inline,
                flat=flat,
                viewer=viewer,
            )

        return await self._read(discussion, as_of, read, cursor)

    async def replies(
        self,
        comment: UUID,
        *,
        order: Order,
        limit: int,
        cursor: str | None,
        replies: int,
        viewer: Viewer,
        as_of: AsOf | None = None,
    ) -> CommentsPage | None:
        """A page of the replies to a comment, None where that is unknown."""

        async def read(reading: CommentQueries, site: str) -> CommentsPage | None:
            return await reading.replies(
                site,
                comment,
                order=order,
                limit=limit,
                cursor=cursor,
                replies=replies,
                viewer=viewer,
            )

        return await self._read(ids.discussion_of(comment), as_of, read, cursor)

    async def comment(
        self, comment: UUID, *, viewer: Viewer, as_of: AsOf | None = None
    ) -> CommentShape | None:
        """One comment, None where it is unknown to the viewer."""

        async def read(reading: CommentQueries, site: str) -> CommentShape | None:
            return await reading.comment(site, comment, viewer=viewer)

        return await self._read(ids.discussion_of(comment), as_of, read)

    async def discussion(
        self, discussion: UUID, *, viewer: Viewer = ANYONE, as_of: AsOf | None = None
    ) -> DiscussionShape | None:
        """One discussion, None where it is unknown."""
        return await self._read(
            discussion, as_of, lambda reading, _: reading.discussion(discussion, viewer=viewer)
        )

    async def _read(
        self,
        discussion: UUID,
        as_of: AsOf | None,
        read: Callable[[CommentQueries, str], Awaitable[T | None]],
        cursor: str | None = None,
    ) -> T | None:
        """Read what stands, or what stood; None where the discussion is, or was, unknown. A
        list is read on as of where it was begun, and where its moves are no longer kept, from
        the log."""
        await self.views.fresh()
        access = await self.access(discussion)
        if access is None:
            return None
        reading = self._reading.of(await self.log.log_id())
        past = await self.past_position(as_of, cursor)
        if past is not None:
            await self.wait(past)  # what stands now is looked at, too
            async with self.past.views(discussion, past) as views:
                if views is None:
                    return None
                return await read(reading.over(views, access.rules.wordings), access.site)
        try:
            return await read(reading, access.site)
        except CursorRefused as refused:
            if cursor is None or refused.name != "cursor-too-old":
                raise
        async with self.past.views_since(discussion, peek_cursor(cursor)) as since:
            return await read(reading.over(since), access.site)

    async def was_there(self, discussion: UUID, past: int) -> bool:
        """Whether a discussion had been opened at a position."""
        rows = (await self.log.read_streams([discussion]))[discussion]
        return bool(rows) and rows[0].position <= past

    async def past_position(self, as_of: AsOf | None, cursor: str | None = None) -> int | None:
        """The position that is meant, None for today's. A cursor stays where it was begun.
        Raises CursorRefused, also for what has not been yet."""
        past = None if as_of is None else await self.past.position(as_of, now())
        if cursor is None:
            return past
        peeked = peek_cursor(cursor)
        if peeked.past is not None and peeked.log != str(await self.log.log_id()):
            raise CursorRefused("log-changed", "the cursor is of another history of the log")
        begun = peeked.past
        if past not in (None, begun):
            raise CursorRefused("bad-cursor", "the cursor is of a list as of another position")
        return begun

    async def discussions(
        self, site: str, *, limit: int, cursor: str | None, readable: Readable | None = None
    ) -> DiscussionsPage:
        """Return a site's discussions, the latest active first, of those that are `readable`."""
        await self.views.fresh()
        reading = self._reading.of(await self.log.log_id())
        return await reading.discussions(site, limit=limit, cursor=cursor, readable=readable)

    async def passages_page(
        self, discussion: UUID, *, viewer: Viewer = ANYONE, as_of: AsOf | None = None
    ) -> PassagesPage | None:
        """The passages of a discussion, None where it is unknown."""
        return await self._read(
            discussion, as_of, lambda reading, _: reading.passages_page(discussion, viewer=viewer)
        )

    async def has_article_text(self, discussion: UUID) -> bool:
        """Tell whether the text of the article's last revision is kept here."""
        (state,) = await self._standings.of([ids.article_id(ids.discussion_of(discussion))])
        current = state.current
        return current is not None and await self.articles.has(discussion, current.hash)

    async def counts(self, site: str, resources: Sequence[str]) -> CountsPage:
        """How many comments each resource has."""
        return await self.counts_of(await self.named(site, resources))

    async def counts_of(self, named: Mapping[str, UUID]) -> CountsPage:
        """How many comments each of these discussions has."""
        await self.views.fresh()
        return await self._reading.counts(named)

    async def shapes(
        self, site: str, rows: Sequence[CommentRow], viewer: Viewer
    ) -> list[CommentShape]:
        """Rows of comments of one site as a viewer sees them, each alone."""
        return await self._reading.shapes(site, rows, viewer)

    # -- operating

    async def rebuild(
        self, views: Sequence[str] = (), *, jobs: int = 1, progress: Progress = lambda *_: None
    ) -> list[Rebuilt]:
        """Rebuild the named views from the log, all of them by default."""
        return await self.views.rebuild(views, jobs, progress)

    async def verify(self) -> list[Difference]:
        """Every difference between the views and a fresh fold of the log, and the words of
        the log that do not open."""
        differences = [difference async for difference in self.views.verify()]
        return differences + [each async for each in unopened_words(self.log, self.ring)]

    async def status(self) -> Status:
        """Where the log and the views stand."""
        head = await self.log.head()
        views = await self.views.status(head)
        return Status(await self.log.log_id(), head, url_without_password(self._url), views)

    async def healthy(self) -> bool:
        """Whether the log answers."""
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
