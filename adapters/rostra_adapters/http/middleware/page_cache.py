"""Answers of reads that are the same for everybody, as bytes, until what they show may change."""

import gzip
from collections.abc import Callable, Iterable, Mapping

import msgspec
from aiohttp import hdrs, web
from multidict import CIMultiDict

from rostra_adapters.application.invalidation import ChangeFeed, InvalidatedCache, ReadMark
from rostra_adapters.http.auth.readers import ORIGINS
from rostra_adapters.http.messages import is_known
from rostra_adapters.http.middleware.problems_and_cors import ANY_ORIGIN
from rostra_adapters.http.middleware.security_headers import secure

ENTRY_BYTES = 1_000
"""What an entry takes besides its body, about."""
GZIP_LEVEL = 6
POSITION = "Rostra-Position"
WAITING = ("min_position", "wait")


class CachedPage(msgspec.Struct):
    """An answer without what is each request's own. `position` is the lowest that its reads saw;
    `headers` are without it; `route` is the pattern of the path."""

    body: bytes
    etag: str
    headers: CIMultiDict[str]
    position: int
    origins: tuple[str, ...]
    route: str
    long: bool
    gzipped: bytes = b""
    heads: dict[str, bytes] = msgspec.field(default_factory=dict)

    def in_gzip(self) -> bytes:
        """The body compressed, once for all who ask for it."""
        if not self.gzipped:
            self.gzipped = gzip.compress(self.body, GZIP_LEVEL, mtime=0)
        return self.gzipped


def key_of(request: web.BaseRequest) -> str | None:
    """What the answer depends on: the path and the query, but for how long to wait for it.
    None where it depends on who asks, too."""
    if hdrs.AUTHORIZATION in request.headers:
        return None
    path = request.raw_path
    if any(name in path for name in WAITING):
        return str(request.rel_url.without_query_params(*WAITING))
    return path


class PageCache:
    """Cache of answers, bounded in bytes. While `is_current` says that erasures may have been
    missed, nothing is found: a process that was stopped answers before it looks for them."""

    def __init__(self, changes: ChangeFeed, bytes_max: int, is_current: Callable[[], bool]) -> None:
        self._changes = changes
        self._is_current = is_current
        self._kept: InvalidatedCache[CachedPage] = InvalidatedCache(changes, bytes_max)
        self.hits = 0
        self.misses = 0

    @property
    def bytes(self) -> int:
        return self._kept.weight

    def begin(self, position: int) -> ReadMark:
        """Before anything is read; `position` is one that the views have reached."""
        return self._kept.begin(position)

    def keep(self, key: str, shown: CachedPage, prefixes: Iterable[int], begun: ReadMark) -> None:
        """An answer that was made of these discussions."""
        self.misses += 1
        weight = ENTRY_BYTES + len(shown.body) * (2 if shown.long else 1)
        self._kept.keep(key, shown, prefixes, begun, weight)

    def find(self, key: str, min_position: int = 0) -> CachedPage | None:
        """An answer that is right at `min_position` or later."""
        if not self._is_current():
            return None
        return self._kept.find(key, min_position)

    def position(self, shown: CachedPage) -> int:
        """The position at which an answer that was just found is known to be right."""
        return max(shown.position, self._changes.heard)

    def answer(self, request: web.BaseRequest, shown: CachedPage, position: int) -> web.Response:
        """Answer one request with what is right at a position: 304 where it has these bytes."""
        request[ORIGINS] = shown.origins
        headers = shown.headers.copy()
        headers[POSITION] = str(position)
        if is_known(request, shown.etag):
            del headers[hdrs.CONTENT_TYPE]
            return web.Response(status=304, headers=headers)
        if shown.long and wants_gzip(request):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            return web.Response(body=shown.in_gzip(), headers=headers)
        return web.Response(body=shown.body, headers=headers)


def shown_of(
    request: web.Request,
    body: bytes,
    tag: str,
    *,
    position: int,
    route: str,
    long: bool,
    media_type: str,
    headers: Mapping[str, str],
) -> CachedPage:
    """The answer to a request; `long` where it may go compressed."""
    etag, origins = f'"{tag}"', request.get(ORIGINS, ("*",))
    private = hdrs.AUTHORIZATION in request.headers
    always = CIMultiDict(
        {
            **headers,
            hdrs.CONTENT_TYPE: media_type,
            hdrs.ETAG: etag,
            hdrs.VARY: "Authorization, Accept-Encoding" if long else "Authorization",
            hdrs.CACHE_CONTROL: "private, no-cache" if private else "no-cache",
        }
    )
    if "*" in origins:
        always.update(ANY_ORIGIN)
    secure(always)
    return CachedPage(body, etag, always, position, origins, route, long)


def wants_gzip(request: web.BaseRequest) -> bool:
    """Whether the answer may go compressed."""
    asked = request.headers.get(hdrs.ACCEPT_ENCODING)
    return asked is not None and "gzip" in asked and "gzip;q=0" not in asked.replace(" ", "")
