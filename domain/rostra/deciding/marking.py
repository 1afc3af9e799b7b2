"""Decisions about several streams: marking a passage and revising an article."""

from typing import cast

import msgspec

from rostra import article, discussion, ids, passage
from rostra.anchoring.normalise import Folded
from rostra.anchoring.reanchor import Again
from rostra.anchoring.search import Anchored, LastPlace
from rostra.commands import MarkPassage, ReviseArticle
from rostra.deciding.stream_states import DecisionContext, Events
from rostra.deciding.text_work import AnchorPlace, Gone, Placed, PlaceQuote, PrepareText
from rostra.events import CommandContext
from rostra.ids import PassageId, StreamId
from rostra.limits import (
    DAY_SECONDS,
    MARKS_A_DAY_MAX,
    PASSAGES_MAX,
    QUOTE_CHARACTERS_MAX,
    REVISION_EVENTS_RESERVED,
    STREAM_EVENTS_MAX,
    STREAM_EVENTS_RESERVED,
)
from rostra.passage import Passage
from rostra.refusals import Refusal
from rostra.times import later, to_datetime


def revise(command: ReviseArticle, act: CommandContext, context: DecisionContext) -> Events:
    """Return the revision, after its conclusions for the passages.

    So a reader who has the revision has all its conclusions.
    """
    if command.dropped:
        return []
    at = command.article
    present = context.article(at)
    (prepared,) = context.results_of(PrepareText(command.text, command.html))
    revised = article.revise(
        present,
        command,
        act,
        text_hash=prepared.hash,
        characters=len(prepared.text),
        by=prepared.normalisation,
    )
    if not revised:
        return []
    previous = None if present.current is None else present.current.hash
    passages = context.passages(present.passages)
    works = [
        AnchorPlace(command.discussion, prepared.text, previous, each.place) for each in passages
    ]
    concluded: Events = []
    found = context.results_of(*works)
    for stream, each, again in zip(present.passages, passages, found, strict=True):
        concluded += [(stream, event) for event in passage.conclude(each, again, act)]
    return [*concluded, *((at, event) for event in revised)]


def mark(
    command: MarkPassage, act: CommandContext, context: DecisionContext, at: StreamId
) -> Events:
    """Mark a passage.

    A new passage is also placed in the article's text, if it is not where the command says, and
    listed in the article.
    """
    present = context.passage(at)
    around = ids.article_id(command.discussion)
    known = context.article(around)
    if not present.marked:
        article.must_have_room(_marked_now(known, context))
    if present.mark is not None:
        return [(at, event) for event in passage.mark(present, command, act)]
    _must_leave_room(context.state_of(around).version, act)
    placed = _placed(command, known, context)
    if act.person is not None:
        _must_be_few(act, act.person, known, context)
        command = _in_its_own_words(command, act, known, placed)
    marked = passage.mark(present, _where_it_stands(command, placed), act)
    moved: list[passage.PassageMoved | passage.PassageOrphaned] = []
    if placed is not None:
        there = passage.evolve(present, marked[0])
        last = None if there.start is None else LastPlace(there.start)
        moved = passage.conclude(there, Again(placed.outcome, last), act)
    return [
        *((at, event) for event in marked),
        *((at, event) for event in moved),
        *((around, event) for event in article.mark(PassageId(at), act)),
    ]


def _marked_now(known: article.Article, context: DecisionContext) -> int:
    """Count the passages that use a place. Passages are read only if the count matters."""
    listed = len(known.passages)
    if listed < PASSAGES_MAX:
        return listed
    unmarked = [one for one in context.passages(known.passages) if one.mark and not one.marked]
    return listed - len(unmarked)


def _must_be_few(
    act: CommandContext, person: str, known: article.Article, context: DecisionContext
) -> None:
    """Raise too-many-marks if a person has marked too many passages within a day."""
    since = later(act.time, -DAY_SECONDS)
    marks = (one.mark for one in context.passages(known.passages))
    times = sorted(one.time for one in marks if one and one.by == person and one.time > since)
    if len(times) >= MARKS_A_DAY_MAX:
        free = to_datetime(times[-MARKS_A_DAY_MAX]) - to_datetime(since)
        detail = f"a person marks at most {MARKS_A_DAY_MAX} passages of an article within a day"
        raise Refusal("too-many-marks", detail, wait_seconds=free.total_seconds())


