"""Problems (RFC 9457) with stable names, each with a page of its own."""

from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from rostra.refusals import Fault, Malformed, Refusal

MEDIA_TYPE = "application/problem+json"


class ProblemType(msgspec.Struct, frozen=True):
    """HTTP status, title and explanation of a problem."""

    status: int
    title: str
    meaning: str = ""


KINDS: dict[str, ProblemType] = {
    "not-json": ProblemType(
        400, "Invalid JSON", "Send JSON in UTF-8, nested at most 100 levels deep."
    ),
    "bad-query": ProblemType(
        400, "Invalid query parameter", "`detail` names the parameter and the values it takes."
    ),
    "bad-request": ProblemType(400, "Bad request", "The request cannot be read as HTTP."),
    "bad-cursor": ProblemType(
        400,
        "Invalid cursor",
        "Send the `next` or `next_children` of the page before, with the same parameters.",
    ),
    "unauthorized": ProblemType(
        401, "Authentication required", "Send `Authorization: Bearer <token>` with a valid token."
    ),
    "forbidden": ProblemType(
        403, "Forbidden", "The token lacks the scope, or is for another site."
    ),
    "no-guests": ProblemType(
        403, "Guests not allowed", "The site's setting `guests` is false. Use a person's token."
    ),
    "not-yours": ProblemType(
        403, "Not the author", "Only the author, or a moderator, may change a comment."
    ),
    "origin-not-allowed": ProblemType(
        403, "Origin not allowed", "Add the page's origin to the site's setting `origins`."
    ),
    "not-found": ProblemType(
        404,
        "Not found",
        "The address leads to no object, or to a private one that the token may not read.",
    ),
    "method-not-allowed": ProblemType(
        405, "Method not allowed", "The header `Allow` lists the methods."
    ),
    "comment-exists": ProblemType(
        409, "Comment exists", "Another event posted a comment with this key."
    ),
    "different-content": ProblemType(
        409,
        "Different content",
        "An event with other content has this id or key. Use a new id for a new event.",
    ),
    "cursor-too-old": ProblemType(410, "Cursor expired", "Start again without a cursor."),
    "request-timeout": ProblemType(
        408, "Request timeout", "The headers or the body came too slowly."
    ),
    "log-changed": ProblemType(
        410,
        "Log replaced",
        "The log was restored, so its positions and cursors have changed. Start again.",
    ),
    "position-ahead": ProblemType(
        410,
        "Position ahead of the log",
        "The log may have lost its last events. Start again from a position that exists.",
    ),
    "precondition-failed": ProblemType(
        412,
        "Precondition failed",
        "It has changed since `If-Match` was read. Read it again, then decide again.",
    ),
    "too-large": ProblemType(413, "Content too large", "`detail` names the limit."),
    "uri-too-long": ProblemType(414, "URI too long", "`detail` names the limit."),
    "unsupported-media-type": ProblemType(
        415, "Unsupported media type", "`detail` names the media types that are accepted."
    ),
    "expectation-failed": ProblemType(
        417, "Expectation failed", "Only `Expect: 100-continue` is supported."
    ),
    "invalid-body": ProblemType(422, "Invalid body", "`errors` lists the fields that do not fit."),
    "invalid-event": ProblemType(
        422, "Invalid event", "`errors` lists the fields that do not fit the event's type."
    ),
    "not-an-array": ProblemType(422, "Not an array", "Send a batch as an array of CloudEvents."),
    "unknown-type": ProblemType(
        422, "Unknown event type", "The reference of events lists the types."
    ),
    "time-ahead": ProblemType(
        422,
        "Time in the future",
        "`time` may be at most five minutes ahead of the service's clock.",
    ),
    "unknown-discussion": ProblemType(
        422, "Unknown discussion", "Publish `discussion.opened` first."
    ),
    "unknown-comment": ProblemType(422, "Unknown comment", "Publish `comment.posted` first."),
    "unknown-parent": ProblemType(
        422, "Unknown parent", "The parent of a reply must be a comment of the same discussion."
    ),
    "unknown-passage": ProblemType(422, "Unknown passage", "Publish `passage.marked` first."),
    "unknown-vote": ProblemType(422, "Unknown vote", "This person has not voted on the comment."),
    "person-erased": ProblemType(
        422, "Person erased", "Publish `person.returned` to let the person write again."
    ),
    "person-banned": ProblemType(
        422,
        "Person banned",
        "A moderator banned the person. `until` is the end of the ban; without it there is none.",
    ),
    "invalid-rule": ProblemType(
        422, "Invalid rule", "`detail` names the rule of the setting `rules`, and the reason."
    ),
    "rejected-by-rule": ProblemType(
        422, "Comment rejected", "A rule of the site does not allow it. `detail` is its message."
    ),
    "comment-erased": ProblemType(
        422, "Comment erased", "Its words were erased, so there is nothing to edit."
    ),
    "ids-disagree": ProblemType(
        422, "Key and id disagree", "Give the key or the id, or both of the same thing."
    ),
    "id-collision": ProblemType(
        422, "Id collision", "Two names have the same id by chance. Choose another name."
    ),
    "other-passage": ProblemType(
        422, "Different passage", "A reply belongs to the passage of its thread."
    ),
    "not-at-the-top": ProblemType(
        422, "Not a top-level comment", "Only top-level comments can be pinned."
    ),
    "name-reserved": ProblemType(
        422, "Name reserved", "The site's setting `reserved_names` keeps this name from guests."
    ),
    "id-reserved": ProblemType(
        422, "Id reserved", "Ids that begin with `rostra:` or `guest:` belong to Rostra."
    ),
    "name-taken": ProblemType(409, "Resource taken", "Another discussion has this resource."),
    "moved-to-itself": ProblemType(
        422, "Moved to itself", "`to` must differ from the discussion's resource."
    ),
    "discussion-closed": ProblemType(
        422, "Discussion closed", "Comments and edits are refused. Votes still count."
    ),
    "passage-closed": ProblemType(422, "Passage closed", "It accepts no more comments."),
    "comment-removed": ProblemType(422, "Comment removed", "A moderator removed it."),
    "comment-deleted": ProblemType(
        422,
        "Comment deleted",
        "Its author deleted it. Moderators restore only what moderators removed.",
    ),
    "unknown-wording": ProblemType(
        422, "Unknown wording", "`wording` must name an edit of this comment."
    ),
    "parent-not-published": ProblemType(
        422, "Parent not published", "The comment that this answers is removed or held."
    ),
    "edit-too-late": ProblemType(
        422, "Edit too late", "The setting `edit_seconds` says how long authors may edit."
    ),
    "not-opened-by-readers": ProblemType(
        422, "Readers may not open discussions", "Set `open_on_first` to let them."
    ),
    "self-vote": ProblemType(
        422, "Vote on own comment", "Set `self_votes` to let authors vote on their comments."
    ),
    "guest-votes-off": ProblemType(
        422, "Guests may not vote", "The site's setting `guest_votes` is `off`."
    ),
    "address-voted": ProblemType(
        422,
        "Address has voted",
        "The site counts one guest's vote an address (setting `guest_votes`).",
    ),
    "voting-off": ProblemType(422, "Voting off", "The setting `voting` is `off`."),
    "voting-up-only": ProblemType(422, "Only upvotes", "The setting `voting` is `up`."),
    "html-too-deep": ProblemType(422, "HTML nested too deeply", "Send simpler HTML, or `text`."),
    "article-too-hard": ProblemType(
        422,
        "Article too costly",
        "Finding its passages took too long. Nothing was recorded.",
    ),
    "not-marked-by-readers": ProblemType(
        422, "Readers may not mark passages", "The setting `marking` is `publisher`."
    ),
    "no-article-text": ProblemType(
        422, "No article text", "Publish `article.revised` first. Then persons may mark passages."
    ),
    "not-in-the-article": ProblemType(
        422, "Passage not found in the article", "The article's text does not have these words."
    ),
    "passage-unmarked": ProblemType(422, "Passage unmarked", "Only a publisher may mark it again."),
    "too-many-marks": ProblemType(
        429, "Too many passages marked", "Try again after `Retry-After` seconds."
    ),
    "too-many-passages": ProblemType(
        422, "Too many passages", "`detail` names the highest number of an article's passages."
    ),
    "too-much-to-fold": ProblemType(
        422,
        "Discussion too long to go back",
        "Read the discussion without `as_of`, or at an earlier position.",
    ),
    "stream-full": ProblemType(
        422,
        "Too many events",
        "The thing has nearly 10,000 events. The last places are for moderation and erasure.",
    ),
    "stream-unreadable": ProblemType(
        422, "Unreadable event in the log", "Run `rostra verify`: it names the event."
    ),
    "too-many-edits": ProblemType(
        422, "Too many edits", "Authors may edit a comment 100 times. Moderators still may."
    ),
    "too-many-changes": ProblemType(
        422,
        "Too many changes",
        "A vote may change 200 times, a person's settings 1,000 times. Nothing was changed.",
    ),
    "unknown-person": ProblemType(
        422, "Unknown person", "Only persons with a shown comment in the discussion are mentioned."
    ),
    "unknown-label": ProblemType(
        422, "Unknown label", "Add the label to the site's setting `labels` first."
    ),
    "name-from-token": ProblemType(
        422,
        "Name comes from the token",
        "Change the name where tokens are made, or set the site's setting `names` to `person`.",
    ),
    "headers-too-large": ProblemType(
        431, "Request header fields too large", "`detail` names the limit."
    ),
    "too-many-streams": ProblemType(
        429,
        "Too many live streams",
        "The address has reached its limit. Close a stream, or poll the discussion instead.",
    ),
    "too-many-requests": ProblemType(
        429, "Rate limit exceeded", "Try again after `Retry-After` seconds."
    ),
    "internal-error": ProblemType(
        500, "Internal server error", "The service logged the error with the request's trace id."
    ),
    "too-many-connections": ProblemType(
        503, "Too many connections", "The service or the address has reached its limit."
    ),
    "busy": ProblemType(503, "Service busy", "Try again after `Retry-After` seconds."),
    "database-unavailable": ProblemType(
        503,
        "Database unavailable",
        "Events that were sent may have been recorded. Send them again with the same ids.",
    ),
    "read-only": ProblemType(
        503,
        "Read-only service",
        "This service reads a standby. `detail` names the service that takes writes.",
    ),
    "view-behind": ProblemType(
        503,
        "View behind",
        "The view has not read up to `min_position`. Try again after `Retry-After` seconds.",
    ),
    "not-ready": ProblemType(
        503, "Not ready", "The database does not answer, or the views are far behind."
    ),
}

