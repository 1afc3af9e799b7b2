"""The web reader's files: `/embed/rostra.js`, and behind it what it needs, joined into two files
whose path says what they hold, so that a browser may keep them for good.
"""

import gzip
import re
from hashlib import blake2b
from importlib.resources import files

from aiohttp import hdrs, web

from rostra_adapters.http.joining import joined
from rostra_adapters.http.middleware.page_cache import wants_gzip
from rostra_adapters.http.problems import Problem

ENTRY = "rostra.js"
HASH_BYTES = 8
FOR_GOOD = "public, max-age=31536000, immutable"
ASK_AGAIN = "public, max-age=300, must-revalidate"
MEDIA_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
}
# Whole lines of it alone: nothing that stands in a text is taken for one.
_COMMENT = re.compile(rb"^[ \t]*(?://[^\n]*|/\*\*.*?\*/)\n", re.MULTILINE | re.DOTALL)


class File:
    """A file as it is sent."""

    def __init__(self, name: str, data: bytes, cache: str) -> None:
        suffix = name[name.rindex(".") :]
        self.data = data
        self.gzipped = gzip.compress(data, 9, mtime=0)
        self.etag = f'"{_hash(data)}"'
        self.headers = {
            hdrs.CONTENT_TYPE: f"{MEDIA_TYPES[suffix]}; charset=utf-8",
            hdrs.ETAG: self.etag,
            hdrs.CACHE_CONTROL: cache,
            hdrs.VARY: hdrs.ACCEPT_ENCODING,
            "Cross-Origin-Resource-Policy": "cross-origin",  # it is there to be embedded
        }

    def answer(self, request: web.Request) -> web.Response:
        if request.headers.get(hdrs.IF_NONE_MATCH) == self.etag:
            return web.Response(status=304, headers=self.headers)
        if wants_gzip(request):
            headers = {**self.headers, hdrs.CONTENT_ENCODING: "gzip"}
            return web.Response(body=self.gzipped, headers=headers)
        return web.Response(body=self.data, headers=self.headers)


def read(package: str) -> dict[str, bytes]:
    """A folder's files, by name."""
    return {
        file.name: file.read_bytes()
        for file in sorted(files(package).iterdir(), key=lambda file: file.name)
        if file.name.endswith((*MEDIA_TYPES, ".json"))
    }


def without_comments(code: bytes) -> bytes:
    """A module without the lines that are comments alone."""
    return _COMMENT.sub(b"", code)


class Embed:
    """The handlers."""

    def __init__(self) -> None:
        modules = {
            name: without_comments(data).decode()
            for name, data in read("rostra_adapters.web").items()
        }
        files = {name: code.encode() for name, code in joined(modules, ENTRY).items()}
        self.hash = _hash(b"".join(name.encode() + data for name, data in sorted(files.items())))
        entry = f'export * from "./{self.hash}/{ENTRY}";\n'.encode()
        self._entry = File(ENTRY, entry, ASK_AGAIN)
        self._files = {name: File(name, data, FOR_GOOD) for name, data in files.items()}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"/embed/{ENTRY}", self.entry),
            web.get("/embed/{hash}/{name}", self.file),
        ]

    async def entry(self, request: web.Request) -> web.Response:
        return self._entry.answer(request)

    async def file(self, request: web.Request) -> web.Response:
        found = self._files.get(request.match_info["name"])
        if found is None or request.match_info["hash"] != self.hash:
            raise Problem("not-found", "there is no such file")
        return found.answer(request)


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=HASH_BYTES).hexdigest()
