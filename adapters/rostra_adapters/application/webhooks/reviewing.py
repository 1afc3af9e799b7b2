"""Review of comments by a service: words that wait are sent to it, and its answer is recorded."""

import logging
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import msgspec

from rostra import codec, ids
from rostra.codec import AnyEvent
from rostra.commands import ApproveComment, RejectComment
from rostra.comment import (
    REVIEW,
    Comment,
    CommentEdited,
    CommentPosted,
    CommentWordingHeld,
)
from rostra.deciding.handle import Commanded
from rostra.events import CommandContext, WordingRef, Words
from rostra.limits import REASON_CHARACTERS_MAX
from rostra.log import Recorded
from rostra.times import Time
from rostra_adapters.application.access import Access
from rostra_adapters.application.app import App
from rostra_adapters.application.queries.history import comment_of
from rostra_adapters.application.stream_state_reader import decode_row
from rostra_adapters.application.webhooks.transport import Answer
from rostra_adapters.clock import now

REVIEWER = "rostra:review"
"""Person and source of the decisions of a service."""
REVIEW_TYPE = "comment.review"
DECIDE_ATTEMPTS_MAX = 5

_logger = logging.getLogger(__name__)


class AnswerMalformed(Exception):
    """The service answers something else than a decision. The words stay held."""


class ReviewAnswer(msgspec.Struct, frozen=True):
    """Answer of a review service. Other fields are ignored."""

    decision: Literal["publish", "hold", "reject"]
    reason: str | None = None


class ReviewedAuthor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Author of words that are reviewed."""

    id: str
    name: str | None = None
    guest: bool = False


class ReviewData(msgspec.Struct, frozen=True, kw_only=True):
    """Words that a service is to decide on."""

    site: str
    resource: str
    discussion: UUID
    comment: UUID
    key: str | None
    parent: UUID | None
    wording: WordingRef
    """The event that gave the comment these words."""
    author: ReviewedAuthor
    body: str
    posted_at: Time
    is_edit: bool


class ReviewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of a request to a review service."""

    type: str = REVIEW_TYPE
    timestamp: Time
    data: ReviewData


class Waiting(msgspec.Struct, frozen=True):
    """Words that wait for a review, as the log has them now."""

    access: Access
    rows: Sequence[Recorded]
    row: Recorded
    """The event that holds the words."""


def may_wait(row: Recorded) -> bool:
    """Return whether an event may hold words that wait for a review."""
    if row.topic not in (CommentPosted.topic, CommentEdited.topic, CommentWordingHeld.topic):
        return False
    event = decode_row(row)
    if isinstance(event, CommentEdited):
        return event.status == "held"
    return isinstance(event, CommentPosted | CommentWordingHeld) and event.rule == REVIEW


class Reviewer:
    """Writes requests to review services, and records their decisions.

    A decision counts only while the words that were sent still wait for it.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def find(self, row: Recorded) -> Waiting | None:
        """Return the words of an event; None if they do not wait, or no service reviews them."""
        access = await self._app.lookup.current_access(ids.discussion_of(row.stream))
        if access is None or not access.rules.review.url:
            return None
        rows = (await self._app.log.read_streams([row.stream]))[row.stream]
        if waiting_version(comment_of(rows)) != row.version:
            return None
        return Waiting(access, rows, row)

    async def request(self, waiting: Waiting, time: Time) -> bytes | None:
        """Return the body of the request about words; None if they are erased."""
        posted, event = decode_row(waiting.rows[0]), decode_row(waiting.row)
        if not isinstance(posted, CommentPosted) or event is None or waiting.row.metadata is None:
            return None
        await self._app.ring.load([ids.person_id(waiting.access.site, posted.author)])
        first = self._words(waiting.rows[0], posted, waiting.access.site)
        words = self._words(waiting.row, event, waiting.access.site)
        if words is None or words.body is None:
            return None
        author = ReviewedAuthor(
            id=posted.author,
            name=None if first is None else first.name,
            guest=posted.author.startswith("guest:"),
        )
        data = ReviewData(
            site=waiting.access.site,
            resource=waiting.access.resource,
            discussion=ids.discussion_of(waiting.row.stream),
            comment=waiting.row.stream,
            key=posted.key,
            parent=posted.parent,
            wording=_wording(waiting.row.metadata),
            author=author,
            body=words.body,
            posted_at=posted.time,
            is_edit=waiting.row.version > 1,
        )
        return msgspec.json.encode(ReviewRequest(timestamp=time, data=data))

    def _words(self, row: Recorded, event: AnyEvent, site: str) -> Words | None:
        sealed = codec.sealed_words(event)
        owner, place = codec.words_owner(event, site), (row.stream, row.topic, row.event_id)
        return codec.find_words(sealed, self._app.ring, owner, *place)

    async def decide(self, waiting: Waiting, answer: Answer) -> None:
        """Record a decision, unless the words no longer wait. Raises AnswerMalformed."""
        decided = read_answer(answer)
        found: Waiting | None = waiting
        for _ in range(DECIDE_ATTEMPTS_MAX):
            if decided.decision == "hold" or found is None:
                return
            (outcome,) = await self._app.submit([_command(found, decided)])
            refusal = outcome.refusal
            if refusal is None:
                return
            if refusal.name != "precondition-failed":
                _logger.warning("a review was not recorded: %s", refusal)
                return
            found = await self.find(waiting.row)


def waiting_version(comment: Comment) -> int | None:
    """Return the version of the event with the words that wait for a review; None without any."""
    if comment.removed is not None:
        return None
    if comment.moderated == "held":
        return comment.words_version if comment.rule == REVIEW else None
    pending = comment.pending
    return pending.version if pending is not None and pending.rule == REVIEW else None


def read_answer(answer: Answer) -> ReviewAnswer:
    """Return the decision in an answer. Raises AnswerMalformed."""
    if answer.body is None:
        raise AnswerMalformed("the answer is too long")
    try:
        return msgspec.json.decode(answer.body, type=ReviewAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The text of the error quotes the answer, which may hold words.
        raise AnswerMalformed("the answer is no decision") from None


def _command(waiting: Waiting, answer: ReviewAnswer) -> Commanded:
    """Return the command that decides on words, guarded by the version of their comment."""
    kind = ApproveComment if answer.decision == "publish" else RejectComment
    reason = (answer.reason or "").replace("\0", "").strip()[:REASON_CHARACTERS_MAX] or None
    command = kind(
        site=waiting.access.site,
        resource=waiting.access.resource,
        comment_id=waiting.row.stream,
        by=REVIEWER,
        reason=reason,
        wording=_wording(waiting.row.metadata or ""),
    )
    act = CommandContext(
        source=REVIEWER,
        id=str(waiting.row.event_id),
        time=now(),
        person=REVIEWER,
        moderates=True,
        seen=waiting.rows[-1].version,
    )
    return Commanded(command, act)


class _Named(msgspec.Struct):
    source: str
    id: str


def _wording(metadata: str) -> WordingRef:
    named = msgspec.json.decode(metadata, type=_Named)
    return WordingRef(named.source, named.id)
