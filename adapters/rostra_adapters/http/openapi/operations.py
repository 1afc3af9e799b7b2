"""OpenAPI operations of the routes, with the types that their handlers read and write."""

from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET

from rostra import fields as texts
from rostra.settings import Order
from rostra_adapters.http.routes.events import BATCHED, STRUCTURED, BatchShape, ResultShape
from rostra_adapters.http.routes.guests import GuestShape, NewGuest
from rostra_adapters.http.routes.moderation import PassageRuling, Ruling
from rostra_adapters.http.routes.people import (
    MeShape,
    NewSettings,
    NewSubscription,
    SubscriptionShape,
)
from rostra_adapters.http.routes.persons import (
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
    HistoryPage,
    PassagesPage,
    QueuePage,
)

JSON, HTML, TEXT, STREAM = "application/json", "text/html", "text/plain", "text/event-stream"
NDJSON = "application/x-ndjson"
EVENT, EVENTS = "CloudEvent", "CloudEvents"
"""Schemas that are made of the commands, not of one type."""

Scope = Literal["publish", "feed", "comment", "moderate"]


class Parameter(msgspec.Struct, frozen=True):
    """Query parameter or header. `kind` is a type, or a ready schema."""

    name: str
    kind: Any
    said: str = ""
    required: bool = False
    repeated: bool = False
    header: bool = False


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """`scope` None: no token is needed. `takes` and `gives` are by media type; `status` is
    that of success; a tuple of types is any of them. `problems` are the statuses that this
    one has besides the usual.
    """

    summary: str
    scope: Scope | None = None
    note: str = ""
    """Sentences on the scope."""
    parameters: tuple[Parameter, ...] = ()
    request_body: dict[str, Any] = {}
    response_body: dict[str, Any] = {}
    status: tuple[int, ...] = (200,)
    problems: tuple[int, ...] = ()
    location: bool = False
    redirects: bool = False
    """Whether another address (308) may be the answer."""


def _number(least: int, most: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


_FLAG = {"enum": ["true", "false"], "default": "false"}
_SECONDS = {"type": "number", "minimum": 0, "maximum": 30, "default": 5}
_ANY_POSITION = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_POSITION = {**_ANY_POSITION, "default": 0}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 2_000}
_UUID = {"type": "string", "format": "uuid"}

