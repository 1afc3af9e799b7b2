"""Options of `rostra serve` for the rates of requests and writes."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from rostra_adapters.cli.options import RATE, option

F = TypeVar("F", bound=Callable[..., Any])

Given = tuple[int, float] | None
"""A burst and a rate a second; None for no limit."""


class RateOption(NamedTuple):
    """Option with the name of a setting of `HttpSettings`."""

    default: str
    help: str
    is_shared: bool = False
    """True: each worker has its part of the rate. False: the rate holds for all workers."""


RATES: Mapping[str, RateOption] = {
    "person_rate": RateOption(
        "600/10",
        "Requests of a person at once, and a second from then on; `off` for no limit. Each worker "
        "has its part.",
        is_shared=True,
    ),
    "reader_rate": RateOption(
        "1200/20",
        "Requests of an address without a token, or of its guests. Each worker has its part.",
        is_shared=True,
    ),
    "preview_rate": RateOption(
        "60/0.5", "Previews of a person. Each worker has its part.", is_shared=True
    ),
    "publish_rate": RateOption(
        "off", "Requests of a service that publishes. Each worker has its part.", is_shared=True
    ),
    "guest_rate": RateOption("5/0.02", "New guests from an address."),
    "comments_per_person": RateOption("10/0.07", "New comments and edits of a person."),
    "comments_per_address": RateOption("100/1", "New comments and edits from an address."),
    "votes_per_person": RateOption("100/1", "Votes of a person."),
    "votes_per_address": RateOption("1000/10", "Votes from an address."),
    "acts_per_person": RateOption(
        "30/0.1", "Flags, passages, deletions and opened discussions of a person."
    ),
    "acts_per_address": RateOption(
        "300/1", "Flags, passages, deletions and opened discussions from an address."
    ),
    "marks_per_address": RateOption("100/0.001", "Passages marked from an address."),
    "bytes_per_person": RateOption("65536/512", "Bytes of the comments that a person writes."),
    "bytes_per_address": RateOption(
        "1048576/16384", "Bytes of the comments that come from an address."
    ),
}


def rates(command: F) -> F:
    """Add an option for each rate."""
    for name, rate in reversed(list(RATES.items())):
        command = option(
            f"--{name.replace('_', '-')}",
            type=RATE,
            envvar=f"ROSTRA_{name.upper()}",
            default=rate.default,
            show_default=True,
            help=rate.help,
        )(command)
    return command


def settings_of(given: Mapping[str, Given], workers: int) -> dict[str, Any]:
    """Return the rates as settings of one of several workers. Raises ValueError."""
    from rostra_adapters.http.settings import Rate

    found: dict[str, Rate | None] = {}
    for name, pair in given.items():
        rate = None if pair is None else Rate(*pair)
        found[name] = rate.share(workers) if rate and RATES[name].is_shared else rate
    return found
