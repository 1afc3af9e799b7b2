"""Changes of a discussion since a position, from its own part of the log.

Both ends are compared: a comment is new that readers see now and did not see then, and removed
that they saw then and do not see now. The reader's own acts are left out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET

from rostra import ids
from rostra.comment import (
    CommentApproved,
    CommentEdited,
    CommentPosted,
    StatusEvent,
)
from rostra.log import EventLog, Recorded
from rostra.vote import VoteCast, VoteNullified, VoteRestored
from rostra_adapters.application.queries.as_of import charge_events
from rostra_adapters.application.stream_state_reader import decode_row
from rostra_projections.query_port import Reads
from rostra_projections.responses.shapes import (
    CommentShape,
    NewsShape,
    PassageNews,
    PassageShape,
)

COUNTED_MAX = 1_000
"""Greatest number that a count says; beyond it there are more."""
EVENTS_READ_MAX = 5_000
"""Events that one answer looks at. They are charged to the reader."""


class _CommentChange(msgspec.Struct, gc=False):
    """A comment whose status changed: whether everybody saw it then, and sees it now."""

    author: str
    parent: UUID | None
    answered: UUID | None
    """Comment that it answers; its parent where its posting was not read."""
    passage: UUID | None
    position: int
    was_shown: bool
    is_shown: bool


class News:
    """Changes of one discussion since a position."""

    def __init__(self, person: str | None) -> None:
        self._person = person
        self._comments: dict[UUID, _CommentChange] = {}
        self._edited: set[UUID] = set()
        self._votes = 0
        self.is_cut = False
        """True if there are more events than were read."""

    def note(self, row: Recorded) -> None:
        """Take in an event of the discussion."""
        event = decode_row(row)
        match event:
            case VoteCast() | VoteNullified() | VoteRestored():
                self._votes += event.was != event.now and event.voter != self._person
            case CommentEdited() if event.status == "published":
                self._note_edit(row.stream, event.by or event.author)
            case CommentApproved() if event.was == "published" and event.wording is not None:
                self._note_edit(row.stream, event.author)
        if isinstance(event, CommentPosted | StatusEvent):
            self._note_status(row, event)

    def _note_edit(self, comment: UUID, by: str) -> None:
        if by != self._person:
            self._edited.add(comment)

    def _note_status(self, row: Recorded, event: CommentPosted | StatusEvent) -> None:
        was, now = _statuses(event)
        change = self._comments.get(row.stream)
        if change is None:
            parent = event.path[-1] if event.path else None
            answered = event.answered if isinstance(event, CommentPosted) else parent
            change = self._comments[row.stream] = _CommentChange(
                author=event.author,
                parent=parent,
                answered=answered,
                passage=event.passage,
                position=row.position,
                was_shown=was == "published",
                is_shown=False,
            )
        change.is_shown, change.position = now == "published", row.position

    @property
    def new(self) -> dict[UUID, _CommentChange]:
        """Comments of others that are shown now and were not shown then."""
        return {
            id_: change
            for id_, change in self._comments.items()
            if change.is_shown and not change.was_shown and change.author != self._person
        }

    def shape(self, position: int, own: Iterable[UUID] = ()) -> NewsShape:
        """Count. `own` are the reader's comments among those that new ones answer."""
        new = self.new
        mine = set(own)
        removed = sum(
            change.was_shown and not change.is_shown and change.author != self._person
            for change in self._comments.values()
        )
        edited = sum(
            (change := self._comments.get(id_)) is None or change.was_shown == change.is_shown
            for id_ in self._edited
        )
        counts = {
            "comments": len(new),
            "replies": sum(change.parent is not None for change in new.values()),
            "edited": edited,
            "removed": removed,
            "votes": self._votes,
            "replies_to_me": sum(change.answered in mine for change in new.values()),
        }
        more = self.is_cut or any(count > COUNTED_MAX for count in counts.values())
        first = min(new, key=lambda id_: new[id_].position, default=None)
        return NewsShape(
            position=position,
            **{name: min(count, COUNTED_MAX) for name, count in counts.items()},
            passages=[PassageNews(id=id_, comments=count) for id_, count in self.by_passage()],
            first=first,
            more=True if more else UNSET,
        )

    def by_passage(self) -> Iterator[tuple[UUID, int]]:
        """Yield the passages with new comments on them, and how many."""
        found = Counter(
            change.passage
            for change in self.new.values()
            if change.passage is not None and change.parent is None
        )
        for passage, count in found.items():
            yield passage, min(count, COUNTED_MAX)


def _statuses(event: CommentPosted | StatusEvent) -> tuple[str, str]:
    """Return a comment's status before and after an event."""
    if isinstance(event, CommentPosted):
        return "", event.status
    return event.was, event.now


async def news_since(log: EventLog, discussion: UUID, since: int, person: str | None) -> News:
    """Read the changes of a discussion since a position, at most `EVENTS_READ_MAX` events."""
    news = News(person)
    charge_events(0)
    rows = await log.read_discussion_after(discussion, since, EVENTS_READ_MAX)
    charge_events(len(rows))
    for row in rows:
        news.note(row)
    news.is_cut = len(rows) >= EVENTS_READ_MAX
    return news


async def news_page(
    log: EventLog, reads: Reads, discussion: UUID, since: int, person: str | None
) -> NewsShape:
    """Count the changes of a discussion since a position, but for the person's own."""
    position = await log.head()
    news = await news_since(log, discussion, since, person)
    answered = {change.answered for change in news.new.values() if change.answered is not None}
    rows = await reads.comment_rows(list(answered)) if person is not None and answered else {}
    own = [row.id for row in rows.values() if row.author == person]
    return news.shape(position, own)


# -- comments of a page


async def add_new(
    log: EventLog, comments: Sequence[CommentShape], marks: Mapping[UUID, int], person: str
) -> None:
    """Set `new` on comments and all below them: shown now, not shown at the mark, by others.

    `marks` are the reader's, by discussion. Read from the comments' own streams. Without a mark
    nothing is new.
    """
    every = list(_all(comments))
    marked = {
        comment.id: mark
        for comment in every
        if (mark := marks.get(ids.discussion_of(comment.id))) is not None
    }
    rows = await log.read_streams(list(marked)) if marked else {}
    for comment in every:
        author = comment.author
        is_own = author is None or author.id == person
        mark = marked.get(comment.id)
        comment.new = mark is not None and not is_own and _is_new(rows[comment.id], mark)


def _is_new(rows: Sequence[Recorded], mark: int) -> bool:
    was = now = ""
    for row in rows:
        event = decode_row(row)
        if isinstance(event, CommentPosted | StatusEvent):
            _, now = _statuses(event)
            was = now if row.position <= mark else was
    return now == "published" and was != "published"


def _all(comments: Iterable[CommentShape]) -> Iterator[CommentShape]:
    for comment in comments:
        yield comment
        if comment.children is not UNSET:
            yield from _all(comment.children)


def add_new_counts(passages: Iterable[PassageShape], news: News) -> None:
    """Set `new` on passages: the number of new comments on each."""
    counts = dict(news.by_passage())
    for passage in passages:
        passage.new = counts.get(passage.id, 0)
