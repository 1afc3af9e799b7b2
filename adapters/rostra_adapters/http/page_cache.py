"""Answers of reads that are the same for everybody, as bytes, until what they show may change."""

from collections.abc import Iterable

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware
from multidict import CIMultiDict

from rostra_adapters.http.limits import Limits
from rostra_adapters.http.messages import JSON
from rostra_adapters.http.middleware import ANY_ORIGIN, Handler
from rostra_adapters.http.readers import ORIGINS
from rostra_adapters.views.changes import Begun, Changes, Keep

ENTRY_BYTES = 1_000
"""What an entry takes besides its body, about."""
WAITING = ("min_position", "wait")


class Shown(msgspec.Struct, frozen=True):
    """An answer without what is each request's own. `position` is one that the views had
    reached; `headers` are without it."""

    body: bytes
    etag: str
    headers: CIMultiDict[str]
    position: int
    origins: tuple[str, ...]


def key_of(request: web.Request) -> str | None:
    """What the answer depends on: the path and the query, but for how long to wait for it.
    None where it depends on who asks, too."""
    if hdrs.AUTHORIZATION in request.headers:
        return None
    path = request.raw_path
    if any(name in path for name in WAITING):
        return str(request.rel_url.without_query_params(*WAITING))
    return path


class PageCache:
    """Bounded in bytes; `hits` and `misses` are counted."""

    def __init__(self, changes: Changes, bytes_max: int, compressed_bytes_min: int) -> None:
        self._changes = changes
        self._compressed_bytes_min = compressed_bytes_min
        self._kept: Keep[Shown] = Keep(changes, bytes_max)
        self.hits = 0
        self.misses = 0

    @property
    def bytes(self) -> int:
        return self._kept.weight

    def begin(self, position: int) -> Begun:
        """Before anything is read; `position` is one that the views have reached."""
        return self._kept.begin(position)

    def keep(self, key: str, shown: Shown, prefixes: Iterable[int], begun: Begun) -> None:
        """An answer that was made of these discussions."""
        self.misses += 1
        self._kept.keep(key, shown, prefixes, begun, len(shown.body) + ENTRY_BYTES)

    def find(self, key: str, min_position: int = 0) -> Shown | None:
        """An answer that is right at `min_position` or later."""
        return self._kept.find(key, min_position)

    def middleware(self, limits: Limits) -> Middleware:
        """Answers what is kept before anything else is looked at."""
        find = self._kept.find

        @web.middleware
        async def kept(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.method == hdrs.METH_GET and hdrs.AUTHORIZATION not in request.headers:
                shown = find(request.raw_path)
                if shown is not None and limits.grants(request):
                    return self.again(request, shown)
            return await handler(request)

        return kept

    def again(self, request: web.Request, shown: Shown) -> web.Response:
        """What is kept, once more."""
        self.hits += 1
        return self.answer(request, shown)

    def answer(self, request: web.Request, shown: Shown) -> web.Response:
        """To one request: 304 where it has these bytes already."""
        position = max(shown.position, self._changes.heard)
        headers = shown.headers.copy()
        headers["Rostra-Position"] = str(position)
        request[ORIGINS] = shown.origins
        if _has(request, shown.etag):
            del headers[hdrs.CONTENT_TYPE]
            return web.Response(status=304, headers=headers)
        response = web.Response(body=shown.body, headers=headers)
        if len(shown.body) > self._compressed_bytes_min and hdrs.ACCEPT_ENCODING in request.headers:
            response.enable_compression()
        return response


def shown_of(
    body: bytes,
    tag: str,
    *,
    position: int,
    origins: tuple[str, ...],
    private: bool,
    long: bool,
    media_type: str = JSON,
) -> Shown:
    """An answer; `private` where it is one person's, `long` where it may go compressed."""
    etag = f'"{tag}"'
    headers = CIMultiDict(
        {
            hdrs.CONTENT_TYPE: media_type,
            hdrs.ETAG: etag,
            hdrs.VARY: "Authorization, Accept-Encoding" if long else "Authorization",
            hdrs.CACHE_CONTROL: "private, no-cache" if private else "no-cache",
        }
    )
    if "*" in origins:
        headers.update(ANY_ORIGIN)
    return Shown(body, etag, headers, position, origins)


def _has(request: web.Request, etag: str) -> bool:
    given = request.headers.get(hdrs.IF_NONE_MATCH)
    if given is None:
        return False
    if given == etag:
        return True
    return any(f'"{one.value}"' == etag or one.value == "*" for one in request.if_none_match or ())
