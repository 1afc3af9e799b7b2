"""OpenAPI operations of the routes, with the types that their handlers read and write."""

from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET

from rostra import fields
from rostra.log import POSITION_MAX
from rostra.settings import Order
from rostra_adapters.application.app import Status
from rostra_adapters.http.routes.events import BATCHED, STRUCTURED, BatchShape, ResultShape
from rostra_adapters.http.routes.guests import GuestShape, NewGuest
from rostra_adapters.http.routes.moderation import (
    ActResults,
    NewActs,
    PassageRuling,
    Ruling,
    SearchedWords,
)
from rostra_adapters.http.routes.person_account import (
    MarkShape,
    MeShape,
    NewlyRead,
    NewMailSubscription,
    NewMark,
    NewSettings,
    NewSubscription,
    Prefix,
    SubscriptionShape,
    UnreadShape,
)
from rostra_adapters.http.routes.person_acts import (
    IDEMPOTENCY_KEY,
    DoneShape,
    IdempotencyKey,
    NewComment,
    NewDiscussion,
    NewFlag,
    NewPassage,
    NewVote,
    NewWording,
    VoteShape,
)
from rostra_adapters.http.routes.person_moderation import PersonDone, PersonRuling
from rostra_adapters.http.routes.preview import PreviewShape
from rostra_adapters.http.routes.reads import AskedCounts, PassagesFormat
from rostra_adapters.http.routes.rules import RulesShape
from rostra_adapters.http.sse import LAST_EVENT_ID
from rostra_projections.moderation import Queue
from rostra_projections.responses.annotations import MEDIA_TYPE as ANNOTATIONS
from rostra_projections.responses.annotations import AnnotationsPage
from rostra_projections.responses.shapes import (
    ActsPage,
    CommentShape,
    CommentsPage,
    CountsPage,
    DiscussionShape,
    DiscussionsPage,
    FoundPage,
    HistoryPage,
    InboxPage,
    NewsShape,
    ParticipantsPage,
    PassagesPage,
    PersonShape,
    QueuePage,
)

JSON, HTML, TEXT, STREAM = "application/json", "text/html", "text/plain", "text/event-stream"
NDJSON = "application/x-ndjson"
EVENT, EVENTS = "CloudEvent", "CloudEvents"
"""Schemas that are made of the commands, not of one type."""

Scope = Literal["publish", "feed", "comment", "moderate", "admin"]


class Parameter(msgspec.Struct, frozen=True):
    """Query parameter or header."""

    name: str
    kind: Any
    """Type, or a ready schema."""
    said: str = ""
    """Description."""
    required: bool = False
    repeated: bool = False
    header: bool = False


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """Operation of the HTTP interface."""

    summary: str
    scope: Scope | None = None
    """Scope that a token must have; None: no token is needed."""
    note: str = ""
    """Further sentences of the description."""
    parameters: tuple[Parameter, ...] = ()
    request_body: dict[str, Any] = {}
    """Types by media type; a tuple of types is any of them."""
    response_body: dict[str, Any] = {}
    """Types by media type; a tuple of types is any of them."""
    status: tuple[int, ...] = (200,)
    """Statuses of success."""
    problems: tuple[int, ...] = ()
    """Statuses of problems, besides those that every operation has."""
    page_problems: tuple[int, ...] = ()
    """Statuses that are answered by an HTML page."""
    location: bool = False
    """True: the answer has the header `Location`."""
    redirects: bool = False
    """True: the answer may be a redirect (308)."""


def _number(least: int, most: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


_FLAG = {"enum": ["true", "false"], "default": "false"}
_SECONDS = {"type": "number", "minimum": 0, "maximum": 30, "default": 5}
_ANY_POSITION = {"type": "integer", "minimum": 0, "maximum": POSITION_MAX}
_POSITION = {**_ANY_POSITION, "default": 0}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 2_000}
_UUID = {"type": "string", "format": "uuid"}

