"""Options of `rostra serve` for the limits of requests, answers and connections."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
import msgspec

from rostra_adapters.cli.options import option
from rostra_adapters.http_limits import HttpLimits

F = TypeVar("F", bound=Callable[..., Any])

_HELP = {
    "request_bytes_max": "Bytes of the body of a request.",
    "events_request_bytes_max": "Bytes of a body of events that is no stream.",
    "batch_events_max": "Events of a batch.",
    "line_of_events_bytes_max": "Bytes of a line in a stream of events.",
    "person_request_bytes_max": "Bytes of the body of a person's or guest's request.",
    "request_line_bytes_max": "Bytes of a request line.",
    "path_bytes_max": "Bytes of the path in a request line.",
    "path_segments_max": "Slashes in the path of a request line.",
    "query_parameters_max": "Parameters of a query.",
    "authorization_bytes_max": "Bytes of the header Authorization.",
    "header_bytes_max": "Bytes of any other header.",
    "headers_bytes_max": "Bytes of all headers of a request.",
    "headers_max": "Headers of a request.",
    "content_type_characters_max": "Characters of the header Content-Type.",
    "head_seconds_max": "Seconds from a request's first byte to the end of its headers.",
    "body_seconds_max": "Seconds to wait for a body at any speed.",
    "body_bytes_per_second_min": "Speed of a body after that, in bytes a second.",
    "idle_seconds_max": "Seconds after which an idle connection is closed.",
    "connections_max": "Connections of a process.",
    "connections_per_address_max": "Connections of an address that is no trusted proxy.",
    "live_streams_per_address_max": "Live streams of an address to a process.",
    "live_discussions_max": "Discussions that a live stream may follow.",
    "followers_max": "Streams of the feed of a process.",
    "heartbeat_seconds": "Seconds of silence after which a stream sends a comment.",
    "stall_seconds_max": "Seconds after which a reader who receives nothing is dropped.",
    "stream_seconds_max": "Seconds after which a stream ends; clients resume it.",
    "away_seconds_max": "Seconds that a stream of events waits for the database.",
    "page_default": "Comments of a page where no `limit` is given.",
    "page_max": "Highest `limit` of a page, and highest `replies`.",
    "replies_default": "Replies shown with a comment where no `replies` is given.",
    "feed_default": "Events of a page of the feed where no `limit` is given.",
    "feed_max": "Highest `limit` of a page of the feed.",
    "resources_max": "Resources whose comments are counted by one request.",
    "wait_seconds_default": "Seconds that a read waits for its `min_position`.",
    "wait_seconds_max": "Highest `wait` of a read and of the feed.",
    "retry_after_seconds": "Seconds in `Retry-After` where nothing else decides on them.",
    "fold_events_max": "Events of a discussion that a reader may read `as_of`.",
    "fold_events_max_moderator": "Events of a discussion that a moderator may read `as_of`.",
    "fold_events_a_request": "Events of a discussion read `as_of` that count as one request.",
    "mail_confirmations_a_day_max": "Mails a day that ask an address to confirm it.",
    "site_discussions_a_request": "Discussions of a site that count as one request for its "
    "newest comments.",
    "search_comments_max": "Newest comments of a site that moderators search.",
    "search_seconds_max": "Seconds after which a search of moderators ends.",
    "ready_lag_events_max": "Events that a view may be behind while /readyz says 200.",
    "drain_seconds_max": "Seconds that requests have to finish after SIGTERM.",
    "page_cache_bytes_max": "Bytes of the cache of pages.",
    "compressed_bytes_min": "Bytes of an answer from which it is compressed on request.",
}
_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(HttpLimits)}
HTTP_LIMITS: Mapping[str, tuple[int | float, str]] = {
    name: (_DEFAULTS[name], text) for name, text in _HELP.items()
}
"""Default and help of each option, by the name of its setting."""


def http_limits(command: F) -> F:
    """Add an option for each limit. Its value goes to the argument named like the setting."""
    for name, (default, said) in reversed(list(HTTP_LIMITS.items())):
        counted = isinstance(default, int)
        command = option(
            f"--{name.replace('_', '-')}",
            name,
            type=click.IntRange(min=1) if counted else click.FloatRange(min=0, min_open=True),
            default=default,
            envvar=f"ROSTRA_{name.upper()}",
            show_default=True,
            help=said,
        )(command)
    return command
