"""Problems (RFC 9457): what goes wrong, under stable names, each with a page of its own."""

from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from rostra.refusals import Refusal
from rostra.wire.cloudevents import Fault, Malformed

MEDIA_TYPE = "application/problem+json"


class ProblemType(msgspec.Struct, frozen=True):
    """A name's HTTP status, its title, and what its page says besides."""

    status: int
    title: str
    meaning: str = ""


KINDS: dict[str, ProblemType] = {
    "not-json": ProblemType(
        400, "Not JSON", "The body must be JSON in UTF-8, nested at most 100 deep."
    ),
    "bad-query": ProblemType(400, "A query parameter does not fit"),
    "bad-request": ProblemType(400, "Not a request that can be read"),
    "bad-cursor": ProblemType(
        400,
        "Not a cursor of this list",
        "A cursor comes from `next` or `next_children`, and goes back with the same parameters.",
    ),
    "unauthorized": ProblemType(
        401, "A token is needed", "Send `Authorization: Bearer <token>` with a token that is valid."
    ),
    "forbidden": ProblemType(
        403, "The token does not allow this", "Its scope or its site is another."
    ),
    "no-guests": ProblemType(403, "No guests here", "The site's setting `guests` says so."),
    "not-yours": ProblemType(403, "Not yours", "Only its author, or a moderator, may do this."),
    "origin-not-allowed": ProblemType(
        403, "Another origin", "The site names the origins that may."
    ),
    "not-found": ProblemType(
        404, "Not here", "Or not for you: what is private is not told from nothing."
    ),
    "method-not-allowed": ProblemType(
        405, "Another method is needed", "`Allow` names those there are."
    ),
    "comment-exists": ProblemType(
        409, "The key is taken", "Another event posted the same comment."
    ),
    "different-content": ProblemType(
        409, "The key is taken", "What stands under it says something else."
    ),
    "cursor-too-old": ProblemType(410, "The cursor is too old", "Begin again with the first page."),
    "request-timeout": ProblemType(408, "Request timeout", "Headers or a body came too slowly."),
    "log-changed": ProblemType(
        410, "Of another log", "The history was restored or replaced. Begin again."
    ),
    "position-ahead": ProblemType(
        410, "Position beyond the end of the log", "The log may have lost its tail. Begin again."
    ),
    "precondition-failed": ProblemType(
        412, "It has changed", "Read it again: `If-Match` names another."
    ),
    "too-large": ProblemType(413, "Too large"),
    "uri-too-long": ProblemType(
        414, "URI too long", "The service's settings say how long one may be."
    ),
    "unsupported-media-type": ProblemType(415, "Another media type is needed"),
    "expectation-failed": ProblemType(
        417, "Not what can be expected", "`Expect: 100-continue` can."
    ),
    "invalid-body": ProblemType(422, "The body does not fit", "`errors` says where."),
    "invalid-event": ProblemType(422, "The event does not fit its type", "`errors` says where."),
    "not-an-array": ProblemType(422, "Not an array", "A batch is a JSON array of CloudEvents."),
    "unknown-type": ProblemType(422, "Unknown type of event"),
    "time-ahead": ProblemType(422, "A time in the future", "`time` says when something happened."),
    "unknown-discussion": ProblemType(422, "Unknown discussion", "`discussion.opened` opens one."),
    "unknown-comment": ProblemType(422, "Unknown comment"),
    "unknown-parent": ProblemType(
        422, "Unknown parent", "A reply's parent is in the same discussion."
    ),
    "unknown-passage": ProblemType(422, "Unknown passage"),
    "unknown-vote": ProblemType(422, "Unknown vote"),
    "person-erased": ProblemType(
        422, "The person was erased", "`person.returned` lets them in again."
    ),
    "comment-erased": ProblemType(422, "The comment was erased", "There are no words to edit."),
    "ids-disagree": ProblemType(
        422, "Key and id disagree", "Give one of them, or both of one thing."
    ),
    "id-collision": ProblemType(422, "Two names with one id"),
    "other-passage": ProblemType(
        422, "Another passage", "A reply is on the passage of its thread."
    ),
    "not-at-the-top": ProblemType(422, "Not a top-level comment"),
    "name-reserved": ProblemType(
        422, "The name is reserved", "The site's `reserved_names` say so."
    ),
    "id-reserved": ProblemType(
        422, "The id is reserved", "Ids that begin with `rostra:` or `guest:` are Rostra's own."
    ),
    "name-taken": ProblemType(409, "The name is taken", "Another discussion has it."),
    "moved-to-itself": ProblemType(422, "A move that leads back to where it began"),
    "discussion-closed": ProblemType(422, "The discussion is closed", "Votes still count."),
    "passage-closed": ProblemType(422, "The passage is closed"),
    "comment-removed": ProblemType(422, "The comment was removed"),
    "comment-deleted": ProblemType(
        422, "Deleted by its author", "Moderators restore what moderators removed."
    ),
    "unknown-wording": ProblemType(
        422, "Unknown wording", "`wording` names an edit of this comment."
    ),
    "parent-not-published": ProblemType(422, "What this answers is removed or held"),
    "edit-too-late": ProblemType(422, "Too late to edit", "The settings say for how long one may."),
    "not-opened-by-readers": ProblemType(
        422, "Not opened by readers", "Unless `open_on_first` is set."
    ),
    "self-vote": ProblemType(422, "One's own comment", "Unless the settings say `self_votes`."),
    "guest-votes-off": ProblemType(422, "Guests do not vote here"),
    "address-voted": ProblemType(
        422, "This address has voted", "The site takes one guest's vote an address."
    ),
    "voting-off": ProblemType(422, "No votes here"),
    "voting-up-only": ProblemType(422, "No votes against here"),
    "html-too-deep": ProblemType(422, "HTML nested too deep"),
    "article-too-hard": ProblemType(
        422, "The article takes too long", "Nothing of it was recorded."
    ),
    "not-marked-by-readers": ProblemType(
        422, "Not marked by readers", "The setting `marking` says so."
    ),
    "no-article-text": ProblemType(
        422, "The article's text is not here", "`article.revised` gives it; then persons may mark."
    ),
    "not-in-the-article": ProblemType(
        422, "Not in the article", "Its text does not have these words."
    ),
    "passage-unmarked": ProblemType(
        422, "The passage was unmarked", "A publisher may mark it again."
    ),
    "too-many-marks": ProblemType(
        429, "Too many passages marked", "Come back after `Retry-After` seconds."
    ),
    "too-many-passages": ProblemType(422, "The article has too many passages"),
    "too-much-to-fold": ProblemType(
        422,
        "Too many events to go back",
        "Read it as it stands, or at an earlier position.",
    ),
    "stream-full": ProblemType(
        422, "Too many events about one thing", "The last places are for moderation and erasure."
    ),
    "stream-unreadable": ProblemType(
        422, "What was recorded cannot be read", "`rostra verify` names the event."
    ),
    "too-many-edits": ProblemType(422, "The comment was edited too often", "Moderators still may."),
    "too-many-changes": ProblemType(422, "The vote was changed too often", "It stands as it is."),
    "headers-too-large": ProblemType(
        431, "Request headers too large", "Of one header, or of all of them together."
    ),
    "too-many-streams": ProblemType(
        429, "Too many live streams", "Of one address. Read the discussion again from time to time."
    ),
    "too-many-requests": ProblemType(
        429, "Too many requests", "Come back after `Retry-After` seconds."
    ),
    "internal-error": ProblemType(
        500, "Something broke here", "It was logged. Nothing to do with you."
    ),
    "too-many-connections": ProblemType(503, "Too many connections", "In all, or of one address."),
    "busy": ProblemType(503, "Busy", "Try again after `Retry-After` seconds."),
    "database-unavailable": ProblemType(
        503, "The database is away", "What was sent may be recorded."
    ),
    "view-behind": ProblemType(
        503, "The view has not read that far", "Or the log has not got there."
    ),
    "not-ready": ProblemType(503, "Not ready"),
}

