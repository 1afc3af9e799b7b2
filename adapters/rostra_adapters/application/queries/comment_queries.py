"""Reads in the shapes of the contract: rows of the views with their words opened."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from rostra import ids
from rostra.fields import web_url
from rostra.log import LogHistory
from rostra.sealing import KeyRing
from rostra.settings import Rules
from rostra.times import LONG_AGO, Time
from rostra_adapters.application.queries.as_of import AsOfReader
from rostra_adapters.application.queries.mentions import begins_with
from rostra_adapters.application.queries.requests import (
    CommentQuery,
    DiscussionRequest,
    SiteRequest,
)
from rostra_adapters.application.queries.word_opener import Renderer, WordOpener, mentions_in
from rostra_projections.comments.fold import inline_group
from rostra_projections.comments.rows import CommentRow, PendingRow
from rostra_projections.cursors import (
    CursorRefused,
    check_cursor,
    decode_site_comments_cursor,
    decode_site_cursor,
    encode_site_comments_cursor,
    encode_site_cursor,
)
from rostra_projections.discussions import settings_of
from rostra_projections.past_words import (
    with_questions_of_now,
    with_title_of_now,
    with_words_of_now,
)
from rostra_projections.query_port import (
    DiscussionRead,
    DiscussionReads,
    Page,
    ParticipantRead,
    PassageRead,
    Reads,
)
from rostra_projections.responses.shapes import (
    CommentShape,
    CommentsPage,
    CountsPage,
    DiscussionShape,
    DiscussionsPage,
    ParticipantShape,
    ParticipantsPage,
    PassageShape,
    PassagesPage,
    Viewer,
)
from rostra_projections.responses.threads import Thread, all_rows, readable, visible

CHUNK_DISCUSSIONS_MAX = 1_000
PARTICIPANTS_MAX = 20
"""Participants of an answer."""
PARTICIPANTS_OPENED_MAX = 200
"""Latest participants whose names are compared with a prefix: the names are sealed."""
Readable = Callable[[Sequence[UUID]], Awaitable[set[UUID]]]
"""Returns those of some discussions that a reader may read."""
RulesOf = Callable[[UUID], Awaitable[Rules]]
"""Returns the rules that hold in a discussion."""


class CommentQueries:
    """Reads of comments, discussions and passages, as they are and as they were."""

    def __init__(
        self,
        reads: Reads,
        as_of: AsOfReader,
        ring: KeyRing,
        renderer: Renderer,
        rules_of: RulesOf,
    ) -> None:
        self._reads = reads
        self._rules_of = rules_of
        self._as_of = as_of
        self._ring = ring
        self.words = WordOpener(ring, renderer)

    @asynccontextmanager
    async def _source(self, request: DiscussionRequest) -> AsyncIterator[DiscussionReads | None]:
        """Yield the reads of the discussion at the request's position, None if it did not exist."""
        if request.past is None:
            yield self._reads
        else:
            async with self._as_of.views(request.discussion, request.past) as views:
                yield views

    # -- discussions

    async def discussion(self, request: DiscussionRequest) -> DiscussionShape | None:
        """Return the discussion, None where it is unknown."""
        async with self._source(request) as source:
            found = await source.discussion(request.discussion) if source else None
        if found is None:
            return None
        read = found[1]
        if request.earlier_wordings is not None:
            now = await self._reads.discussion(request.discussion)
            read = with_title_of_now(read, None if now is None else now[1].row)
        return _discussion(read)

    async def discussions(
        self,
        site: str,
        log: LogHistory,
        *,
        limit: int = 20,
        cursor: str | None = None,
        readable: Readable | None = None,
        is_closed: bool = False,
        charge: Callable[[int], None] = lambda _: None,
    ) -> DiscussionsPage:
        """Return a site's discussions, the latest active first. Raises CursorRefused.

        `readable` chooses the discussions that the reader may read. The page is filled with them,
        and its cursor names the last of them, so that neither reveals others. A site that is
        closed to the reader is answered like one without discussions. `charge` is called before
        each read after the first, with the most discussions that it may read.
        """
        after = None if cursor is None else decode_site_cursor(cursor, site, log, limit)
        if is_closed:
            return DiscussionsPage(position=0, discussions=[], next=None)
        found: list[DiscussionRead] = []
        chunk = limit + 1
        while True:
            _, read = await self._reads.discussions(site, limit=chunk, after=after)
            found += await _readable_of(read, readable)
            if len(read) < chunk or len(found) > limit:
                break
            after, chunk = _last(read), min(2 * chunk, CHUNK_DISCUSSIONS_MAX)
            charge(chunk)
        shown = found[:limit]
        following = None
        if len(found) > limit:
            following = encode_site_cursor(site, log, _last(shown), limit)
        shapes = [_discussion(each) for each in shown]
        changed = max((shape.position for shape in shapes), default=0)
        return DiscussionsPage(position=changed, discussions=shapes, next=following)

    async def site_comments(
        self,
        request: SiteRequest,
        *,
        limit: int = 20,
        cursor: str | None = None,
        readable: Readable | None = None,
        is_closed: bool = False,
        charge: Callable[[int], None] = lambda _: None,
    ) -> CommentsPage:
        """Return a site's published and erased comments, the newest first. Raises CursorRefused.

        `readable` chooses the discussions that the reader may read; None for all. A site that is
        closed to the reader is answered like one without comments. `charge` is called with the
        number of discussions that the site has, which is what the read costs, first with 0.
        """
        site, log = request.site, request.log
        after = None
        if cursor is not None:
            after = decode_site_comments_cursor(cursor, site, log, limit)
        charge(0)
        if is_closed:
            return CommentsPage(position=0, order="newest", total=0, comments=[], next=None)
        found: list[CommentRow] = []
        while True:
            page = await self._reads.site_comments(
                site, limit=limit + 1, after=after, with_private=readable is None
            )
            charge(page.discussions)
            found += await _in_readable(page.rows, readable)
            if len(found) > limit or len(page.rows) <= limit:
                break
            after = _place(page.rows[-1])
        shown = found[:limit]
        following = None
        if len(found) > limit:
            following = encode_site_comments_cursor(site, log, _place(shown[-1]), limit)
        return CommentsPage(
            position=page.changed,
            order="newest",
            total=page.total,
            comments=await self.shapes(request, shown),
            next=following,
        )

    async def counts(self, named: Mapping[str, UUID]) -> CountsPage:
        """Return the number of comments on each resource; 0 where its discussion is unknown."""
        position, counts = await self._reads.counts(list(named.values()))
        return CountsPage(
            position=position,
            counts={resource: counts.get(id_, 0) for resource, id_ in named.items()},
        )

    async def passages_page(self, request: DiscussionRequest) -> PassagesPage | None:
        """Return the marked passages of a discussion, None where it is unknown.

        One that a person marked is shown once a comment on it is, before that to moderators and
        to that person.
        """
        discussion, viewer = request.discussion, request.viewer
        async with self._source(request) as source:
            if source is None or await source.discussion(discussion) is None:
                return None
            _, found = await source.passages(discussion)
        shown = _shown(found, viewer)
        if request.earlier_wordings is not None:
            _, now = await self._reads.passages(discussion)
            today = {each.row.id: each for each in _shown(now, viewer)}
            shown = with_questions_of_now(shown, today)
        changed = [each.changed for each in found] + [each.row.changed for each in shown]
        return PassagesPage(
            position=max(changed, default=0),
            passages=[_passage(each) for each in shown],
        )

    async def participants(
        self, request: DiscussionRequest, prefix: str = ""
    ) -> ParticipantsPage | None:
        """Return the latest participants, None where the discussion is unknown.

        With a prefix, those whose name or a word of it begins so, among the latest.
        """
        found = await self._reads.discussion(request.discussion)
        if found is None:
            return None
        most = PARTICIPANTS_OPENED_MAX if prefix else PARTICIPANTS_MAX
        read = await self._reads.latest_participants(request.discussion, limit=most)
        streams = {one.person: ids.person_id(request.site, one.person) for one in read}
        persons = await self._reads.persons(list(streams.values())) if streams else {}
        await self._ring.load(streams.values())
        named = [
            ParticipantShape(id=one.person, name=name)
            for one in read
            if (name := self.words.participant_name(one, streams[one.person], persons)) is not None
            and begins_with(name, prefix)
        ]
        changed = found[1].counts.changed
        return ParticipantsPage(position=changed, participants=named[:PARTICIPANTS_MAX])

    # -- comments

    async def comments_page(
        self, request: DiscussionRequest, query: CommentQuery
    ) -> CommentsPage | None:
        """Return a page of comments. Raises CursorRefused.

        Return None if the discussion is unknown, or the comment whose replies are requested. A list
        continues as of the position where it began. If the moves since then were deleted, they are
        folded from the log.
        """
        try:
            async with self._source(request) as source:
                return None if source is None else await self._page(request, query, source)
        except CursorRefused as refused:
            cursor, is_old = request.cursor, refused.name == "cursor-too-old"
            if cursor is None or request.past is not None or not is_old:
                raise
        try:
            async with self._as_of.views_since(request.discussion, cursor) as since:
                return await self._page(request, query, since)
        except CursorRefused as refused:
            if refused.name != "too-much-to-fold":
                raise
            detail = f"{refused.detail}; restart from the first page"
            raise CursorRefused("cursor-too-old", detail) from None

    async def _page(
        self, request: DiscussionRequest, query: CommentQuery, source: DiscussionReads
    ) -> CommentsPage | None:
        if query.parent is not None:
            above = await source.comment(query.parent)
            if above is None or not visible(above[1], request.viewer):
                return None
        if query.passage is None or _may_hold(request.discussion, query.passage):
            return await self._listed(request, query, source)
        found = await source.discussion(request.discussion)
        changed = 0 if found is None else found[1].counts.changed
        return CommentsPage(position=changed, order=query.order, total=0, comments=[], next=None)

    async def _listed(
        self, request: DiscussionRequest, query: CommentQuery, source: DiscussionReads
    ) -> CommentsPage:
        listing, limit, replies = query.listing(request.discussion), query.limit, query.replies
        begin = request.cursor
        if begin is not None:
            check_cursor(begin, listing, request.log, limit=limit, replies=replies)
        page = await source.page(listing, request.viewer, begin=begin, limit=limit, replies=replies)
        thread = await self._thread(request, source, page)
        return thread.comments_page(listing, begin, limit=limit, replies=replies)

    async def comment(self, request: DiscussionRequest, comment: UUID) -> CommentShape | None:
        """Return one comment of the discussion, None where the viewer may not know of it."""
        async with self._source(request) as source:
            found = await source.comment(comment) if source else None
            if source is None or found is None or not visible(found[1], request.viewer):
                return None
            position, row = found
            page = Page(
                position,
                history=0,
                changed=row.changed,
                as_of=row.changed,
                total=1,
                rows=[row],
                places=[],
                more=False,
                below={},
                past=request.past,
            )
            return (await self._thread(request, source, page)).only()

    async def shapes(self, request: SiteRequest, rows: Sequence[CommentRow]) -> list[CommentShape]:
        """Return comments of one site, each alone."""
        page = Page(0, 0, 0, 0, len(rows), list(rows), [], more=False, below={})
        thread = await self._thread(request, self._reads, page)
        return [thread.shape(row, 0, flat=True) for row in rows]

    # -- words

    async def _thread(self, request: SiteRequest, source: DiscussionReads, page: Page) -> Thread:
        viewer, earlier = request.viewer, request.earlier_wordings
        rows = [row for row in all_rows(page) if readable(row, viewer)]
        own_hidden = await _own_hidden(source, page, viewer)
        withdrawn: dict[UUID, str] = {}
        if earlier is not None:
            now = await self._reads.comment_rows([row.id for row in rows])
            page, withdrawn = with_words_of_now(page, now, viewer, earlier)
            rows = [row for row in all_rows(page) if readable(row, viewer)]
        waiting = await _waiting(source, rows, viewer)
        authors = _owners(request.site, rows)
        mentions = await self._mentions_of(rows)
        authors |= {one.person: ids.person_id(request.site, one.person) for one in mentions}
        persons = await self._reads.persons(list(authors.values())) if authors else {}
        breaks = {one: await self._breaks(request, one) for one in {row.discussion for row in rows}}
        # Last, since a loaded key may be destroyed during any wait.
        words, pending = await self.words.of_comments(rows, waiting, authors, persons, breaks)
        if mentions:
            self.words.add_mention_links(rows, words, mentions, authors, persons)
        return Thread(
            page,
            viewer,
            lambda row: words[row.id],
            request.log,
            own_hidden,
            withdrawn,
            pending,
        )

    async def _breaks(self, request: SiteRequest, discussion: UUID) -> bool:
        """Return whether a single newline is a line break in a discussion."""
        if isinstance(request, DiscussionRequest) and request.discussion == discussion:
            return request.rules.breaks
        return (await self._rules_of(discussion)).breaks

    async def _mentions_of(self, rows: Sequence[CommentRow]) -> Sequence[ParticipantRead]:
        """Return the persons whom comments mention, by discussion."""
        mentioning = [row for row in rows if row.mentions is not None]
        if not mentioning:
            return ()
        discussions = {row.discussion for row in mentioning}
        persons = {person for row in mentioning for person in mentions_in(row)}
        return await self._reads.participant_rows(list(discussions), list(persons))