WAITING = (
    Parameter("min_position", _POSITION, "Answer once the view has read this far."),
    Parameter("wait", _SECONDS, "Longest wait for `min_position`, in seconds."),
)
LIMIT = Parameter("limit", _number(1, 100, 20), "Highest number of items in the page.")
CURSOR = Parameter("cursor", _TEXT, "The `next` of the page before, with the same parameters.")
PAGING = (LIMIT, CURSOR)
AS_OF = Parameter(
    "as_of",
    {"type": "string", "pattern": r"^(\d{1,19}|\d{4}-\d\d-\d\d[Tt ].+)$"},
    "Answer from the past: at this position of the log, or at this time of recording.",
)
SITE = Parameter("site", fields.SiteName, "Name of the site.", required=True)
RESOURCE = Parameter("resource", fields.Resource, "Resource of the discussion.", required=True)
ORDER = Parameter("order", Order, "Order of the comments.")
FLAT = Parameter("flat", _FLAG, "Comments and replies in one list, without threads.")
LIVE = (
    Parameter("after", _ANY_POSITION, "Position to begin after; by default the present."),
    Parameter(LAST_EVENT_ID, _ANY_POSITION, "Position of the last event received.", header=True),
)
_LIVE_EVENTS = (
    "Each event is named `comment`, `vote`, `removed` or `passage`. A `comment` event holds the "
    "comment as it is now. If the change made the comment visible, its field `appeared` is the "
    "position at which that happened. A reader who had read up to there has seen the comment."
)
KEY = Parameter(
    IDEMPOTENCY_KEY,
    IdempotencyKey,
    "Key of this request. Sending it again changes nothing.",
    header=True,
)
IF_MATCH = Parameter(
    "If-Match",
    {"type": "string"},
    "Change the comment only if its `ETag` is still this one.",
    header=True,
)
_LISTED = (
    Parameter(
        "replies",
        _number(0, 100, 3),
        "Highest number of replies below each comment. A page holds at most 500 comments.",
    ),
    *PAGING,
)

GONE, MISSING, REFUSED = 410, 404, (413, 415, 422)


def _read(
    summary: str,
    shape: Any,
    *parameters: Parameter,
    problems: tuple[int, ...] = (404,),
    redirects: bool = False,
) -> Operation:
    folds = (422,) if AS_OF in parameters or CURSOR in parameters else ()
    return Operation(
        summary=summary,
        redirects=redirects,
        parameters=(*parameters, *WAITING),
        response_body={JSON: shape},
        problems=(*problems, *folds, 503),
    )


def _for_moderators(
    summary: str, shape: Any, *parameters: Parameter, problems: tuple[int, ...] = ()
) -> Operation:
    operation = _read(summary, shape, SITE, *parameters, problems=problems)
    return msgspec.structs.replace(operation, scope="moderate")


def _write(
    summary: str,
    body: Any,
    shape: Any = DoneShape,
    *,
    scope: Scope = "comment",
    status: tuple[int, ...] = (200,),
    parameters: tuple[Parameter, ...] = (),
    problems: tuple[int, ...] = (),
    location: bool = False,
) -> Operation:
    return Operation(
        summary=summary,
        scope=scope,
        request_body={} if body is None else {JSON: body},
        response_body={JSON: shape},
        status=status,
        parameters=parameters,
        problems=(404, 409, *REFUSED, 503, *problems),
        location=location,
    )


