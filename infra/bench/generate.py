"""Realistic load, seeded: what happens on a site with many discussions, a few of them busy.

    python -m bench.generate EVENTS [--seed N] > events.ndjson     CloudEvents, one a line

Steps come in two forms that mean the same: rows for the log table (`fill.py`), and
CloudEvents to be published. Memory is flat: people answer, vote on and moderate one of the
last `WINDOW_COMMENTS` comments of a discussion, and change one of its last votes.
"""

import argparse
import random
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

import msgspec

from bench.happenings import cloudevent
from rostra import ids
from rostra.article import ArticleMarked
from rostra.codec import AnyEvent
from rostra.comment import (
    CommentApproved,
    CommentEdited,
    CommentPinned,
    CommentPosted,
    CommentRemoved,
    CommentRestored,
    CommentUnpinned,
    Moderated,
    Status,
)
from rostra.discussion import DiscussionClosed, DiscussionOpened, DiscussionReopened
from rostra.events import Words
from rostra.flag import CommentFlagged
from rostra.ids import CommentId, DiscussionId, PassageId, StreamId
from rostra.limits import DEPTH_MAX
from rostra.passage import PassageMarked
from rostra.person import PersonTrusted
from rostra.settings import SiteSettings
from rostra.site import SiteConfigured
from rostra.times import Time
from rostra.vote import Value, VoteCast

SITE = "gazette"
SOURCE = "urn:bench"
AUTHORS = 5_000
VOTERS = 20_011
"""Number of voters. It is a prime, so that steps of any length reach each voter once."""
MODERATORS = 20
WINDOW_COMMENTS = 64
VOTES_KEPT = 6
DAYS = 300
FIRST_DAY = date(2025, 1, 1)
DRAWN_AT_ONCE = 10_000

SENTENCES = (
    "The trams never ran on time before either.",
    "I *do not* agree with the second paragraph at all.",
    "Has anyone looked at what this costs a year?",
    "We lived next to the old depot for ten years, and it was loud.",
    "See the [report](https://example.org/report) of last spring.",
    "That is simply not what the council said.",
    "Thank you for writing this up so clearly.",
    "> as before\n\nNobody believes that any more.",
    "My children take this line to school every morning.",
    "One could start with a trial of three months.",
)


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Size of a load. The shares are of the events.

    The rest are edits, removals, restorings, approvals, pins, flags and closings. `weights` are
    the discussions' shares of the events, by Zipf's law unless given.
    """

    events: int
    seed: int = 1
    discussions: int = 2_000
    comments: float = 0.15
    votes: float = 0.80
    replies: float = 0.45
    weights: tuple[float, ...] | None = None

    @property
    def name(self) -> str:
        """Name of the database that holds it."""
        return f"load_{self.events}_{self.discussions}_{round(self.comments * 100)}_{self.seed}"


class Step(msgspec.Struct, frozen=True, gc=False):
    """Events recorded for one published event. Words are not yet sealed."""

    number: int
    time: Time
    resource: str
    by: str | None
    events: tuple[tuple[UUID, int, AnyEvent], ...]
    """Stream, version, event."""

    @property
    def name(self) -> str:
        """The CloudEvent's id."""
        return f"e{self.number:09}"


class _Vote(msgspec.Struct):
    voter: str
    stream: UUID
    value: Value
    version: int


class _Comment(msgspec.Struct):
    id: UUID
    author: str
    path: tuple[UUID, ...]
    passage: UUID | None
    moderated: Moderated
    stride: int
    removed: Status | None = None
    pinned: bool = False
    version: int = 1
    voters: int = 0
    flags: int = 0
    votes: deque[_Vote] = msgspec.field(default_factory=lambda: deque(maxlen=VOTES_KEPT))

    @property
    def status(self) -> Status:
        return self.removed or self.moderated


