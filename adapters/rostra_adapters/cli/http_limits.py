"""Options of `rostra serve` for the limits of requests and connections."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from rostra_adapters.cli.options import option

F = TypeVar("F", bound=Callable[..., Any])

HTTP_LIMITS: Mapping[str, tuple[int | float, str]] = {
    "person_request_bytes_max": (65_536, "Bytes of the body of a person's or guest's request."),
    "request_line_bytes_max": (32_768, "Bytes of a request line."),
    "path_bytes_max": (4_096, "Bytes of the path in a request line."),
    "path_segments_max": (32, "Slashes in the path of a request line."),
    "query_parameters_max": (256, "Parameters of a query."),
    "authorization_bytes_max": (16_384, "Bytes of the header Authorization."),
    "header_bytes_max": (8_192, "Bytes of any other header."),
    "headers_bytes_max": (65_536, "Bytes of all headers of a request together."),
    "headers_max": (128, "Headers of a request."),
    "content_type_characters_max": (256, "Characters of the header Content-Type."),
    "head_seconds_max": (20.0, "Seconds from a request's first byte to the end of its headers."),
    "body_seconds_max": (20.0, "Seconds that a body is waited for, whatever its speed."),
    "body_bytes_per_second_min": (500, "Speed of a body after that, in bytes a second."),
    "idle_seconds_max": (75.0, "Seconds after which an idle connection is closed."),
    "connections_max": (10_000, "Connections in all, of this process."),
    "connections_per_address_max": (200, "Connections of an address that is no trusted proxy."),
    "live_streams_per_address_max": (20, "Live streams of an address, of this process."),
}
"""Default and help of each option, by the name of its setting."""


def http_limits(command: F) -> F:
    """Add an option for each limit; the command takes them by the names of their settings."""
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