OPERATIONS: dict[tuple[str, str], Operation] = {
    ("post", "/v1/events"): Operation(
        summary="Publish one event or a batch of events",
        scope="publish",
        note=(
            "`site.configured`, `person.erased` and `person.returned` need the scope `admin` "
            "instead. One event may come in binary mode: `ce-…` headers, and `data` as JSON."
        ),
        request_body={STRUCTURED: EVENT, BATCHED: EVENTS, JSON: (EVENT, EVENTS), NDJSON: UNSET},
        response_body={JSON: (ResultShape, BatchShape), NDJSON: UNSET},
        status=(200, 201),
        problems=(409, *REFUSED, 503),
    ),
    ("get", "/v1/events"): Operation(
        summary="Follow the feed",
        scope="feed",
        note="Until 0.3.0 the scope `publish` is accepted as well.",
        parameters=(
            Parameter("after", _POSITION, "The position to begin after."),
            Parameter(
                "log", UUID, "Id of the log that `after` belongs to, from the header `Rostra-Log`."
            ),
            Parameter("limit", _number(1, 5_000, 500), "Highest number of events in the page."),
            Parameter("type", {"enum": []}, "Only events of this type.", repeated=True),
            Parameter("site", fields.SiteName, "Only events of this site."),
            Parameter("resource", fields.Resource, "Only events of this resource of the `site`."),
            Parameter(
                "wait", {**_SECONDS, "default": 0}, "Longest wait for the next event, in seconds."
            ),
        ),
        response_body={BATCHED: EVENTS, STREAM: UNSET},
        problems=(GONE, 503),
    ),
    ("get", "/v1/discussions"): _read(
        "Find the discussion of a resource",
        DiscussionShape,
        SITE,
        Parameter(
            "resource",
            fields.Resource,
            "Resource of the discussion. Without it the answer redirects to the site's list.",
        ),
        AS_OF,
        *PAGING,
        problems=(404, 410),
        redirects=True,
    ),
    ("get", "/v1/sites/{site}/discussions"): _read(
        "List a site's discussions, the latest active first",
        DiscussionsPage,
        *PAGING,
        problems=(404, 410),
    ),
    ("get", "/v1/sites/{site}/comments"): _read(
        "List a site's published comments, the newest first",
        CommentsPage,
        *PAGING,
        problems=(404, 410),
    ),
    ("put", "/v1/discussions"): _write(
        "Open a discussion, if the site lets readers do so", NewDiscussion, DiscussionShape,
        status=(200, 201), location=True,
    ),
    ("get", "/v1/discussions/{id}"): _read("Read a discussion", DiscussionShape, AS_OF),
    ("get", "/v1/discussions/{id}/comments"): _read(
        "List the comments of a discussion",
        CommentsPage,
        AS_OF,
        ORDER,
        *_LISTED,
        Parameter("passage", _UUID, "Only comments on this passage."),
        Parameter("inline", _FLAG, "Only comments on passages."),
        FLAT,
        problems=(404, 410),
    ),
    ("get", "/v1/comments"): _read(
        "List the comments of a resource's discussion, or read one by its key",
        (CommentsPage, CommentShape),
        SITE,
        RESOURCE,
        Parameter("key", fields.Key, "Only the comment with this key."),
        AS_OF,
        ORDER,
        *_LISTED,
        Parameter("passage", _UUID, "Only comments on this passage."),
        Parameter("inline", _FLAG, "Only comments on passages."),
        FLAT,
        problems=(404, 410),
    ),
    ("post", "/v1/discussions/{id}/comments"): _write(
        "Post a comment", NewComment, status=(201,), parameters=(KEY,), location=True
    ),
    ("get", "/v1/discussions/{id}/passages"): Operation(
        summary="List the passages of a discussion",
        parameters=(
            Parameter("format", PassagesFormat, "`annotations`: answer as W3C annotations."),
            AS_OF,
            *WAITING,
        ),
        response_body={JSON: PassagesPage, ANNOTATIONS: AnnotationsPage},
        problems=(404, 422, 503),
    ),
    ("post", "/v1/discussions/{id}/passages"): _write(
        "Mark a passage of the article's text",
        NewPassage,
        status=(200, 201),
        parameters=(KEY,),
    ),
    ("get", "/v1/discussions/{id}/moderation-log"): _read(
        "List the acts of moderators in a discussion",
        ActsPage,
        AS_OF,
        *PAGING,
        problems=(404, 410),
    ),
    ("get", "/v1/discussions/{id}/live"): Operation(
        summary="Follow the changes to a discussion",
        note=_LIVE_EVENTS,
        parameters=(*LIVE, *WAITING),
        response_body={STREAM: UNSET},
        problems=(404, GONE, 503),
    ),
    ("get", "/v1/live"): Operation(
        summary="Follow the changes to several discussions",
        note=_LIVE_EVENTS,
        parameters=(
            SITE,
            Parameter(
                "discussion",
                _UUID,
                "Id of a discussion of the site. At most 20.",
                required=True,
                repeated=True,
            ),
            *LIVE,
            *WAITING,
        ),
        response_body={STREAM: UNSET},
        problems=(404, GONE, 503),
    ),
    ("get", "/v1/comments/{id}"): _read("Read a comment", CommentShape, AS_OF),
    ("patch", "/v1/comments/{id}"): _write(
        "Edit your comment", NewWording, parameters=(IF_MATCH,), problems=(412,)
    ),
    ("delete", "/v1/comments/{id}"): _write(
        "Delete your comment", None, parameters=(IF_MATCH,), problems=(412,)
    ),
    ("get", "/v1/comments/{id}/replies"): _read(
        "List the replies to a comment",
        CommentsPage,
        AS_OF,
        ORDER,
        *_LISTED,
        problems=(404, 410),
    ),
    ("get", "/v1/comments/{id}/history"): _read(
        "List the events of a comment", HistoryPage, AS_OF
    ),
    ("put", "/v1/comments/{id}/vote"): _write("Vote, or withdraw your vote", NewVote, VoteShape),
    ("get", "/v1/discussions/{id}/page"): Operation(
        summary="Show a discussion as a page without script",
        parameters=(
            ORDER,
            Parameter("cursor", {"type": "string"}, "Cursor from a link of the page before."),
            Parameter("comment", UUID, "Only this comment, and the replies to it."),
            Parameter("lang", fields.Language, "Language of the page; else by `Accept-Language`."),
            *WAITING,
        ),
        response_body={HTML: UNSET},
        problems=(404, GONE, 422, 503),
    ),
    ("get", "/v1/discussions/{id}/feed.atom"): Operation(
        summary="Read the newest comments as an Atom feed",
        parameters=WAITING,
        response_body={"application/atom+xml": UNSET},
        problems=(404, 503),
    ),
    ("get", "/v1/rules"): _read(
        "Read the rules of a resource's discussion, opened or not",
        RulesShape,
        SITE,
        RESOURCE,
        problems=(),
    ),
    ("post", "/v1/preview"): Operation(
        summary="Preview a comment as HTML",
        scope="comment",
        request_body={JSON: NewWording},
        response_body={JSON: PreviewShape},
        problems=REFUSED,
    ),
    ("post", "/v1/guests"): Operation(
        summary="Make a guest: a person without an account",
        request_body={JSON: NewGuest},
        response_body={JSON: GuestShape},
        status=(201,),
        problems=(403, *REFUSED),
    ),
    ("post", "/v1/comments/{id}/flag"): _write("Report a comment to the moderators", NewFlag),
    ("get", "/v1/me"): Operation(
        summary="The token's person: name, address and mail settings",
        parameters=WAITING,
        scope="comment",
        response_body={JSON: MeShape},
        problems=(503,),
    ),
    ("patch", "/v1/me"): _write("Change one's settings", NewSettings, MeShape),
    ("get", "/v1/discussions/{id}/subscription"): Operation(
        summary="One's subscription to a discussion",
        parameters=WAITING,
        scope="comment",
        response_body={JSON: SubscriptionShape},
        problems=(404, 503),
    ),
    ("put", "/v1/discussions/{id}/subscription"): _write(
        "Subscribe to a discussion", NewSubscription, SubscriptionShape
    ),
    ("delete", "/v1/discussions/{id}/subscription"): _write(
        "End one's subscription to a discussion", None, SubscriptionShape
    ),
    ("post", "/v1/discussions/{id}/subscriptions"): Operation(
        summary="Subscribe by mail, without an account",
        request_body={JSON: NewMailSubscription},
        status=(202,),
        problems=(404, *REFUSED, 503),
    ),
    ("put", "/v1/discussions/{id}/read"): _write(
        "Move one's read mark on", NewMark, MarkShape, problems=(410,)
    ),
    ("get", "/v1/discussions/{id}/news"): _read(
        "Counts of what changed since a position, or since one's read mark",
        NewsShape,
        Parameter("since", _ANY_POSITION, "Position that the reader has seen."),
        problems=(404, 410),
    ),
    ("get", "/v1/discussions/{id}/participants"): _read(
        "Authors of a discussion's comments whom a comment may mention",
        ParticipantsPage,
        Parameter("prefix", Prefix, "Beginning of a name, or of a word of it."),
    ),
    ("get", "/mail/{link}"): Operation(
        summary="Page of a link in a mail, with a button that does what the link says",
        response_body={HTML: UNSET},
        problems=(503,),
        page_problems=(404,),
    ),
    ("post", "/mail/{link}"): Operation(
        summary="Confirm an address, or unsubscribe, by a link in a mail",
        response_body={HTML: UNSET},
        problems=(503,),
        page_problems=(404,),
    ),
    ("get", "/v1/me/inbox"): msgspec.structs.replace(
        _read(
            "Comments that concern the token's person, the latest first",
            InboxPage,
            Parameter("unread", _FLAG, "Only unread items."),
            *PAGING,
            problems=(410,),
        ),
        scope="comment",
    ),
    ("post", "/v1/me/inbox/read"): _write(
        "Note items of the inbox as read", NewlyRead, UnreadShape, problems=(410,)
    ),
    ("post", "/v1/comments/{id}/moderation"): _write(
        "Moderate", Ruling, scope="moderate", parameters=(IF_MATCH,), problems=(412,)
    ),
    ("post", "/v1/passages/{id}/moderation"): _write(
        "Unmark, close or reopen a passage", PassageRuling, scope="moderate"
    ),
    ("get", "/v1/moderation"): _for_moderators(
        "List a site's comments for moderators: those that wait, or removed or recent ones",
        QueuePage,
        Parameter("status", Queue, "`held`: comments and new wordings; `pending`: wordings."),
        Parameter("person", fields.PersonId, "Only comments of this author."),
        *PAGING,
        problems=(410,),
    ),
    ("post", "/v1/moderation/acts"): _write(
        "Do one action on up to 100 comments", NewActs, ActResults, scope="moderate"
    ),
    ("get", "/v1/moderation/search"): _for_moderators(
        "Search a site's newest comments for words",
        FoundPage,
        Parameter(
            "q",
            SearchedWords,
            "Words that a comment has in its text or its author's name, in any order.",
            required=True,
        ),
    ),
    ("get", "/v1/persons/{person}"): _for_moderators(
        "Read what is known of a person on a site", PersonShape
    ),
    ("post", "/v1/persons/{person}/moderation"): _write(
        "Ban, trust or label a person, or take that back",
        PersonRuling,
        PersonDone,
        scope="moderate",
        parameters=(SITE,),
    ),
    ("get", "/v1/persons/{person}/comments"): _for_moderators(
        "List all comments of a person on a site, the latest first",
        QueuePage,
        *PAGING,
        problems=(404, 410),
    ),
    ("get", "/v1/sites/{site}/moderation-log"): _read(
        "List the acts of moderators on a site",
        ActsPage,
        *PAGING,
        problems=(404, 410),
    ),
    ("get", "/v1/counts"): _read(
        "Count the comments of resources",
        CountsPage,
        SITE,
        Parameter(
            "resource",
            fields.Resource,
            "Resource of a discussion. At most 100.",
            required=True,
            repeated=True,
        ),
        problems=(),
    ),
    ("post", "/v1/counts"): Operation(
        summary="Count the comments of resources whose names are too long for a URL",
        parameters=WAITING,
        request_body={JSON: AskedCounts},
        response_body={JSON: CountsPage},
        problems=(*REFUSED, 503),
    ),
    ("get", "/healthz"): Operation(
        summary="Answer 200 while the process runs", response_body={JSON: UNSET}
    ),
    ("get", "/readyz"): Operation(
        summary="Answer 200 while the service can serve", response_body={JSON: UNSET},
        problems=(503,),
    ),
    ("get", "/metrics"): Operation(
        summary="Read metrics for Prometheus", response_body={TEXT: UNSET}
    ),
    ("get", "/status"): Operation(
        summary="Read the state of the log and of each view, as JSON or as a page",
        scope="admin",
        response_body={JSON: Status, HTML: UNSET},
        problems=(503,),
    ),
    ("get", "/"): Operation(
        summary="Show links to the parts of the service", response_body={HTML: UNSET}
    ),
    ("get", "/openapi.json"): Operation(
        summary="Read the interface as OpenAPI", response_body={JSON: UNSET}
    ),
    ("get", "/docs"): Operation(
        summary="Read the interface as a page", response_body={HTML: UNSET}
    ),
    ("get", "/problems"): Operation(summary="List all problems", response_body={HTML: UNSET}),
    ("get", "/problems/{name}"): Operation(
        summary="Explain a problem", response_body={HTML: UNSET}, problems=(404,)
    ),
}  # fmt: skip