def _owners(site: str, rows: Sequence[CommentRow]) -> dict[str, UUID]:
    """Return the authors of comments, with the streams of those persons."""
    return {author: ids.person_id(site, author) for author in {row.author for row in rows}}


async def _waiting(
    source: DiscussionReads, rows: Sequence[CommentRow], viewer: Viewer
) -> Mapping[UUID, PendingRow]:
    """Return the wordings that wait, for moderators and each one's author."""
    seen = [row.id for row in rows if viewer.moderator or row.author == viewer.person]
    return await source.pending(seen) if seen else {}


async def _own_hidden(source: DiscussionReads, page: Page, viewer: Viewer) -> Mapping[UUID, int]:
    above = [row.id for row in all_rows(page) if row.hidden_replies]
    if viewer.person is None or not above:
        return {}
    return await source.hidden_replies(viewer.person, above)


async def _readable_of(
    read: Sequence[DiscussionRead], readable: Readable | None
) -> Sequence[DiscussionRead]:
    """Return the discussions that a reader may read.

    The log is read only for discussions that the view does not call private.
    """
    if readable is None:
        return read
    open_ones = [each for each in read if not settings_of(each.row).private]
    chosen = await readable([each.row.id for each in open_ones]) if open_ones else set()
    return [each for each in open_ones if each.row.id in chosen]


