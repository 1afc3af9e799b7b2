"""Options of `rostra serve` for the limits of requests, answers and connections."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from rostra_adapters.cli.options import option

F = TypeVar("F", bound=Callable[..., Any])

HTTP_LIMITS: Mapping[str, tuple[int | float, str]] = {
    "request_bytes_max": (1_048_576, "Bytes of the body of a request."),
    "events_request_bytes_max": (33_554_432, "Bytes of a body of events that is no stream."),
    "batch_events_max": (10_000, "Events of a batch."),
    "line_of_events_bytes_max": (16_777_216, "Bytes of a line in a stream of events."),
    "person_request_bytes_max": (65_536, "Bytes of the body of a person's or guest's request."),
    "request_line_bytes_max": (32_768, "Bytes of a request line."),
    "path_bytes_max": (4_096, "Bytes of the path in a request line."),
    "path_segments_max": (32, "Slashes in the path of a request line."),
    "query_parameters_max": (256, "Parameters of a query."),
    "authorization_bytes_max": (16_384, "Bytes of the header Authorization."),
    "header_bytes_max": (8_192, "Bytes of any other header."),
    "headers_bytes_max": (65_536, "Bytes of all headers of a request."),
    "headers_max": (128, "Headers of a request."),
    "content_type_characters_max": (256, "Characters of the header Content-Type."),
    "head_seconds_max": (20.0, "Seconds from a request's first byte to the end of its headers."),
    "body_seconds_max": (20.0, "Seconds to wait for a body at any speed."),
    "body_bytes_per_second_min": (500, "Speed of a body after that, in bytes a second."),
    "idle_seconds_max": (75.0, "Seconds after which an idle connection is closed."),
    "connections_max": (10_000, "Connections of a process."),
    "connections_per_address_max": (200, "Connections of an address that is no trusted proxy."),
    "live_streams_per_address_max": (20, "Live streams of an address to a process."),
    "live_discussions_max": (20, "Discussions that a live stream may follow."),
    "followers_max": (10_000, "Streams of the feed of a process."),
    "heartbeat_seconds": (15.0, "Seconds of silence after which a stream sends a comment."),
    "stall_seconds_max": (20.0, "Seconds after which a reader who receives nothing is dropped."),
    "stream_seconds_max": (3_600.0, "Seconds after which a stream ends; clients resume it."),
    "away_seconds_max": (30.0, "Seconds that a stream of events waits for the database."),
    "page_default": (20, "Comments of a page where no `limit` is given."),
    "page_max": (100, "Highest `limit` of a page, and highest `replies`."),
    "replies_default": (3, "Replies shown with a comment where no `replies` is given."),
    "feed_default": (500, "Events of a page of the feed where no `limit` is given."),
    "feed_max": (5_000, "Highest `limit` of a page of the feed."),
    "resources_max": (100, "Resources whose comments are counted by one request."),
    "wait_seconds_default": (5.0, "Seconds that a read waits for its `min_position`."),
    "wait_seconds_max": (30.0, "Highest `wait` of a read and of the feed."),
    "retry_after_seconds": (1, "Seconds in `Retry-After` where nothing else decides on them."),
    "fold_events_max": (100_000, "Events of a discussion that a reader may read `as_of`."),
    "fold_events_max_moderator": (
        1_000_000,
        "Events of a discussion that a moderator may read `as_of`.",
    ),
    "fold_events_a_request": (
        100,
        "Events of a discussion read `as_of` that count as one request.",
    ),
    "mail_confirmations_a_day_max": (3, "Mails a day that ask an address to confirm it."),
    "site_discussions_a_request": (
        500,
        "Discussions of a site that count as one request for its newest comments.",
    ),
    "search_comments_max": (100_000, "Newest comments of a site that moderators search."),
    "search_seconds_max": (20.0, "Seconds after which a search of moderators ends."),
    "ready_lag_events_max": (10_000, "Events that a view may be behind while /readyz says 200."),
    "drain_seconds_max": (30.0, "Seconds that requests have to finish after SIGTERM."),
    "page_cache_bytes_max": (67_108_864, "Bytes of the cache of pages."),
    "compressed_bytes_min": (1_024, "Bytes of an answer from which it is compressed on request."),
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
