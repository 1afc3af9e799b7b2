"""Options of `rostra serve` for the limits of comments, names and streams.

The limits are read from the environment when `rostra` is imported, which no module of the command
line does before a command runs. So an option sets its variable, for worker processes, too.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from rostra_adapters.cli.options import option

F = TypeVar("F", bound=Callable[..., Any])

CONTENT_LIMITS: Mapping[str, tuple[int, int, str]] = {
    "body_bytes_max": (16_384, 1_048_576, "Bytes of a comment's body, in UTF-8."),
    "article_bytes_max": (4_194_304, 12_582_912, "Bytes of an article's text, in UTF-8."),
    "resource_characters_max": (2_000, 8_000, "Characters of a resource."),
    "site_characters_max": (200, 500, "Characters of a site's name."),
    "key_characters_max": (200, 500, "Characters of a key."),
    "person_characters_max": (200, 500, "Characters of a person's id."),
    "name_characters_max": (100, 500, "Characters of a person's name."),
    "title_characters_max": (500, 10_000, "Characters of a title."),
    "reason_characters_max": (500, 10_000, "Characters of a reason."),
    "depth_max": (12, 32, "Depth of replies; deeper ones become siblings."),
    "page_comments_max": (500, 10_000, "Comments of a page, with all replies that it shows."),
    "stream_events_max": (10_000, 100_000, "Events about one comment, vote or discussion."),
    "stream_events_reserved": (1_000, 10_000, "Last of these, for moderation and erasure alone."),
    "comment_edits_max": (100, 10_000, "Edits of a comment by its author."),
    "vote_changes_max": (200, 10_000, "Changes of a vote."),
    "person_changes_max": (1_000, 10_000, "Changes of a person's settings."),
}
"""Default, greatest value and help of each option, by the name of its setting."""


def content_limits(command: F) -> F:
    """Add an option for each limit, which sets its variable of the environment."""
    for name, (default, greatest, said) in reversed(list(CONTENT_LIMITS.items())):
        command = option(
            f"--{name.replace('_', '-')}",
            name,
            type=click.IntRange(1, greatest),
            default=default,
            envvar=f"ROSTRA_{name.upper()}",
            show_default=True,
            expose_value=False,
            callback=_set_variable,
            help=said,
        )(command)
    return command


def _set_variable(_: click.Context, parameter: click.Parameter, value: int) -> int:
    assert isinstance(parameter.envvar, str)
    os.environ[parameter.envvar] = str(value)
    return value
