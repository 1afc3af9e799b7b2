"""An article: the revisions of the text that a discussion is about, and its passages.

An article has a stream beside its discussion's. Marking a passage writes to this stream too. So if
a revision and a marking happen at the same time, the later one is decided again.
"""

import msgspec

from rostra.commands import ReviseArticle
from rostra.events import CommandContext, Event
from rostra.ids import PassageId
from rostra.limits import PASSAGES_MAX
from rostra.refusals import Refusal

# -- events


class ArticleRevised(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """New revision of an article. Its text is stored apart and may be dropped.

    - `hash`: SHA-256 of the text in UTF-8, in hex.
    - `characters`: number of code points.
    - `normalisation`: version of the rules that made the text (`rostra.article_text`).
    """

    topic = "article.revised"
    revision: str
    hash: str
    characters: int
    normalisation: int


class ArticleMarked(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A passage was marked in it for the first time; revisions anchor it from now on."""

    topic = "article.marked"
    passage: PassageId


ArticleEvent = ArticleRevised | ArticleMarked

# -- state


class Article(msgspec.Struct, frozen=True):
    """State of an article.

    `revisions` are in the order of the log; passages refer to the text of the last one.
    """

    revisions: tuple[ArticleRevised, ...] = ()
    passages: tuple[PassageId, ...] = ()

    @property
    def current(self) -> ArticleRevised | None:
        return self.revisions[-1] if self.revisions else None


INITIAL = Article()


def evolve(article: Article, event: ArticleEvent) -> Article:
    """Return the article after the event."""
    match event:
        case ArticleRevised():
            return msgspec.structs.replace(article, revisions=(*article.revisions, event))
        case ArticleMarked():
            return msgspec.structs.replace(article, passages=(*article.passages, event.passage))


# -- decisions


def revise(
    article: Article,
    command: ReviseArticle,
    act: CommandContext,
    *,
    text_hash: str,
    characters: int,
    by: int,
) -> list[ArticleRevised]:
    """Record a revision. The revision with the latest time is current.

    Returns nothing if the current revision has the same text. An earlier revision may become
    current again. `by` is the version of the normalisation. Raises different-content if a revision
    with this name has another text.
    """
    named = [one for one in article.revisions if one.revision == command.revision]
    if named and named[-1].hash != text_hash:
        detail = f"the revision {command.revision!r} has another text"
        raise Refusal("different-content", detail)
    current = article.current
    if current is not None and (act.time < current.time or current.revision == command.revision):
        return []
    return [
        ArticleRevised(
            time=act.time,
            revision=command.revision,
            hash=text_hash,
            characters=characters,
            normalisation=by,
        )
    ]


def must_have_room(marked: int) -> None:
    """Raise too-many-passages if the article has the highest number of passages."""
    if marked >= PASSAGES_MAX:
        raise Refusal("too-many-passages", f"the article has {PASSAGES_MAX} passages already")


def mark(passage: PassageId, act: CommandContext) -> list[ArticleMarked]:
    """List a passage in the article. Its own stream says that it was never marked before.

    Searching the article's thousands of passages for it would hold up a batch of markings.
    """
    return [ArticleMarked(time=act.time, passage=passage)]
