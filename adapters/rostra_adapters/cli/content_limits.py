"""Options of `rostra serve` for the limits of comments, names and streams.

The limits are read from the environment when `rostra.limits` is imported, which no module of the
command line does before a command runs. So an option sets its variable, for worker processes, too.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from rostra.settable_limits import SETTINGS
from rostra_adapters.cli.options import option

F = TypeVar("F", bound=Callable[..., Any])


def content_limits(command: F) -> F:
    """Add an option for each limit, which sets its variable of the environment."""
    for name, limit in reversed(SETTINGS.items()):
        command = option(
            f"--{name.lower().replace('_', '-')}",
            name.lower(),
            type=click.IntRange(1, limit.greatest),
            default=limit.default,
            envvar=f"ROSTRA_{name}",
            show_default=True,
            expose_value=False,
            callback=_set_variable,
            help=limit.meaning,
        )(command)
    return command


def _set_variable(_: click.Context, parameter: click.Parameter, value: int) -> int:
    assert isinstance(parameter.envvar, str)
    os.environ[parameter.envvar] = str(value)
    return value
