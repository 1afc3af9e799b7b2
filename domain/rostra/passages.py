"""What marking a passage and revising an article mean: decisions that look at several streams."""

from typing import cast

import msgspec

from rostra import article, discussion, ids, passage
from rostra.anchoring import Anchored, Standing
from rostra.article_work import AnchorPlace, Gone, Placed, PlaceQuote, PrepareText
from rostra.codec import AnyEvent
from rostra.commands import MarkPassage, ReviseArticle
from rostra.events import Act
from rostra.ids import PassageId, StreamId
from rostra.passage import Passage
from rostra.revising import Again
from rostra.world import Reading

Decided = list[tuple[StreamId, AnyEvent]]


def revise(command: ReviseArticle, act: Act, reading: Reading) -> Decided:
    """The revision, after all that it means for the passages: who has read up to the revision
    has read them all."""
    if command.dropped:
        return []
    at = command.article
    standing = reading.article(at)
    (prepared,) = reading.worked(PrepareText(command.text, command.html))
    revised = article.revise(
        standing,
        command,
        act,
        text_hash=prepared.hash,
        characters=len(prepared.text),
        by=prepared.normalisation,
    )
    if not revised:
        return []
    previous = None if standing.current is None else standing.current.hash
    passages = reading.passages(standing.passages)
    works = [
        AnchorPlace(command.discussion, prepared.text, previous, each.place) for each in passages
    ]
    concluded: Decided = []
    found = reading.worked(*works)
    for stream, each, again in zip(standing.passages, passages, found, strict=True):
        concluded += [(stream, event) for event in passage.conclude(each, again, act)]
    return [*concluded, *((at, event) for event in revised)]


def mark(command: MarkPassage, act: Act, reading: Reading, at: StreamId) -> Decided:
    """The marking; of a new passage, also where it stands in the article's text, if not where
    it is said to, and that the article has it."""
    standing = reading.passage(at)
    if standing.mark is not None:
        return [(at, event) for event in passage.mark(standing, command, act)]
    around = ids.article_id(command.discussion)
    known = reading.article(around)
    placed = _placed(command, known, reading)
    marked = passage.mark(standing, _where_it_stands(command, placed), act)
    moved: list[passage.PassageMoved | passage.PassageOrphaned] = []
    if placed is not None:
        there = passage.evolve(standing, marked[0])
        last = None if there.start is None else Standing(there.start)
        moved = passage.conclude(there, Again(placed.outcome, last), act)
    return [
        *((at, event) for event in marked),
        *((at, event) for event in moved),
        *((around, event) for event in article.mark(known, PassageId(at), act)),
    ]


def settled(command: MarkPassage, act: Act, reading: Reading) -> MarkPassage:
    """A stretch that a person marks, and that somebody has marked before, is that passage."""
    if act.person is None or reading.passage(command.target).mark is not None:
        return command
    discussion.check(reading.discussion(command.discussion), command)
    known = reading.article(ids.article_id(command.discussion))
    placed = _placed(command, known, reading)
    for stream, other in zip(known.passages, reading.passages(known.passages), strict=True):
        mine = other.marked or (other.mark is not None and other.mark.key is None)
        if mine and _same_stretch(command, placed, other):
            assert other.mark is not None
            return msgspec.structs.replace(command, passage_id=stream, exact=other.mark.exact)
    return command


def _same_stretch(command: MarkPassage, placed: Placed | None, other: Passage) -> bool:
    """Where the text is known, by place; else by the words and their context."""
    assert other.mark is not None
    if placed is not None and isinstance(placed.outcome, Anchored):
        return (other.start, other.end) == (placed.outcome.start, placed.outcome.end)
    if command.exact != other.mark.exact:
        return False
    if command.start is not None and other.mark.start is not None:
        return (command.start, command.end) == (other.mark.start, other.mark.end)
    around = (command.prefix or "", command.suffix or "")
    return around == (other.mark.prefix or "", other.mark.suffix or "")


def _placed(command: MarkPassage, known: article.Article, reading: Reading) -> Placed | None:
    """Where the article's text has the quote, None where there is no text to look in."""
    if known.current is None:
        return None
    quote = passage.quote_of(command)
    work = PlaceQuote(command.discussion, known.current.hash, quote, command.start, command.end)
    (found,) = reading.worked(work)
    return None if isinstance(found, Gone) else cast(Placed, found)


def _where_it_stands(command: MarkPassage, placed: Placed | None) -> MarkPassage:
    """With the place where its words are, and the context there where none was given."""
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
