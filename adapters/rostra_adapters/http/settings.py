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


class HttpSettings(HttpLimits, frozen=True, kw_only=True):
    """Keys and addresses, with the limits."""

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
