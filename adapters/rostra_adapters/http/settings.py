"""Settings of the HTTP interface, each with its unit in its name."""

import re
from pathlib import Path

import msgspec
from aiohttp import web

from rostra_adapters.http.auth.addresses import LOOPBACK, network
from rostra_adapters.http.auth.key_sources import FixedKeys, KeySource
from rostra_adapters.http_limits import HttpLimits

SECRET_BYTES_MIN = 32
_BASE_URL = re.compile(r"https?://[^\s/?#@\"'<>]+(?:/[A-Za-z0-9._~-]+)*/?")


class Rate(msgspec.Struct, frozen=True):
    """Rate limit: a burst of requests, then `per_second` requests a second."""

    burst: int
    per_second: float

    def __post_init__(self) -> None:
        if self.burst < 1 or self.per_second <= 0:
            raise ValueError("a rate is at least one request, and more than none a second")

    def share(self, workers: int) -> "Rate":
        """Return the part of one of several workers, with a burst of at least one request."""
        return Rate(max(1, self.burst // workers), self.per_second / workers)


class HttpSettings(HttpLimits, frozen=True, kw_only=True):
    """Limits, rates and keys."""

    secret: str = msgspec.field()
    """Signs tokens and checks them (HS256)."""
    previous_secret: str | None = None
    """Checks tokens that were signed before the secret was replaced."""
    jwks: KeySource = FixedKeys()
    """Keys of other issuers of tokens."""
    base_url: str | None = None
    """URL before our paths, if the service is not reached at the root of its host."""
    read_only: bool = False
    """True on a standby: every write is refused."""
    writer_url: str | None = None
    """URL of a service that takes writes, which refusals of a read-only one name."""
    metrics: bool = True  # on the public port
    demo: bool = False
    demo_mails: Path | None = None
    """Folder of the mails that the demo lists."""
    mails: bool = False  # whether readers are mailed, by this process or another
    person_rate: Rate | None = Rate(burst=600, per_second=10.0)  # None: no limit
    reader_rate: Rate | None = Rate(burst=1_200, per_second=20.0)  # without a token
    guest_rate: Rate | None = Rate(burst=5, per_second=0.02)
    """New guests from an address. The rates of writes hold for all processes together."""
    comments_per_person: Rate | None = Rate(burst=10, per_second=0.07)
    """New comments and new wordings: from the eleventh on one every 14 s."""
    comments_per_address: Rate | None = Rate(burst=100, per_second=1.0)
    """An office shares one address."""
    votes_per_person: Rate | None = Rate(burst=100, per_second=1.0)
    votes_per_address: Rate | None = Rate(burst=1_000, per_second=10.0)
    acts_per_person: Rate | None = Rate(burst=30, per_second=0.1)
    """Flags, passages, deletions, and discussions opened."""
    acts_per_address: Rate | None = Rate(burst=300, per_second=1.0)
    marks_per_address: Rate | None = Rate(burst=100, per_second=0.001)
    """Passages: some 90 a day, so that no address uses up the places of an article."""
    bytes_per_person: Rate | None = Rate(burst=64 * 1024, per_second=512.0)
    """Of the bodies of comments: four of the longest at once, then one every 32 s."""
    bytes_per_address: Rate | None = Rate(burst=1024 * 1024, per_second=16 * 1024.0)
    preview_rate: Rate | None = Rate(burst=60, per_second=0.5)  # of a person
    publish_rate: Rate | None = None
    proxies: tuple[str, ...] = LOOPBACK
    """Addresses and networks whose forwarding headers are trusted. The default is for a service
    that listens on loopback only."""

    def __post_init__(self) -> None:
        for secret in self.secrets:
            if len(secret.encode()) < SECRET_BYTES_MIN:
                raise ValueError(f"the secret is shorter than {SECRET_BYTES_MIN} bytes")
        for proxy in self.proxies:
            network(proxy)
        if self.base_url is not None:
            msgspec.structs.force_setattr(self, "base_url", checked_base_url(self.base_url))
        if self.writer_url is not None:
            msgspec.structs.force_setattr(self, "writer_url", checked_base_url(self.writer_url))

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that tokens may be signed with, the current one first."""
        return (self.secret, *filter(None, [self.previous_secret]))


def checked_base_url(url: str) -> str:
    """Return a base URL without a slash at its end. Raises ValueError."""
    if not _BASE_URL.fullmatch(url):
        raise ValueError(f"the base URL must be like https://example.org/comments, not {url!r}")
    return url.rstrip("/")


SETTINGS = web.AppKey("settings", HttpSettings)
