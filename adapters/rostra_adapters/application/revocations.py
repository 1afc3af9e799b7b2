"""Revoked tokens: by person and site, those that were issued until a time."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Protocol

EVERY_SITE = "*"

Revoked = tuple[str, str, float]
"""A person (the `sub` of tokens), a site or `*`, and the time until which tokens were issued, in
seconds since the epoch."""


class Revocations(Protocol):
    """Port to the revoked tokens that every process knows."""

    is_shared: bool
    """True if other processes learn of a revocation."""

    def is_revoked(self, person: str, site: str | None, issued: float | None) -> bool:
        """Return whether a token is revoked.

        A token without a time of issue is revoked by any revocation. A revocation for `*` is for
        every site. A revocation for a site is also for `*` tokens.
        """

    async def revoke(self, person: str, site: str, until: float) -> None:
        """Revoke the tokens that were issued until a time. Raises LogUnavailable."""

    def on_revocation(self, call: Callable[[], None]) -> None:
        """Have a function called whenever more is revoked."""


class MemoryRevocations:
    """Revocations that this process alone knows of."""

    is_shared = False

    def __init__(self) -> None:
        self._until: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._calls: list[Callable[[], None]] = []

    def is_revoked(self, person: str, site: str | None, issued: float | None) -> bool:
        if person not in self._until:  # asked at every request
            return False
        return any(
            (issued is None or issued <= until)
            and (revoked == site or EVERY_SITE in (revoked, site))
            for revoked, until in self._until[person].items()
        )

    async def revoke(self, person: str, site: str, until: float) -> None:
        self.add([(person, site, until)])

    def on_revocation(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def add(self, revoked: Iterable[Revoked]) -> None:
        """Take revocations; a later time replaces an earlier one."""
        for person, site, until in revoked:
            sites = self._until[person]
            sites[site] = max(until, sites.get(site, until))
        for call in self._calls:
            call()
