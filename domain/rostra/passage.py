"""A passage: a marked stretch of the article's text that invites feedback."""

import msgspec

from rostra.anchoring.reanchor import Again, Place, State, state
from rostra.anchoring.search import LastPlace, Orphaned, Quote
from rostra.commands import ClosePassage, MarkPassage, OnPassage, ReopenPassage, UnmarkPassage
from rostra.events import PERSONS, CommandContext, Event
from rostra.refusals import Refusal, id_collision, unknown
from rostra.times import LONG_AGO, Time

# -- events


class PassageMarked(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Mark, new mark or new question of a passage. The event carries all fields.

    `exact`, `prefix`, `suffix` are a TextQuoteSelector, `start` and `end` a
    TextPositionSelector (Unicode code points) of the W3C Web Annotation model. If a person marked
    the passage, `key` is None, `by` is that person, and the words and their context are quoted from
    `revision`. Older rows have neither `by` nor `revision`.
    """

    topic = "passage.marked"
    key: str | None = None
    exact: str
    prefix: str | None = None
    suffix: str | None = None
    start: int | None = None
    end: int | None = None
    question: str | None = None
    revision: str | None = None
    by: str | None = None


class PassageClosed(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """End of a passage for new comments."""

    topic = "passage.closed"
    by: str | None = None


class PassageReopened(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Reopening of a passage for new comments."""

    topic = "passage.reopened"
    by: str | None = None


class PassageUnmarked(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Removal of a passage's mark. Its comments stay."""

    topic = "passage.unmarked"
    by: str | None = None


class PassageMoved(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A passage was found at another place in the article's text, or found again.

    `score` is that of the match (`rostra.anchoring.search`).
    """

    topic = "passage.moved"
    start: int
    end: int
    score: float
    state: State


class PassageOrphaned(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Loss of a passage: the article's new revision lacks its words.

    `start`, `prefix` and `suffix` are its last place and the words around that place, as far as
    known. The search in the next revision uses them.
    """

    topic = "passage.orphaned"
    start: int | None = None
    prefix: str | None = None
    suffix: str | None = None


PassageEvent = (
    PassageMarked
    | PassageClosed
    | PassageReopened
    | PassageUnmarked
    | PassageMoved
    | PassageOrphaned
)

# -- state


class Passage(msgspec.Struct, frozen=True):
    """State of a passage."""

    mark: PassageMarked | None = None
    """None before the first event."""
    open: bool = True
    turned: Time = LONG_AGO
    """Time of the latest closing or reopening."""
    marked: bool = False
    shown: Time = LONG_AGO
    """Time of the latest marking or unmarking."""
    state: State = "anchored"
    start: int | None = None
    end: int | None = None
    marked_at: int | None = None
    """Offset where the passage was marked or first found."""
    last: LastPlace | None = None
    """Last place of an orphan."""

    @property
    def place(self) -> Place:
        """Place where the search in the article's next revision begins.

        Only for a passage that was marked.
        """
        assert self.mark is not None
        quote = quote_of(self.mark)
        if self.start is not None and self.end is not None:
            return Place(quote, self.start, self.end)
        last = self.last if self.start is None else LastPlace(self.start)
        return Place(quote, last=last)


INITIAL = Passage()


def quote_of(mark: MarkPassage | PassageMarked) -> Quote:
    """Return the words of a passage with the known part of their context."""
    return Quote(mark.exact, mark.prefix or "", mark.suffix or "")


def evolve(passage: Passage, event: PassageEvent) -> Passage:
    """Return the passage after the event."""
    replace = msgspec.structs.replace
    match event:
        case PassageMarked():
            marked = replace(passage, mark=event, marked=True, shown=event.time)
            if passage.mark is not None:
                return marked
            return replace(marked, start=event.start, end=event.end, marked_at=event.start)
        case PassageClosed():
            return replace(passage, open=False, turned=event.time)
        case PassageReopened():
            return replace(passage, open=True, turned=event.time)
        case PassageUnmarked():
            return replace(passage, marked=False, shown=event.time)
        case PassageMoved():
            first = event.start if passage.marked_at is None else passage.marked_at
            return replace(
                passage, state=event.state, start=event.start, end=event.end, marked_at=first
            )
        case PassageOrphaned():
            last = None
            if event.start is not None:
                last = LastPlace(event.start, event.prefix, event.suffix)
            return replace(passage, state="orphaned", start=None, end=None, last=last)


# -- decisions


def mark(passage: Passage, command: MarkPassage, act: CommandContext) -> list[PassageMarked]:
    """Mark a passage, or mark it again with another question.

    Only a publisher may mark an unmarked passage again. Raises passage-unmarked.
    """
    if passage.mark is None:
        if command.passage is None and act.source != PERSONS:
            raise unknown("passage", command.passage_id)
        return [_marked(command, act, question=command.question)]
    check_same(passage, command)
    if act.person is not None and not passage.marked:
        raise Refusal("passage-unmarked", "the passage was unmarked")
    question = passage.mark.question if command.question is None else command.question
    current = passage.marked and question == passage.mark.question
    if current or act.time < passage.shown:
        return []
    return [msgspec.structs.replace(passage.mark, time=act.time, question=question)]


def _marked(command: MarkPassage, act: CommandContext, *, question: str | None) -> PassageMarked:
    return PassageMarked(
        time=act.time,
        key=command.passage,
        exact=command.exact,
        prefix=command.prefix,
        suffix=command.suffix,
        start=command.start,
        end=command.end,
        question=question,
        revision=command.revision,
        by=command.by,
    )


def check_same(passage: Passage, command: MarkPassage) -> None:
    """Raise different-content if the passage was marked with other words."""
    if (refusal := other_content(passage, command)) is not None:
        raise refusal


def other_content(passage: Passage, command: MarkPassage) -> Refusal | None:
    """Say why the command is about another passage; None where it is about this one."""
    mark = passage.mark
    if mark is None:
        return None
    if command.passage not in (None, mark.key):
        return id_collision(str(command.passage), str(mark.key))
    if mark.exact != command.exact:
        detail = f"the passage {mark.key!r} was marked with other words"
        return Refusal("different-content", detail)
    return None


def check(passage: Passage, command: OnPassage) -> None:
    """Raise unknown-passage, or id-collision if the stream belongs to another passage."""
    if passage.mark is None:
        raise unknown("passage", command.passage or command.passage_id)
    if command.passage not in (None, passage.mark.key):
        raise id_collision(str(command.passage), str(passage.mark.key))


def close(passage: Passage, command: ClosePassage, act: CommandContext) -> list[PassageClosed]:
    """Close a passage. The latest time wins. A closed passage does not change."""
    check(passage, command)
    if not passage.open or act.time < passage.turned:
        return []
    return [PassageClosed(time=act.time, by=command.by)]


def reopen(passage: Passage, command: ReopenPassage, act: CommandContext) -> list[PassageReopened]:
    """Reopen a passage. The latest time wins. An open passage does not change."""
    check(passage, command)
    if passage.open or act.time < passage.turned:
        return []
    return [PassageReopened(time=act.time, by=command.by)]


def unmark(passage: Passage, command: UnmarkPassage, act: CommandContext) -> list[PassageUnmarked]:
    """Unmark a passage. The latest time wins. An unmarked passage does not change."""
    check(passage, command)
    if not passage.marked or act.time < passage.shown:
        return []
    return [PassageUnmarked(time=act.time, by=command.by)]


def conclude(
    passage: Passage, again: Again, act: CommandContext
) -> list[PassageMoved | PassageOrphaned]:
    """Return the event that records the passage's new place, or none if the place is the same."""
    outcome = again.outcome
    if isinstance(outcome, Orphaned):
        if passage.state == "orphaned":
            return []
        last = again.last or LastPlace(0)
        start = None if again.last is None else last.start
        return [PassageOrphaned(time=act.time, start=start, prefix=last.prefix, suffix=last.suffix)]
    in_place = again.in_place and passage.state == "anchored"
    found = state(outcome, passage.marked_at, in_place=in_place)
    if (found, outcome.start, outcome.end) == (passage.state, passage.start, passage.end):
        return []
    return [
        PassageMoved(
            time=act.time,
            start=outcome.start,
            end=outcome.end,
            score=outcome.score,
            state=found,
        )
    ]


def must_accept_comments(passage: Passage) -> None:
    """Raise unknown-passage if the passage is not marked, passage-closed if it is closed."""
    if passage.mark is None or not passage.marked:
        raise unknown("passage", "of that name" if passage.mark is None else passage.mark.key)
    if not passage.open:
        raise Refusal("passage-closed", f"the passage {passage.mark.key!r} is closed")
