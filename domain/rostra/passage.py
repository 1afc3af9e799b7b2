"""A passage: a marked stretch of the article's text that invites feedback."""

import msgspec

from rostra.commands import ClosePassage, MarkPassage, OnPassage, ReopenPassage, UnmarkPassage
from rostra.events import PERSONS, Act, Event
from rostra.refusals import Refusal, id_collision, unknown
from rostra.times import LONG_AGO, Time

# -- events


class PassageMarked(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Marked, marked again, or its question reworded: always whole.

    `exact`, `prefix`, `suffix` are a TextQuoteSelector, `start` and `end` a
    TextPositionSelector (Unicode code points) of the W3C Web Annotation model. `key` is
    None where a person marked it.
    """

    topic = "passage.marked"
    key: str | None = None
    exact: str
    prefix: str | None = None
    suffix: str | None = None
    start: int | None = None
    end: int | None = None
    question: str | None = None


class PassageClosed(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """No more comments are made on it."""

    topic = "passage.closed"
    by: str | None = None


class PassageReopened(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Comments may be made on it again."""

    topic = "passage.reopened"
    by: str | None = None


class PassageUnmarked(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """It is shown no more; its comments stay."""

    topic = "passage.unmarked"
    by: str | None = None


PassageEvent = PassageMarked | PassageClosed | PassageReopened | PassageUnmarked

# -- state


class Passage(msgspec.Struct, frozen=True):
    """`mark` is None before the first event. `turned` is the time of the closing or
    reopening that stands, `shown` that of the marking or unmarking."""

    mark: PassageMarked | None = None
    open: bool = True
    turned: Time = LONG_AGO
    marked: bool = False
    shown: Time = LONG_AGO


INITIAL = Passage()


def evolve(passage: Passage, event: PassageEvent) -> Passage:
    """The passage after the event."""
    replace = msgspec.structs.replace
    match event:
        case PassageMarked():
            return replace(passage, mark=event, marked=True, shown=event.time)
        case PassageClosed():
            return replace(passage, open=False, turned=event.time)
        case PassageReopened():
            return replace(passage, open=True, turned=event.time)
        case PassageUnmarked():
            return replace(passage, marked=False, shown=event.time)


# -- decisions


def mark(passage: Passage, command: MarkPassage, act: Act) -> list[PassageMarked]:
    """Marked again with the same words: marks it anew and rewords its question."""
    if passage.mark is None:
        if command.passage is None and act.source != PERSONS:
            raise unknown("passage", command.passage_id)
        return [_marked(command, act, question=command.question)]
    check_same(passage, command)
    question = passage.mark.question if command.question is None else command.question
    standing = passage.marked and question == passage.mark.question
    if standing or act.time < passage.shown:
        return []
    return [msgspec.structs.replace(passage.mark, time=act.time, question=question)]


def _marked(command: MarkPassage, act: Act, *, question: str | None) -> PassageMarked:
    return PassageMarked(
        time=act.time,
        key=command.passage,
        exact=command.exact,
        prefix=command.prefix,
        suffix=command.suffix,
        start=command.start,
        end=command.end,
        question=question,
    )


def check_same(passage: Passage, command: MarkPassage) -> None:
    """Raises different-content where the same passage was marked with other words."""
    mark = passage.mark
    if mark is None:
        return
    if command.passage not in (None, mark.key):
        raise id_collision(str(command.passage), str(mark.key))
    if mark.exact != command.exact:
        detail = f"the passage {mark.key!r} was marked with other words"
        raise Refusal("different-content", detail)


def check(passage: Passage, command: OnPassage) -> None:
    """Raises unknown-passage, or id-collision where the stream is another's."""
    if passage.mark is None:
        raise unknown("passage", command.passage or command.passage_id)
    if command.passage not in (None, passage.mark.key):
        raise id_collision(str(command.passage), str(passage.mark.key))


def close(passage: Passage, command: ClosePassage, act: Act) -> list[PassageClosed]:
    """The latest time wins; closing what is closed changes nothing."""
    check(passage, command)
    if not passage.open or act.time < passage.turned:
        return []
    return [PassageClosed(time=act.time, by=command.by)]


def reopen(passage: Passage, command: ReopenPassage, act: Act) -> list[PassageReopened]:
    """The latest time wins; reopening what is open changes nothing."""
    check(passage, command)
    if passage.open or act.time < passage.turned:
        return []
    return [PassageReopened(time=act.time, by=command.by)]


def unmark(passage: Passage, command: UnmarkPassage, act: Act) -> list[PassageUnmarked]:
    """The latest time wins; unmarking what is not marked changes nothing."""
    check(passage, command)
    if not passage.marked or act.time < passage.shown:
        return []
    return [PassageUnmarked(time=act.time, by=command.by)]


def must_take_comments(passage: Passage) -> None:
    """Raises unknown-passage where it is not marked, passage-closed where it is closed."""
    if passage.mark is None or not passage.marked:
        raise unknown("passage", "of that name" if passage.mark is None else passage.mark.key)
    if not passage.open:
        raise Refusal("passage-closed", f"the passage {passage.mark.key!r} is closed")