class _Discussion(msgspec.Struct):
    id: UUID
    resource: str
    passages: tuple[UUID, ...]
    version: int = 1
    open: bool = True
    recent: deque[_Comment] = msgspec.field(default_factory=lambda: deque(maxlen=WINDOW_COMMENTS))


class Generator:
    """The steps of a load, always the same for the same load."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._random = random.Random(load.seed)
        self._days = [(FIRST_DAY + timedelta(days=n)).isoformat() for n in range(DAYS + 1)]
        self._apart_microseconds = DAYS * 86_400_000_000 // (load.events + 1)
        self._number = 0
        self._left = load.events
        self._trusted: set[str] = set()
        self._discussions = [self._discussion(n) for n in range(load.discussions)]

    def steps(self) -> Iterator[Step]:
        """Yield exactly the number of events of the load."""
        for step in self._all():
            self._left -= len(step.events)
            yield step
            if self._left == 0:
                return

    def _discussion(self, number: int) -> _Discussion:
        resource = f"/articles/{number}"
        at = ids.discussion_id(SITE, resource)
        marked = 0 if number % 4 else 2
        return _Discussion(at, resource, tuple(ids.passage_id(at, f"p{n}") for n in range(marked)))

    # -- which step comes next

    def _all(self) -> Iterator[Step]:
        yield from self._beginning()
        drawn = self._random.random
        comments, votes = self._load.comments, self._load.comments + self._load.votes
        for discussion in self._drawn_discussions():
            share = drawn()
            if share < comments or not discussion.recent:
                yield self._comment(discussion) if discussion.open else self._turn(discussion)
            elif share < votes or self._left == 1:
                yield self._vote(discussion)
            else:
                yield self._other(discussion)

    def _beginning(self) -> Iterator[Step]:
        configured = SiteConfigured(time=self._next(), site=SITE, settings=SiteSettings(depth=12))
        yield self._step(None, (ids.site_id(SITE), 1, configured))
        for number, discussion in enumerate(self._discussions):
            title, url = f"Article {number}", f"https://gazette.example{discussion.resource}"
            opened = DiscussionOpened(
                time=self._next(), site=SITE, resource=discussion.resource, title=title, url=url
            )
            yield self._step(discussion, (discussion.id, 1, opened))
            for place, passage in enumerate(discussion.passages):
                mark = self._mark(place)
                listed = ArticleMarked(time=mark.time, passage=PassageId(StreamId(passage)))
                article = ids.article_id(DiscussionId(StreamId(discussion.id)))
                yield self._step(discussion, (passage, 1, mark), (article, place + 1, listed))

    def _mark(self, place: int) -> PassageMarked:
        start = place * 1_000
        exact = "the new line is to open in the spring of next year"
        return PassageMarked(
            time=self._next(), key=f"p{place}", exact=exact, start=start, end=start + len(exact)
        )

    def _drawn_discussions(self) -> Iterator[_Discussion]:
        load = self._load
        weights = load.weights or tuple(1 / (rank + 1) for rank in range(load.discussions))
        cumulated = list(accumulate(weights))
        while True:
            yield from self._random.choices(
                self._discussions, cum_weights=cumulated, k=DRAWN_AT_ONCE
            )

    def _next(self) -> Time:
        """The time of the next step, which is taken up by this."""
        self._number += 1
        seconds, fraction = divmod(self._number * self._apart_microseconds, 1_000_000)
        minutes, second = divmod(seconds, 60)
        hours, minute = divmod(minutes, 60)
        day, hour = divmod(hours, 24)
        return Time(f"{self._days[day]}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")

    def _step(
        self,
        discussion: _Discussion | None,
        *events: tuple[UUID, int, AnyEvent],
        by: str | None = None,
    ) -> Step:
        resource = "" if discussion is None else discussion.resource
        return Step(self._number, events[0][2].time, resource, by, events)

    def _recent(self, discussion: _Discussion) -> _Comment:
        """More likely a late one than an early one."""
        place = self._random.random()
        return discussion.recent[-1 - int(len(discussion.recent) * place * place)]

    # -- comments

    def _comment(self, discussion: _Discussion) -> Step:
        time, drawn = self._next(), self._random
        key = f"c{self._number}"
        answered = self._answered(discussion)
        path = () if answered is None else (*answered.path, answered.id)[:DEPTH_MAX]
        posted = CommentPosted(
            time=time,
            author=f"a{min(int(drawn.expovariate(8 / AUTHORS)), AUTHORS - 1)}",
            status="held" if drawn.random() < 0.02 else "published",
            key=key,
            parent=path[-1] if path else None,
            asked=answered.id if answered and path[-1] != answered.id else None,
            depth=len(path),
            path=path,
            passage=self._passage(discussion, answered),
            personal=None,
        )
        words = Words(name=f"Author {posted.author[1:]}", body=self._body())
        posted = msgspec.structs.replace(posted, personal=words)
        at = ids.comment_id(DiscussionId(StreamId(discussion.id)), key)
        stride = drawn.randrange(1, VOTERS)
        discussion.recent.append(
            _Comment(at, posted.author, path, posted.passage, posted.status, stride)
        )
        return self._step(discussion, (at, 1, posted), by=posted.author)

    def _answered(self, discussion: _Discussion) -> _Comment | None:
        if not discussion.recent or self._random.random() > self._load.replies:
            return None
        return self._recent(discussion)

    def _passage(self, discussion: _Discussion, answered: _Comment | None) -> UUID | None:
        if answered is not None:
            return answered.passage
        if discussion.passages and self._random.random() < 0.25:
            return self._random.choice(discussion.passages)
        return None

    def _body(self) -> str:
        count = 1 + int(self._random.expovariate(0.7))
        said = " ".join(self._random.choices(SENTENCES, k=min(count, 12)))
        return f"{said} ({self._number})"

    # -- votes

    def _vote(self, discussion: _Discussion) -> Step:
        comment = self._recent(discussion)
        if comment.removed:
            return self._restore(discussion, comment)
        again = self._random.random() < 0.10 and len(comment.votes) > 0
        vote = self._random.choice(comment.votes) if again else self._new_vote(comment)
        was, vote.value = vote.value, self._value(again=again)
        vote.version += 1
        time = self._next()
        cast_ = VoteCast(
            time=time,
            source=SOURCE,
            id=f"e{self._number:09}",
            comment=comment.id,
            voter=vote.voter,
            value=vote.value,
            was=was,
            now=vote.value,
        )
        return self._step(discussion, (vote.stream, vote.version, cast_), by=vote.voter)

    def _new_vote(self, comment: _Comment) -> _Vote:
        comment.voters += 1
        voter = f"v{comment.voters * comment.stride % VOTERS}"
        vote = _Vote(voter, ids.vote_id(CommentId(StreamId(comment.id)), voter), 0, 0)
        comment.votes.append(vote)
        return vote

    def _value(self, *, again: bool) -> Value:
        share = self._random.random()
        if again and share < 0.3:
            return 0
        return 1 if share < 0.8 else -1

    # -- what else happens

    def _other(self, discussion: _Discussion) -> Step:
        comment, share = self._recent(discussion), self._random.random()
        if comment.removed:
            return self._restore(discussion, comment)
        if comment.moderated == "held":
            return self._approve(discussion, comment)
        if share < 0.45:
            return self._edit(discussion, comment)
        if share < 0.75:
            return self._flag(discussion, comment)
        if share < 0.90:
            return self._remove(discussion, comment)
        if share < 0.96 and not comment.path:
            return self._pin(discussion, comment)
        return self._turn(discussion)

    def _on(self, discussion: _Discussion, comment: _Comment, event: AnyEvent, by: str) -> Step:
        comment.version += 1
        return self._step(discussion, (comment.id, comment.version, event), by=by)

    def _moderator(self) -> str:
        return f"m{self._random.randrange(MODERATORS)}"

    def _edit(self, discussion: _Discussion, comment: _Comment) -> Step:
        time, author = self._next(), comment.author
        words = Words(body=self._body())
        event = CommentEdited(time=time, author=author, by=author, personal=words)
        return self._on(discussion, comment, event, author)

    def _flag(self, discussion: _Discussion, comment: _Comment) -> Step:
        time = self._next()
        comment.flags += 1
        by = f"v{comment.flags * comment.stride % VOTERS}"
        words = Words(reason="Off the point.")
        event = CommentFlagged(time=time, comment=comment.id, by=by, personal=words)
        return self._step(
            discussion, (ids.flag_id(CommentId(StreamId(comment.id)), by), 1, event), by=by
        )

    def _remove(self, discussion: _Discussion, comment: _Comment) -> Step:
        by = comment.author if self._random.random() < 0.5 else self._moderator()
        was = comment.status
        comment.removed = "deleted" if by == comment.author else "removed"
        event = CommentRemoved(
            time=self._next(),
            was=was,
            now=comment.removed,
            author=comment.author,
            by=by,
            path=comment.path,
            passage=comment.passage,
            personal=Words(reason="Asked for."),
        )
        return self._on(discussion, comment, event, by)

    def _restore(self, discussion: _Discussion, comment: _Comment) -> Step:
        by, was = self._moderator(), comment.status
        comment.removed = None
        event = CommentRestored(
            time=self._next(),
            was=was,
            now=comment.status,
            author=comment.author,
            by=by,
            path=comment.path,
            passage=comment.passage,
        )
        return self._on(discussion, comment, event, by)

    def _approve(self, discussion: _Discussion, comment: _Comment) -> Step:
        """Approve a comment, and trust its author unless they are trusted."""
        if self._left == 1:  # there is no room for two events
            return self._turn(discussion)
        by, was, author = self._moderator(), comment.status, comment.author
        comment.moderated = "published"
        event = CommentApproved(
            time=self._next(),
            was=was,
            now="published",
            author=author,
            by=by,
            path=comment.path,
            passage=comment.passage,
        )
        step = self._on(discussion, comment, event, by)
        if author in self._trusted:
            return step
        self._trusted.add(author)
        trusted = PersonTrusted(
            time=event.time, site=SITE, person=author, by=by, comment=comment.id
        )
        both = (*step.events, (ids.person_id(SITE, author), 1, trusted))
        return msgspec.structs.replace(step, events=both)

    def _pin(self, discussion: _Discussion, comment: _Comment) -> Step:
        by, time = self._moderator(), self._next()
        comment.pinned = not comment.pinned
        kind = CommentPinned if comment.pinned else CommentUnpinned
        return self._on(discussion, comment, kind(time=time, by=by), by)

    def _turn(self, discussion: _Discussion) -> Step:
        """Closed, or open again."""
        by, time = self._moderator(), self._next()
        discussion.open = not discussion.open
        discussion.version += 1
        kind = DiscussionReopened if discussion.open else DiscussionClosed
        event = kind(time=time, by=by)
        return self._step(discussion, (discussion.id, discussion.version, event), by=by)


def cloudevents(load: Load) -> Iterator[dict[str, Any]]:
    """The load as events to be published, in order."""
    for step in Generator(load).steps():
        yield cloudevent(
            step.events[0][0],
            step.events[0][2],
            name=step.name,
            source=SOURCE,
            site=SITE,
            resource=step.resource,
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a load."""
    parser = argparse.ArgumentParser(description="Print a load as CloudEvents.")
    parser.add_argument("events", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    for event in cloudevents(Load(events=options.events, seed=options.seed)):
        sys.stdout.write(msgspec.json.encode(event).decode() + "\n")


if __name__ == "__main__":
    main()
