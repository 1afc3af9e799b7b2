"""Reads of moderation: queues and logs, words opened, in the shapes of the contract."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast
from uuid import UUID

import msgspec
from msgspec import UNSET

from rostra import ids
from rostra.codec import find_words
from rostra.flag import CommentFlagged
from rostra.log import LogHistory, Recorded
from rostra.names import OUR_IDS
from rostra.settings import Rules
from rostra_adapters.application.app import App
from rostra_adapters.application.moderation_jobs.store import BanJob
from rostra_adapters.application.moderation_jobs.vote_counter import VoteCounter
from rostra_adapters.application.queries.comment_queries import Readable
from rostra_adapters.application.queries.requests import DiscussionRequest, SiteRequest
from rostra_adapters.clock import now
from rostra_projections.comments.rows import CommentRow
from rostra_projections.cursors import decode_position, encode_position
from rostra_projections.moderation import TOPICS, ActRow, FlagRow, Queue
from rostra_projections.persons import PersonRow
from rostra_projections.query_port import Queued
from rostra_projections.responses.shapes import (
    ActShape,
    ActsPage,
    BanJobShape,
    BanShape,
    CommentShape,
    FlagShape,
    PendingShape,
    PersonShape,
    QueueCounts,
    QueuedShape,
    QueuePage,
    Viewer,
    WordingShape,
)

COUNTED_MAX = 1_000
CHUNK_ACTS_MAX = 500
MODERATOR = Viewer(moderator=True, sees_removed=True)
_origin = msgspec.json.Decoder(WordingShape)


class Moderating:
    """The reads of moderation over one App."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._votes = VoteCounter(app)

    async def queue(
        self, site: str, queue: Queue, *, limit: int, cursor: str | None, author: str | None = None
    ) -> QueuePage:
        """Return a page of a queue of a site, or of one author there. Raises CursorRefused."""
        log = await self._app.log.history()
        listing = ("queue", site, queue) if author is None else ("queue", site, queue, author)
        after = None if cursor is None else decode_position(cursor, log, listing, limit)
        await self._app.views.fresh()
        reads = self._app.views.reads
        _, found = await reads.queue(site, queue, limit=limit + 1, after=after, author=author)
        shown, more = found[:limit], len(found) > limit
        counts = await reads.queue_counts(site, most=COUNTED_MAX)
        return QueuePage(
            comments=await self.shapes(site, shown),
            next=encode_position(log, listing, shown[-1].since, limit) if more else None,
            counts=QueueCounts(**counts),
        )

    async def shapes(self, site: str, queued: Sequence[Queued]) -> list[QueuedShape]:
        """Return comments of one site as moderators list them."""
        rows = [one.row for one in queued]
        request = SiteRequest(site=site, log=await self._app.log.history(), viewer=MODERATOR)
        shapes = await self._app.queries.shapes(request, rows)
        streams = await self._app.log.read_streams([row.id for row in rows]) if rows else {}
        await self._load(site, {flag.person for one in queued for flag in one.flags})
        return [
            self._queued(site, one, shape, streams[shape.id])
            for one, shape in zip(queued, shapes, strict=True)
        ]

    async def acts(self, request: DiscussionRequest, *, limit: int, cursor: str | None) -> ActsPage:
        """Return the acts of moderators in a discussion, the latest first.

        Raises CursorRefused.
        """
        site, discussion, log, past = request.site, request.discussion, request.log, request.past
        listing = ("acts", str(discussion))
        before = None if cursor is None else decode_position(cursor, log, listing, limit)
        if past is not None:  # an act that was done stays as it is
            before = past + 1 if before is None else min(before, past + 1)
        _, found = await self._app.views.reads.acts(discussion, limit=limit + 1, before=before)
        is_named = request.viewer.moderator or request.rules.moderators_named
        return await self._acts_page(site, log, listing, found, limit, is_named=is_named)

    async def site_acts(
        self,
        site: str,
        *,
        limit: int,
        cursor: str | None,
        viewer: Viewer,
        rules: Rules,
        readable: Readable | None = None,
        is_closed: bool = False,
        charge: Callable[[int], None] = lambda _: None,
    ) -> ActsPage:
        """Return the acts of moderators on a site, the latest first. Raises CursorRefused.

        `readable` chooses the discussions that the reader may read; None for all. Only moderators
        see acts on persons. A site that is closed to the reader is answered like one without acts.
        `charge` is called before each read after the first, with the most acts that it may read.
        """
        log, listing = await self._app.log.history(), ("site acts", site)
        before = None if cursor is None else decode_position(cursor, log, listing, limit)
        if is_closed:
            return ActsPage(position=0, acts=[], next=None)
        await self._app.views.fresh()
        found: list[ActRow] = []
        chunk = limit + 1
        while True:
            _, acts = await self._app.views.reads.site_acts(site, limit=chunk, before=before)
            found += await _in_readable(
                [act for act in acts if act.person is None or viewer.moderator], readable
            )
            if len(acts) < chunk or len(found) > limit:
                break
            before, chunk = acts[-1].position, CHUNK_ACTS_MAX
            charge(chunk)
        is_named = viewer.moderator or rules.moderators_named
        return await self._acts_page(site, log, listing, found, limit, is_named=is_named)

    async def _acts_page(
        self,
        site: str,
        log: LogHistory,
        listing: tuple[str, ...],
        found: Sequence[ActRow],
        limit: int,
        *,
        is_named: bool,
    ) -> ActsPage:
        """Return a page of acts; `is_named` says whether the reader learns who did them."""
        shown, more = found[:limit], len(found) > limit
        await self._load(site, {act.by for act in shown})
        return ActsPage(
            position=shown[0].position if shown else 0,
            acts=[self._act(site, act, is_named=is_named) for act in shown],
            next=encode_position(log, listing, shown[-1].position, limit) if more else None,
        )

    async def person(self, site: str, person: str, labels: tuple[str, ...]) -> PersonShape:
        """Return what is known of a person on a site; of a stranger nothing but the id."""
        app, stream = self._app, ids.person_id(site, person)
        await app.views.fresh()
        reads = app.views.reads
        row = (await reads.persons([stream])).get(stream) or PersonRow(stream, site, person, 0)
        record = await reads.author_record(site, person, most=COUNTED_MAX)
        _, latest = await reads.queue(site, "recent", limit=1, after=None, author=person)
        shapes = await self.shapes(site, latest)
        await app.ring.load([stream])
        named = shapes[0].author.name if shapes and shapes[0].author else None
        ban = None
        if row.banned_at is not None and row.is_banned(now()):
            ban = BanShape(at=row.banned_at, until=row.banned_until, by=row.banned_by)
        jobs = await app.moderation_jobs.of_person(stream)
        return PersonShape(
            votes=await self._votes.of_person(stream),
            job=_job(jobs[0]) if jobs else None,
            id=person,
            name=app.queries.words.name(row) or named,
            label=row.label,
            labels=labels,
            banned=ban,
            trusted=row.trusted,
            **msgspec.structs.asdict(record),
        )

    def _queued(
        self, site: str, queued: Queued, shape: CommentShape, stream: Sequence[Recorded]
    ) -> QueuedShape:
        """Return a comment with its flags and its wording.

        Its version counts the events that the view has: the log may have more.
        """
        row, fields = queued.row, msgspec.structs.asdict(shape)
        pending = shape.pending.wording if isinstance(shape.pending, PendingShape) else None
        return QueuedShape(
            **fields,
            discussion=row.discussion,
            flags=[self._flag(site, flag) for flag in queued.flags],
            wording=pending or _wording(row, stream),
            rule=queued.rule,
            version=sum(event.position <= queued.read_up_to for event in stream),
        )

    def _flag(self, site: str, flag: FlagRow) -> FlagShape:
        place = (flag.flag, CommentFlagged.topic, flag.words_event)
        reason = self._reason(site, flag.person, flag.words, *place)
        return FlagShape(by=flag.person, reason=reason, at=flag.at)

    def _act(self, site: str, act: ActRow, *, is_named: bool) -> ActShape:
        is_service = act.by is None or act.by.startswith(OUR_IDS)
        place = (act.about, TOPICS[act.action], act.words_event)
        return ActShape(
            position=act.position,
            at=act.at,
            action=cast(Any, act.action),
            comment=act.about if act.person is None else None,
            person=UNSET if act.person is None else act.person,
            by=act.by if is_named or is_service else None,
            role="service" if is_service else "moderator",
            reason=self._reason(site, act.by, act.words, *place),
        )

    async def _load(self, site: str, persons: Iterable[str | None]) -> None:
        await self._app.ring.load({_owner(site, person) for person in persons})

    def _reason(
        self,
        site: str,
        by: str | None,
        sealed: bytes | None,
        stream: UUID,
        topic: str,
        event: UUID | None,
    ) -> str | None:
        """Return the reason given; None if there is none, or it is erased."""
        words = find_words(sealed, self._app.ring, _owner(site, by), stream, topic, event)
        return None if words is None else words.reason


def _owner(site: str, person: str | None) -> UUID:
    """Return the owner of the key that seals a reason: its person, else the site."""
    return ids.site_id(site) if person is None else ids.person_id(site, person)


def _job(job: BanJob) -> BanJobShape:
    return BanJobShape(
        state="done" if job.stage == "done" else "running",
        comments=job.comments,
        comments_total=job.comments_total,
        votes=job.votes,
    )


async def _in_readable(acts: Sequence[ActRow], readable: Readable | None) -> Sequence[ActRow]:
    """Return the acts in discussions that a reader may read."""
    if readable is None or not acts:
        return acts
    chosen = await readable(list({act.discussion for act in acts}))
    return [act for act in acts if act.discussion in chosen]


def _wording(row: CommentRow, stream: Sequence[Recorded]) -> WordingShape | None:
    """Return the publisher's name of a comment's own wording, as the log has it."""
    event = row.edited_event or row.words_event
    for recorded in stream:
        if recorded.event_id == event and recorded.metadata is not None:
            return _origin.decode(recorded.metadata)
    return None