REFUSED = ProblemType(422, "Refused")


class ProblemShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`application/problem+json`."""

    type: str
    title: str
    status: int | UnsetType = UNSET
    detail: str | None = None
    retryable: bool | UnsetType = UNSET
    until: str | None = None
    errors: Sequence[Fault] = ()


class Problem(Exception):
    """Problem that a handler raises and the middleware answers."""

    def __init__(
        self,
        name: str,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Fault] = (),
        retryable: bool | UnsetType = UNSET,
        until: str | None = None,
    ) -> None:
        super().__init__(name, detail)
        self.name = name
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors
        self.retryable = retryable
        self.until = until

    @property
    def kind(self) -> ProblemType:
        return KINDS.get(self.name, REFUSED)

    def shape(self) -> ProblemShape:
        """Return the body of an answer; within a batch's results it has no status."""
        return ProblemShape(
            type=f"/problems/{self.name}",
            title=self.kind.title,
            status=self.kind.status,
            detail=self.detail,
            retryable=self.retryable,
            until=self.until,
            errors=self.errors,
        )


def not_found_problem() -> Problem:
    """Return the problem that unknown and private objects share, so that it reveals neither."""
    return Problem("not-found", "no object has this name")


def refusal_problem(refusal: Refusal, *, retry_after_seconds: int) -> Problem:
    """Return the problem that answers a refusal of the domain."""
    later = KINDS.get(refusal.name, REFUSED).status in (429, 503)
    seconds = refusal.wait_seconds or retry_after_seconds
    return Problem(
        refusal.name,
        refusal.detail,
        headers=retry_after(seconds) if later else None,
        errors=refusal.faults if isinstance(refusal, Malformed) else (),
        retryable=refusal.retryable,
        until=refusal.until,
    )


def retry_after(seconds: float) -> dict[str, str]:
    """Return the header `Retry-After` with whole seconds, at least one."""
    return {"Retry-After": str(max(1, round(seconds)))}


def response(problem: Problem) -> web.Response:
    """Return the answer whose body is a problem."""
    return web.Response(
        status=problem.kind.status,
        body=msgspec.json.encode(problem.shape()),
        headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", **problem.headers},
    )
