"""Options of `rostra serve` for the rates of requests and writes."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from rostra_adapters.cli.options import RATE, option
from rostra_adapters.http_limits import HttpLimits, Rate

F = TypeVar("F", bound=Callable[..., Any])

Given = tuple[int, float] | None
"""A burst and a rate a second; None for no limit."""


class RateOption(NamedTuple):
    """Option with the name of a setting of `HttpSettings`."""

    help: str
    is_shared: bool = False
    """True: each worker has its part of the rate. False: the rate holds for all workers."""


_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(HttpLimits)}
RATES: Mapping[str, RateOption] = {
    "person_rate": RateOption(
        "Requests of a person at once, and a second from then on; `off` for no limit. Each worker "
        "has its part.",
        is_shared=True,
    ),
    "reader_rate": RateOption(
        "Requests of an address without a token, or of its guests. Each worker has its part.",
        is_shared=True,
    ),
    "preview_rate": RateOption("Previews of a person. Each worker has its part.", is_shared=True),
    "publish_rate": RateOption(
        "Requests of a service that publishes. Each worker has its part.", is_shared=True
    ),
    "guest_rate": RateOption("New guests from an address."),
    "comments_per_person": RateOption("New comments and edits of a person."),
    "comments_per_address": RateOption("New comments and edits from an address."),
    "votes_per_person": RateOption("Votes of a person."),
    "votes_per_address": RateOption("Votes from an address."),
    "acts_per_person": RateOption("Flags, passages, deletions and opened discussions of a person."),
    "acts_per_address": RateOption(
        "Flags, passages, deletions and opened discussions from an address."
    ),
    "marks_per_address": RateOption("Passages marked from an address."),
    "bytes_per_person": RateOption("Bytes of the comments that a person writes."),
    "bytes_per_address": RateOption("Bytes of the comments that come from an address."),
}


def default_rate(name: str) -> str:
    """Return the default of a rate as an option's text."""
    rate: Rate | None = _DEFAULTS[name]
    return "off" if rate is None else f"{rate.burst}/{rate.per_second:g}"


def rates(command: F) -> F:
    """Add an option for each rate."""
    for name, rate in reversed(list(RATES.items())):
        command = option(
            f"--{name.replace('_', '-')}",
            type=RATE,
            envvar=f"ROSTRA_{name.upper()}",
            default=default_rate(name),
            show_default=True,
            help=rate.help,
        )(command)
    return command


def settings_of(given: Mapping[str, Given], workers: int) -> dict[str, Any]:
    """Return the rates as settings of one of several workers. Raises ValueError."""
    found: dict[str, Rate | None] = {}
    for name, pair in given.items():
        rate = None if pair is None else Rate(*pair)
        found[name] = rate.share(workers) if rate and RATES[name].is_shared else rate
    return found
