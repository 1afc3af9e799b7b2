"""Limits on requests: a token bucket in memory for each person, address or service.

Each process has buckets of its own, so that no request waits for the database. Several workers
share a rate out: each takes its part (`Rate.shared`). Connections are not spread evenly over
workers, so a client whose connections all reach one worker has that worker's part alone; all
together never have more than the rate. Writes have limits besides that hold for all processes
(see `writes`). A reader without a token, and a guest, is known by address (see `addresses`).
Requests from this very machine without a proxy are not limited.
"""

from collections.abc import Callable
from math import ceil
from time import monotonic

import msgspec
from aiohttp import hdrs, web

from rostra.names import is_guest
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.auth.addresses import Addresses
from rostra_adapters.http.auth.tokens import Token
from rostra_adapters.http.problems import Problem, retry_after
from rostra_adapters.http.request_state import STATE
from rostra_adapters.http.settings import HttpSettings
from rostra_adapters.http_limits import Rate
from rostra_adapters.lru_cache import LruCache

Clock = Callable[[], float]

BUCKETS_KEPT_MAX = 100_000
SERVICES = ("publish", "feed", "admin")
"""Scopes of services, which have a limit of their own."""
UNLIMITED_PATHS = ("/healthz", "/readyz", "/metrics")


class Left(msgspec.Struct, frozen=True):
    """Requests that a caller has left. `wait_seconds` is 0 if this request is granted."""

    policy: str
    rate: Rate
    remaining: int
    reset_seconds: int
    wait_seconds: float

    def headers(self) -> dict[str, str]:
        """Return the fields of the IETF draft on RateLimit header fields."""
        window = ceil(self.rate.burst / self.rate.per_second)
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.rate.burst};w={window}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset_seconds}',
        }


class _Bucket(msgspec.Struct):
    level: float
    at: float


class Buckets:
    """Buckets by caller, filled at a rate; those that were not used for longest are forgotten."""

    def __init__(self, policy: str, rate: Rate, clock: Clock) -> None:
        self._policy = policy
        self._rate = rate
        self._clock = clock
        self._buckets: LruCache[str, _Bucket] = LruCache(BUCKETS_KEPT_MAX)

    def spend(self, caller: str) -> Left:
        """Take one request of a caller from its bucket."""
        bucket = self._filled(caller)
        granted = bucket.level >= 1
        bucket.level -= granted
        return self._left(bucket, is_granted=granted)

    def charge(self, caller: str, requests: float) -> Left:
        """Take from a caller's bucket, which may owe then. Granted is what leaves no debt."""
        bucket = self._filled(caller)
        bucket.level -= requests
        return self._left(bucket, is_granted=bucket.level >= 0)

    def _filled(self, caller: str) -> _Bucket:
        now, rate = self._clock(), self._rate
        bucket = self._buckets.find(caller)
        if bucket is None:
            bucket = _Bucket(rate.burst, now)
            self._buckets.put(caller, bucket)
        bucket.level = min(rate.burst, bucket.level + (now - bucket.at) * rate.per_second)
        bucket.at = now
        return bucket

    def _left(self, bucket: _Bucket, *, is_granted: bool) -> Left:
        rate = self._rate
        return Left(
            policy=self._policy,
            rate=rate,
            remaining=max(int(bucket.level), 0),
            reset_seconds=ceil((rate.burst - bucket.level) / rate.per_second),
            wait_seconds=0.0 if is_granted else (1 - bucket.level) / rate.per_second,
        )


class Limits:
    """Rate limits: the middleware, and the headers for answers."""

    def __init__(self, settings: HttpSettings, clock: Clock = monotonic) -> None:
        self._settings = settings
        self.addresses = Addresses(settings.proxies)
        rates = {
            "person": settings.person_rate,
            "reader": settings.reader_rate,
            "publish": settings.publish_rate,
        }
        self._buckets = {
            policy: Buckets(policy, rate, clock) for policy, rate in rates.items() if rate
        }
        reader_rate = settings.reader_rate
        self._preflights = Buckets("reader", reader_rate, clock) if reader_rate else None
        """By address, beside its requests: browsers send preflights on their own."""

    def charge(self, request: web.Request, requests: float) -> None:
        """Charge a caller for further requests, whether they have them left or not; 0 only checks.

        Raises the problem `too-many-requests` if none are left.
        """
        policy, caller = self._caller(request)
        buckets = self._buckets.get(policy)
        if buckets is None or not caller:
            return
        left = request[STATE].left = buckets.charge(_key(caller), requests)
        if left.wait_seconds and not requests:
            wait = retry_after(ceil(left.wait_seconds))
            raise Problem("too-many-requests", f"the limit is that of a {policy}", headers=wait)

    def admit(self, request: web.Request) -> Left | None:
        """Charge a request to its caller's bucket. Return the rest, None without a limit.

        Raises the problem `too-many-requests`.
        """
        policy, caller = self._caller(request)
        buckets = self._buckets.get(policy)
        if buckets is None or not caller:
            return None
        left = request[STATE].left = buckets.spend(_key(caller))
        if left.wait_seconds:
            wait = retry_after(ceil(left.wait_seconds))
            raise Problem("too-many-requests", f"the limit is that of a {policy}", headers=wait)
        return left

    def may_look_up(self, request: web.Request) -> bool:
        """Charge the look-up for a preflight to its address. Return whether it had one left."""
        address = self.addresses.reader(request)
        if self._preflights is None or not address:
            return True
        return not self._preflights.spend(address).wait_seconds

    def _caller(self, request: web.Request) -> tuple[str, str | Token]:
        """Return the policy that holds for a request, and its caller. A bad token is a reader's."""
        address = self.addresses.reader(request)
        if hdrs.AUTHORIZATION not in request.headers:
            return "reader", address
        try:
            token = tokens.of(request)
        except Problem:
            token = None
        if token is None:
            return "reader", address
        if is_guest(token.person) and address:
            # Guests' tokens cost nothing, and bring no room of their own.
            return "reader", address
        return "person" if token.scopes.isdisjoint(SERVICES) else "publish", token

    def address_of(self, request: web.BaseRequest) -> str:
        """Return the reader's address; empty where there is no limit."""
        return self.addresses.reader(request)


def _key(caller: str | Token) -> str:
    """Return the key of a caller's bucket: a reader's address, or a site and a person on it."""
    if isinstance(caller, str):
        return caller
    return msgspec.json.encode([caller.site, caller.person]).decode()