async def _in_readable(
    rows: Sequence[CommentRow], readable: Readable | None
) -> Sequence[CommentRow]:
    """Return the comments in discussions that a reader may read, as the log has them now."""
    if readable is None or not rows:
        return rows
    chosen = await readable(list({row.discussion for row in rows}))
    return [row for row in rows if row.discussion in chosen]


def _place(row: CommentRow) -> tuple[Time, int]:
    return row.posted_at, row.position


def _last(found: Sequence[DiscussionRead]) -> tuple[Time, UUID]:
    counts = found[-1].counts
    return counts.active_at or LONG_AGO, counts.id


def _shown(passages: Iterable[PassageRead], viewer: Viewer) -> list[PassageRead]:
    """Return the passages that a viewer may see."""
    return [each for each in passages if each.row.marked and _is_shown(each, viewer)]


def _discussion(read: DiscussionRead) -> DiscussionShape:
    row, counts = read.row, read.counts
    return DiscussionShape(
        id=row.id,
        site=row.site,
        resource=row.resource,
        title=row.title,
        url=web_url(row.url),
        open=row.open,
        comments=counts.comments,
        replies=counts.replies,
        participants=counts.participants,
        latest_at=counts.latest_at,
        position=max(row.changed, counts.changed),
    )


def _may_hold(discussion: UUID, passage: UUID) -> bool:
    """Return whether an id is that of a passage of this discussion."""
    inside = ids.discussion_of(passage) == discussion and ids.kind_of(passage) == ids.Kind.PASSAGE
    return inside and passage != inline_group(discussion)


def _is_shown(read: PassageRead, viewer: Viewer) -> bool:
    row = read.row
    if row.key is not None or viewer.moderator or read.comments or read.replies:
        return True
    return row.by is not None and row.by == viewer.person


def _passage(read: PassageRead) -> PassageShape:
    row = read.row
    return PassageShape(
        id=row.id,
        key=row.key,
        exact=row.exact,
        prefix=row.prefix,
        suffix=row.suffix,
        start=row.start_at,
        end=row.end_at,
        state=row.state,
        question=row.question,
        open=row.open,
        comments=read.comments,
        replies=read.replies,
        latest_at=read.latest_at,
    )
