"""Cache of answers as bytes. An entry is valid until its discussions may have changed."""

import gzip
import math
from collections.abc import Iterable, Mapping
from time import monotonic

import msgspec
from aiohttp import hdrs, web
from multidict import CIMultiDict

from rostra_adapters.application.invalidation import ChangeFeed, InvalidatedCache, ReadMark
from rostra_adapters.http.base_urls import forwarded_prefix
from rostra_adapters.http.messages import header_lines, is_known, status_line, wants_gzip
from rostra_adapters.http.middleware.problems_and_cors import ANY_ORIGIN
from rostra_adapters.http.middleware.security_headers import secure
from rostra_adapters.http.request_state import STATE
from rostra_adapters.keys.ring import StoredKeyRing

ENTRY_BYTES = 1_000
"""Approximate size of an entry without its body."""
GZIP_LEVEL = 6
METHODS = (hdrs.METH_GET, hdrs.METH_HEAD)
POSITION = "Rostra-Position"
WAITING = ("min_position", "wait")


class CachedPage(msgspec.Struct):
    """An answer without the headers that each request has of its own."""

    body: bytes
    etag: str
    headers: CIMultiDict[str]
    position: int
    """Lowest position that its reads saw."""
    origins: tuple[str, ...]
    long: bool
    """True if it may be sent compressed."""
    expires: float = math.inf
    """Time on the monotonic clock from which it is not used."""
    gzipped: bytes = b""
    heads: dict[str, bytes] = msgspec.field(default_factory=dict)
    """Bytes of the head by form: `200`, `304` and `gzip`."""

    def in_gzip(self) -> bytes:
        """Return the body compressed, once for all who ask for it."""
        if not self.gzipped:
            self.gzipped = gzip.compress(self.body, GZIP_LEVEL, mtime=0)
        return self.gzipped

    def parts(self, request: web.BaseRequest) -> tuple[int, bytes, bytes]:
        """Return the status of an answer, the shared part of its head, and its body."""
        if is_known(request, self.etag):
            return 304, self._head("304"), b""
        if self.long and wants_gzip(request):
            return 200, self._head("gzip"), self.in_gzip()
        return 200, self._head("200"), self.body

    def _head(self, form: str) -> bytes:
        head = self.heads.get(form)
        if head is None:
            headers = dict(self.headers)
            if form == "304":
                del headers[hdrs.CONTENT_TYPE]
            elif form == "gzip":
                headers |= {
                    hdrs.CONTENT_ENCODING: "gzip",
                    hdrs.CONTENT_LENGTH: str(len(self.in_gzip())),
                }
            else:
                headers[hdrs.CONTENT_LENGTH] = str(len(self.body))
            status = 304 if form == "304" else 200
            head = self.heads[form] = status_line(status) + header_lines(headers)
        return head


def key_of(request: web.BaseRequest) -> str | None:
    """Return the key of a request's answer in the cache, None if it depends on the reader.

    The key is the path with the query, without the parameters of waiting. The prefix of a proxy
    comes before it, since links name the prefix.
    """
    if hdrs.AUTHORIZATION in request.headers:
        return None
    path = request.raw_path
    if any(name in path for name in WAITING):
        path = str(request.rel_url.without_query_params(*WAITING))
    return forwarded_prefix(request) + path


class PageCache:
    """Cache of answers, bounded in bytes.

    While the key ring is not current, erasures may have been missed, and nothing is found: a
    process that was stopped answers before it looks for them.
    """

    def __init__(self, changes: ChangeFeed, bytes_max: int, ring: StoredKeyRing) -> None:
        self._changes = changes
        self._ring = ring
        self._cache: InvalidatedCache[CachedPage] = InvalidatedCache(changes, bytes_max)
        self.hits = 0
        self.misses = 0

    @property
    def bytes(self) -> int:
        """Size of the cached answers."""
        return self._cache.weight

    def begin(self, position: int) -> ReadMark:
        """Mark the beginning of a read; `position` is one that the views have reached."""
        return self._cache.begin(position)

    def put(self, key: str, shown: CachedPage, prefixes: Iterable[int], begun: ReadMark) -> None:
        """Cache an answer that was made of the discussions with these prefixes."""
        self.misses += 1
        weight = ENTRY_BYTES + len(shown.body) * (2 if shown.long else 1)
        self._cache.put(key, shown, prefixes, begun, weight)

    def find(self, key: str, min_position: int = 0) -> CachedPage | None:
        """Return a cached answer that is right at `min_position` or later."""
        if not self._ring.is_current:
            return None
        shown = self._cache.find(key, min_position)
        return None if shown is None or shown.expires <= monotonic() else shown

    def find_for(self, request: web.BaseRequest) -> CachedPage | None:
        """Return the cached answer to a request of a reader without a token."""
        if hdrs.AUTHORIZATION in request.headers or request.method not in METHODS:
            return None
        shown = self.find(forwarded_prefix(request) + request.raw_path)
        if shown is not None:
            self.hits += 1
        return shown

    def position(self, shown: CachedPage) -> int:
        """Return the position at which an answer that was just found is known to be right."""
        return max(shown.position, self._changes.last_position)

    def answer(self, request: web.BaseRequest, shown: CachedPage, position: int) -> web.Response:
        """Answer a request with a page that is right at a position, or with 304."""
        request[STATE].origins = shown.origins
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
    long: bool,
    media_type: str,
    headers: Mapping[str, str],
) -> CachedPage:
    """Return the answer to a request; `long` where it may go compressed."""
    etag, origins = f'"{tag}"', request[STATE].origins
    private = hdrs.AUTHORIZATION in request.headers
    varies = [hdrs.AUTHORIZATION, hdrs.ACCEPT_ENCODING if long else "", headers.get(hdrs.VARY, "")]
    always = CIMultiDict(
        {
            **headers,
            hdrs.CONTENT_TYPE: media_type,
            hdrs.ETAG: etag,
            hdrs.VARY: ", ".join(filter(None, varies)),
            hdrs.CACHE_CONTROL: "private, no-cache" if private else "no-cache",
        }
    )
    if "*" in origins:
        always.update(ANY_ORIGIN)
    secure(always)
    return CachedPage(body, etag, always, position, origins, long)
