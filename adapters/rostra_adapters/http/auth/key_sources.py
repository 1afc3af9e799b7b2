"""Keys of other issuers, read again when their file changes or fetched again by https."""

import asyncio
import logging
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp import hdrs, web

from rostra_adapters.aio.background import BackgroundTask
from rostra_adapters.errors import JwksError
from rostra_adapters.http.auth import jwks
from rostra_adapters.http.auth.jwks import BYTES_MAX, TokenKey

FILE_LOOK_SECONDS = 2.0
FETCH_SECONDS_MAX = 10.0
FRESH_SECONDS_DEFAULT = 300.0
"""Seconds until keys are fetched again whose answer says nothing of caching."""
FRESH_SECONDS_MIN = 60.0
FRESH_SECONDS_MAX = 86_400.0
RETRY_SECONDS_MIN = 10.0
RETRY_SECONDS_MAX = 300.0
CHUNK_BYTES = 16 * 1024
ACCEPT = "application/jwk-set+json, application/json"

_logger = logging.getLogger(__name__)


class KeySource(Protocol):
    """Source of public keys. Reading them causes no I/O."""

    keys: Sequence[TokenKey]

    def on_change(self, call: Callable[[], None]) -> None:
        """Have a function called whenever the keys change."""

    async def following(self, _: web.Application) -> AsyncIterator[None]:
        """Keep the keys up to date while an application runs."""
        yield


class FixedKeys:
    """Keys that never change."""

    def __init__(self, keys: Sequence[TokenKey] = ()) -> None:
        self.keys = keys

    def on_change(self, call: Callable[[], None]) -> None:
        pass

    async def following(self, _: web.Application) -> AsyncIterator[None]:
        yield


class _Followed(ABC):
    """Keys that a task keeps up to date."""

    def __init__(self, keys: Sequence[TokenKey] = ()) -> None:
        self.keys = keys
        self._warning: str | None = None
        self._calls: list[Callable[[], None]] = []

    def on_change(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    async def following(self, _: web.Application) -> AsyncIterator[None]:
        seconds = await self._look()
        work = partial(self._follow, seconds)
        task = BackgroundTask(work, "jwks")
        yield
        await task.end()

    async def _follow(self, seconds: float) -> AsyncGenerator[None, None]:
        while True:
            yield
            await asyncio.sleep(seconds)
            seconds = await self._look()

    @abstractmethod
    async def _look(self) -> float:
        """Look once. Return the seconds until the next look."""

    def _take(self, keys: Sequence[TokenKey]) -> None:
        self._warning = None
        if [key.entry for key in keys] != [key.entry for key in self.keys]:
            self.keys = keys
            for call in self._calls:
                call()

    def _warn(self, error: object) -> None:
        """Log an error, unless the last attempt failed with the same error."""
        if (warning := str(error)) != self._warning:
            _logger.warning("%s; the keys that were read before still hold", warning)
        self._warning = warning


class KeyFile(_Followed):
    """Keys of a file, read again when it changes. Raises JwksError where it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _signature(path)
        super().__init__(jwks.read(path))

    async def _look(self) -> float:
        try:
            seen = await asyncio.to_thread(_signature, self._path)
            if seen != self._seen:
                self._take(await asyncio.to_thread(jwks.read, self._path))
                self._seen = seen
        except JwksError as error:
            self._warn(error)
        return FILE_LOOK_SECONDS


def _signature(path: Path) -> tuple[int, int, int]:
    """Return what changes with a file. Raises JwksError."""
    try:
        stat = path.stat()
    except OSError as error:
        raise JwksError(f"{path} cannot be read: {error.strerror}") from None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


class KeyUrl(_Followed):
    """Keys at an https URL, fetched again as its cache headers say.

    Raises JwksError for any other URL.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise JwksError(f"{url} is no https URL")
        super().__init__()
        self._url = url
        self._etag: str | None = None
        self._failures = 0
        self._tls: ssl.SSLContext | None = None

    async def _look(self) -> float:
        try:
            seconds = await self._fetch()
        except (
            aiohttp.ClientError,
            OSError,  # TimeoutError among them
            ValueError,
            msgspec.DecodeError,
            JwksError,
        ) as error:
            said = str(error) or type(error).__name__
            self._warn(f"{self._url} cannot be fetched: {said}")
        except Exception:
            _logger.exception("fetching %s failed", self._url)
        else:
            self._failures = 0
            return seconds
        self._failures += 1
        return min(RETRY_SECONDS_MIN * 2.0 ** min(self._failures - 1, 10), RETRY_SECONDS_MAX)

    async def _fetch(self) -> float:
        """Take the keys. Return for how many seconds they are fresh."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        headers = {hdrs.ACCEPT: ACCEPT}
        if self._etag is not None:
            headers[hdrs.IF_NONE_MATCH] = self._etag
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS_MAX)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(
                self._url, headers=headers, ssl=self._tls, allow_redirects=False
            ) as response,
        ):
            if response.status != web.HTTPNotModified.status_code:
                if response.status != web.HTTPOk.status_code:
                    raise JwksError(f"the answer is {response.status}")
                self._take(jwks.keys(await _body(response)))
                self._etag = response.headers.get(hdrs.ETAG)
            return fresh_seconds(response.headers)


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        body += chunk
        if len(body) > BYTES_MAX:
            raise JwksError(f"the answer is longer than {BYTES_MAX} bytes")
    return bytes(body)


def fresh_seconds(headers: Mapping[str, str]) -> float:
    """Return for how long an answer may be kept (RFC 9111), within our bounds."""
    seconds = FRESH_SECONDS_DEFAULT
    directives = {
        name.strip().lower(): value.strip(' "')
        for name, _, value in (
            part.partition("=") for part in headers.get(hdrs.CACHE_CONTROL, "").split(",")
        )
    }
    try:
        if "no-store" in directives or "no-cache" in directives:
            seconds = 0
        elif "max-age" in directives:
            seconds = int(directives["max-age"]) - int(headers.get(hdrs.AGE, 0))
        elif hdrs.EXPIRES in headers:
            expires = parsedate_to_datetime(headers[hdrs.EXPIRES]).timestamp()
            date = headers.get(hdrs.DATE)
            seconds = expires - (parsedate_to_datetime(date).timestamp() if date else time.time())
    except (ValueError, OverflowError):  # a header that says nothing
        pass
    return min(max(seconds, FRESH_SECONDS_MIN), FRESH_SECONDS_MAX)


def source_of(place: str) -> KeySource:
    """Return the keys at a path or an https URL. Raises JwksError."""
    return KeyUrl(place) if "://" in place else KeyFile(Path(place))