def _must_leave_room(version: int, act: CommandContext) -> None:
    """Raise stream-full if the article's stream has no place left for a passage.

    Persons may not use the places of revisions.
    """
    revisions = 0 if act.person is None else REVISION_EVENTS_RESERVED
    if version >= STREAM_EVENTS_MAX - STREAM_EVENTS_RESERVED - revisions:
        raise Refusal("stream-full", "the article has had too many passages")


def _in_its_own_words(
    command: MarkPassage, act: CommandContext, known: article.Article, placed: Placed | None
) -> MarkPassage:
    """Replace the words that a person sent by the article's own words.

    Raises no-article-text and not-in-the-article.
    """
    if placed is None or known.current is None:
        raise Refusal("no-article-text", "the article's text is not here")
    where = placed.outcome
    if not isinstance(where, Anchored) or len(placed.words) > QUOTE_CHARACTERS_MAX:
        raise Refusal("not-in-the-article", "the article does not have these words")
    return msgspec.structs.replace(
        command,
        exact=placed.words,
        prefix=placed.prefix,
        suffix=placed.suffix,
        start=where.start,
        end=where.end,
        question=None,
        revision=known.current.revision,
        by=act.person,
    )


def other_mark(command: MarkPassage, context: DecisionContext, at: StreamId) -> Refusal | None:
    """Compare a marking with the one recorded under the same source and id.

    A person's marking has the article's words, which may differ from those sent. Then the places
    are compared.
    """
    present = context.passage(at)
    refusal = passage.other_content(present, command)
    if refusal is None or present.mark is None or present.mark.by is None:
        return refusal
    if Folded(command.exact).text == Folded(present.mark.exact).text:
        return None
    placed = _placed(command, context.article(ids.article_id(command.discussion)), context)
    return None if placed is not None and _is_there(placed, present) else refusal


def resolve_marked_passage(
    command: MarkPassage, act: CommandContext, context: DecisionContext
) -> MarkPassage:
    """Return a marking of the passage that another person marked at the same stretch before."""
    if act.person is None or context.passage(command.target).mark is not None:
        return command
    discussion.check(context.discussion(command.discussion), command)
    known = context.article(ids.article_id(command.discussion))
    placed = _placed(command, known, context)
    for stream, other in zip(known.passages, context.passages(known.passages), strict=True):
        mine = other.marked or (other.mark is not None and other.mark.key is None)
        if mine and _same_stretch(command, placed, other):
            assert other.mark is not None
            return msgspec.structs.replace(command, passage_id=stream, exact=other.mark.exact)
    return command


def _same_stretch(command: MarkPassage, placed: Placed | None, other: Passage) -> bool:
    """Compare by place if the text is known, else by the words and their context."""
    assert other.mark is not None
    if placed is not None and isinstance(placed.outcome, Anchored):
        return _is_there(placed, other)
    if command.exact != other.mark.exact:
        return False
    if command.start is not None and other.mark.start is not None:
        return (command.start, command.end) == (other.mark.start, other.mark.end)
    around = (command.prefix or "", command.suffix or "")
    return around == (other.mark.prefix or "", other.mark.suffix or "")


def _is_there(placed: Placed, other: Passage) -> bool:
    where = placed.outcome
    return isinstance(where, Anchored) and (where.start, where.end) == (other.start, other.end)


def _placed(
    command: MarkPassage, known: article.Article, context: DecisionContext
) -> Placed | None:
    """Find the quote in the article's text; None if there is no text."""
    if known.current is None:
        return None
    quote = passage.quote_of(command)
    work = PlaceQuote(command.discussion, known.current.hash, quote, command.start, command.end)
    (found,) = context.results_of(work)
    return None if isinstance(found, Gone) else cast(Placed, found)


def _where_it_stands(command: MarkPassage, placed: Placed | None) -> MarkPassage:
    """Return the command with the place that was found, and its context if none was given."""
    if placed is None or not isinstance(placed.outcome, Anchored):
        return command
    where = placed.outcome
    return msgspec.structs.replace(
        command,
        start=where.start,
        end=where.end,
        prefix=placed.prefix if command.prefix is None else command.prefix,
        suffix=placed.suffix if command.suffix is None else command.suffix,
    )