WAITING = (
    Parameter("min_position", _POSITION, "Answer once the view has read this far."),
    Parameter("wait", _SECONDS, "For how long to wait for that, in seconds."),
)
LIMIT = Parameter("limit", _number(1, 100, 20), "How many at most.")
CURSOR = Parameter("cursor", _TEXT, "The `next` of the page before, with the same parameters.")
PAGING = (LIMIT, CURSOR)
AS_OF = Parameter(
    "as_of",
    {"type": "string", "pattern": r"^(\d{1,19}|\d{4}-\d\d-\d\d[Tt ].+)$"},
    "As it stood at this position, or at this time by the clock of recording.",
)
SITE = Parameter("site", texts.SiteName, required=True)
KEY = Parameter(
    IDEMPOTENCY_KEY,
    IdempotencyKey,
    "The same key makes the same thing, for ever.",
    header=True,
)
IF_MATCH = Parameter(
    "If-Match", {"type": "string"}, "Only if the comment still has this tag.", header=True
)
_LISTED = (
    Parameter(
        "replies",
        _number(0, 100, 3),
        "How many replies to show below each; a page holds at most 500 comments.",
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
        summary="Publish events; also one in binary mode: `ce-…` headers, and `data` as JSON",
        scope="publish",
        note=(
            "`site.configured`, `person.erased` and `person.returned` need the scope `admin` "
            "instead."
        ),
        request_body={STRUCTURED: EVENT, BATCHED: EVENTS, JSON: (EVENT, EVENTS), NDJSON: UNSET},
        response_body={JSON: (ResultShape, BatchShape), NDJSON: UNSET},
        status=(200, 201),
        problems=(409, *REFUSED, 503),
    ),
    ("get", "/v1/events"): Operation(
        summary="Follow the feed",
        scope="feed",
        note="For one release the scope `publish` is taken as well.",
        parameters=(
            Parameter("after", _POSITION, "The position to begin after."),
            Parameter("log", UUID, "The log that `after` is a position of (`Rostra-Log`)."),
            Parameter("limit", _number(1, 5_000, 500)),
            Parameter("type", {"enum": []}, "Only events of this type.", repeated=True),
            Parameter("site", texts.SiteName),
            Parameter("resource", texts.Resource, "One of a `site`."),
            Parameter("wait", {**_SECONDS, "default": 0}, "Wait for news, in seconds."),
        ),
        response_body={BATCHED: EVENTS, STREAM: UNSET},
        problems=(GONE, 503),
    ),
    ("get", "/v1/discussions"): _read(
        "The discussion of a resource",
        DiscussionShape,
        SITE,
        Parameter("resource", texts.Resource, "Without it, redirects to the site's list."),
        AS_OF,
        *PAGING,
        problems=(404, 410),
        redirects=True,
    ),
    ("get", "/v1/sites/{site}/discussions"): _read(
        "A site's discussions, the latest active first",
        DiscussionsPage,
        *PAGING,
        problems=(404, 410),
    ),
    ("get", "/v1/sites/{site}/comments"): _read(
        "A site's published comments, the newest first",
        CommentsPage,
        *PAGING,
        problems=(404, 410),
    ),
    ("put", "/v1/discussions"): _write(
        "Open a discussion where the site lets readers", NewDiscussion, DiscussionShape,
        status=(200, 201), location=True,
    ),
    ("get", "/v1/discussions/{id}"): _read("One discussion", DiscussionShape, AS_OF),
    ("get", "/v1/discussions/{id}/comments"): _read(
        "The comments of a discussion",
        CommentsPage,
        AS_OF,
        Parameter("order", Order),
        *_LISTED,
        Parameter("passage", _UUID, "Only comments on this passage."),
        Parameter("inline", _FLAG, "Only comments on passages."),
        Parameter("flat", _FLAG, "Every comment in one order."),
        problems=(404, 410),
    ),
    ("get", "/v1/comments"): _read(
        "The comments of a resource's discussion",
        (CommentsPage, CommentShape),
        SITE,
        Parameter("resource", texts.Resource, required=True),
        Parameter("key", texts.Key, "The one comment of this key."),
        AS_OF,
        Parameter("order", Order),
        *_LISTED,
        Parameter("passage", _UUID, "Only comments on this passage."),
        Parameter("inline", _FLAG, "Only comments on passages."),
        Parameter("flat", _FLAG, "Every comment in one order."),
        problems=(404, 410),
    ),
    ("post", "/v1/discussions/{id}/comments"): _write(
        "Post a comment", NewComment, status=(201,), parameters=(KEY,), location=True
    ),
    ("get", "/v1/discussions/{id}/passages"): Operation(
        summary="The passages of a discussion",
        parameters=(Parameter("format", PassagesFormat, "As W3C annotations."), AS_OF, *WAITING),
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
        "What moderators did in a discussion", ActsPage, AS_OF, *PAGING, problems=(404, 410)
    ),
    ("get", "/v1/discussions/{id}/live"): Operation(
        summary="Changes to a discussion as they happen",
        parameters=(
            Parameter("after", _ANY_POSITION, "The position to begin after; without one, now."),
            Parameter(LAST_EVENT_ID, _ANY_POSITION, "The position to go on after.", header=True),
            *WAITING,
        ),
        response_body={STREAM: UNSET},
        problems=(404, GONE, 503),
    ),
    ("get", "/v1/live"): Operation(
        summary="Changes to several discussions as they happen",
        parameters=(
            Parameter("site", texts.SiteName, required=True),
            Parameter("discussion", _UUID, "At most 20.", required=True, repeated=True),
            Parameter("after", _ANY_POSITION, "The position to begin after; without one, now."),
            Parameter(LAST_EVENT_ID, _ANY_POSITION, "The position to go on after.", header=True),
            *WAITING,
        ),
        response_body={STREAM: UNSET},
        problems=(404, GONE, 503),
    ),
    ("get", "/v1/comments/{id}"): _read("One comment", CommentShape, AS_OF),
    ("patch", "/v1/comments/{id}"): _write(
        "Edit one's comment", NewWording, parameters=(IF_MATCH,), problems=(412,)
    ),
    ("delete", "/v1/comments/{id}"): _write(
        "Delete one's comment", None, parameters=(IF_MATCH,), problems=(412,)
    ),
    ("get", "/v1/comments/{id}/replies"): _read(
        "The replies to a comment",
        CommentsPage,
        AS_OF,
        Parameter("order", Order),
        *_LISTED,
        problems=(404, 410),
    ),
    ("get", "/v1/comments/{id}/history"): _read(
        "What happened to a comment", HistoryPage, AS_OF
    ),
    ("put", "/v1/comments/{id}/vote"): _write("Vote, or take one's vote back", NewVote, VoteShape),
    ("get", "/v1/discussions/{id}/page"): Operation(
        summary="The same to read, without script",
        parameters=(
            Parameter("order", Order),
            Parameter("cursor", {"type": "string"}),
            Parameter("comment", UUID, "That comment, and the replies to it."),
            *WAITING,
        ),
        response_body={HTML: UNSET},
        problems=(404, GONE, 422, 503),
    ),
    ("get", "/v1/discussions/{id}/feed.atom"): Operation(
        summary="The newest comments as an Atom feed",
        parameters=WAITING,
        response_body={"application/atom+xml": UNSET},
        problems=(404, 503),
    ),
    ("get", "/v1/rules"): _read(
        "What holds for a discussion, or would if it were opened",
        RulesShape,
        SITE,
        Parameter("resource", texts.Resource, required=True),
        problems=(),
    ),
    ("post", "/v1/preview"): Operation(
        summary="How a comment would be shown",
        scope="comment",
        request_body={JSON: NewWording},
        response_body={JSON: PreviewShape},
        problems=REFUSED,
    ),
    ("post", "/v1/guests"): Operation(
        summary="Take part under a name, without an account",
        request_body={JSON: NewGuest},
        response_body={JSON: GuestShape},
        status=(201,),
        problems=(403, *REFUSED),
    ),
    ("post", "/v1/comments/{id}/flag"): _write("Tell the moderators", NewFlag),
    ("get", "/v1/me"): Operation(
        summary="The token's person: name, address and mail settings",
        scope="comment",
        response_body={JSON: MeShape},
        problems=(503,),
    ),
    ("patch", "/v1/me"): _write("Change one's settings", NewSettings, MeShape),
    ("get", "/v1/discussions/{id}/subscription"): Operation(
        summary="One's subscription to a discussion",
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
    ("post", "/v1/comments/{id}/moderation"): _write(
        "Moderate", Ruling, scope="moderate", parameters=(IF_MATCH,), problems=(412,)
    ),
    ("post", "/v1/passages/{id}/moderation"): _write(
        "Unmark, close or reopen a passage", PassageRuling, scope="moderate"
    ),
    ("get", "/v1/moderation"): msgspec.structs.replace(
        _read(
            "What waits for moderators",
            QueuePage,
            SITE,
            Parameter("status", Queue, "`held`: comments and new wordings; `pending`: wordings."),
            *PAGING,
            problems=(410,),
        ),
        scope="moderate",
    ),
    ("get", "/v1/counts"): _read(
        "How many comments resources have",
        CountsPage,
        SITE,
        Parameter("resource", texts.Resource, required=True, repeated=True),
        problems=(),
    ),
    ("post", "/v1/counts"): Operation(
        summary="How many comments resources have, by names of any length",
        parameters=WAITING,
        request_body={JSON: AskedCounts},
        response_body={JSON: CountsPage},
        problems=(*REFUSED, 503),
    ),
    ("get", "/healthz"): Operation(summary="The process lives", response_body={JSON: UNSET}),
    ("get", "/readyz"): Operation(
        summary="It can serve", response_body={JSON: UNSET}, problems=(503,)
    ),
    ("get", "/metrics"): Operation(summary="Figures for Prometheus", response_body={TEXT: UNSET}),
    ("get", "/"): Operation(summary="Links into the service", response_body={HTML: UNSET}),
    ("get", "/openapi.json"): Operation(summary="This description", response_body={JSON: UNSET}),
    ("get", "/docs"): Operation(summary="This description, to read", response_body={HTML: UNSET}),
    ("get", "/problems"): Operation(summary="All problems", response_body={HTML: UNSET}),
    ("get", "/problems/{name}"): Operation(
        summary="What a problem means", response_body={HTML: UNSET}, problems=(404,)
    ),
}  # fmt: skip