REFUSED = ProblemType(422, "Refused")


class ProblemShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`application/problem+json`."""

    type: str
    title: str
    status: int | UnsetType = UNSET
    detail: str | None = None
    retryable: bool | UnsetType = UNSET
    errors: Sequence[Fault] = ()


class Problem(Exception):
    """An answer that is a problem; raised anywhere below the middleware."""

    def __init__(
        self,
        name: str,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Fault] = (),
        retryable: bool | UnsetType = UNSET,
    ) -> None:
        super().__init__(name, detail)
        self.name = name
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors
        self.retryable = retryable

    @property
    def kind(self) -> ProblemType:
        return KINDS.get(self.name, REFUSED)

    def shape(self) -> ProblemShape:
        """As a body of its own; within a batch's results without its status."""
        return ProblemShape(
            type=f"/problems/{self.name}",
            title=self.kind.title,
            status=self.kind.status,
            detail=self.detail,
            retryable=self.retryable,
            errors=self.errors,
        )


def not_found() -> Problem:
    """Return the one answer for what is unknown and for what is private: it tells neither."""
    return Problem("not-found", "there is nothing under this name")


def refused(refusal: Refusal, *, retry_after_seconds: int) -> Problem:
    """A refusal of the domain as an answer."""
    later = KINDS.get(refusal.name, REFUSED).status in (429, 503)
    seconds = refusal.wait_seconds or retry_after_seconds
    return Problem(
        refusal.name,
        refusal.detail,
        headers=retry_after(seconds) if later else None,
        errors=refusal.faults if isinstance(refusal, Malformed) else (),
        retryable=refusal.retryable,
    )


def retry_after(seconds: float) -> dict[str, str]:
    """Whole seconds, at least one."""
    return {"Retry-After": str(max(1, round(seconds)))}


def response(problem: Problem) -> web.Response:
    """The problem as an answer of its own."""
    return web.Response(
        status=problem.kind.status,
        body=msgspec.json.encode(problem.shape()),
        headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", **problem.headers},
    )
