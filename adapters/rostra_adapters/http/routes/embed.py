"""Routes of the web reader: its entries, the joined files that they lead to, and the languages.

The path of a joined file holds a hash of all, so that a browser may cache them for good.
"""

import gzip
import json
import re
from functools import cache
from hashlib import blake2b
from importlib.resources import files

from aiohttp import hdrs, web

from rostra_adapters.http.joining import join_modules
from rostra_adapters.http.messages import wants_gzip
from rostra_adapters.http.problems import Problem

ENTRIES = ("rostra.js", "count.js")
TYPES = "rostra.d.ts"
WEB = "rostra_adapters.web"
LANGUAGES = f"{WEB}.languages"
PEOPLE_LANGUAGES = f"{LANGUAGES}.people"
HASH_BYTES = 8
FOR_GOOD = "public, max-age=31536000, immutable"
ASK_AGAIN = "public, max-age=300, must-revalidate"
WORDS = {"languages": LANGUAGES, "languages/people": PEOPLE_LANGUAGES}
"""Folders of words, of the whole reader and of its parts for those who come back."""
MEDIA_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".json": "application/json",
    ".ts": "text/plain",
    ".svg": "image/svg+xml",
}
# Only comments that fill whole lines: text in a literal is never taken for one.
_COMMENT = re.compile(rb"^[ \t]*(?://[^\n]*|/\*\*(?:(?!\*/).)*\*/)\n", re.MULTILINE | re.DOTALL)
_CAST = re.compile(rb"/\*\* @(?:type|param) [^*\n]*\*/ ?")
_STYLE_COMMENT = re.compile(rb"^[ \t]*/\*(?:(?!\*/).)*\*/\n", re.MULTILINE | re.DOTALL)
_INDENT = re.compile(rb"^\s+", re.MULTILINE)


class File:
    """A file as it is sent."""

    def __init__(self, name: str, data: bytes, cache: str) -> None:
        suffix = name[name.rindex(".") :]
        self.data = data
        self.gzipped = gzip.compress(data, 9, mtime=0)
        self.etag = f'"{hash_of(data)}"'
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
    """Return the web files of a package's folder by name."""
    return {
        file.name: file.read_bytes()
        for file in sorted(files(package).iterdir(), key=lambda file: file.name)
        if file.name.endswith(tuple(MEDIA_TYPES))
    }


def compact_code(code: bytes) -> bytes:
    """Return a module without indentation, empty lines, types and lines that are only comments.

    Raises ValueError for a literal of several lines, whose indentation is part of it.
    """
    compact = _INDENT.sub(b"", _CAST.sub(b"", _COMMENT.sub(b"", code)))
    if odd := next((line for line in compact.splitlines() if line.count(b"`") % 2), None):
        raise ValueError(f"a literal goes on after its line: {odd.decode()}")
    return compact


def compact_style(sheet: bytes) -> bytes:
    """Return a style sheet without indentation, empty lines and lines that are only comments."""
    return _INDENT.sub(b"", _STYLE_COMMENT.sub(b"", sheet))


def compact(name: str, data: bytes) -> str:
    return (compact_style(data) if name.endswith(".css") else compact_code(data)).decode()


class Embed:
    """Routes of the web reader's files."""

    def __init__(self) -> None:
        sources, languages = read(WEB), read(LANGUAGES)
        modules = {
            name: compact(name, data)
            for name, data in {**languages, **sources}.items()
            if name.endswith((".js", ".css", ".json"))
        }
        code = [join_modules(modules, entry) for entry in ENTRIES]
        files = {name: text.encode() for made in code for name, text in made.items()}
        words = {
            f"{folder}/{name}": compact_json(data)
            for folder, tables in WORDS.items()
            for name, data in read(tables).items()
        }
        files |= words
        self.hash = hash_of(b"".join(name.encode() + data for name, data in sorted(files.items())))
        self._files = {name: File(name, data, FOR_GOOD) for name, data in files.items()}
        self._entries = {TYPES: File(TYPES, sources[TYPES], ASK_AGAIN)}
        for name in ENTRIES:
            entry = f'export * from "./{self.hash}/{name}";\n'.encode()
            self._entries[name] = File(name, entry, ASK_AGAIN)

    def routes(self) -> list[web.RouteDef]:
        return [
            *(web.get(f"/embed/{name}", self.entry) for name in self._entries),
            web.get("/embed/{hash}/{name}", self.file),
            *(web.get(f"/embed/{{hash}}/{folder}/{{name}}", self.words) for folder in WORDS),
        ]

    async def entry(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        return self._entries[name].answer(request)

    async def file(self, request: web.Request) -> web.Response:
        return self._found(request, request.match_info["name"])

    async def words(self, request: web.Request) -> web.Response:
        return self._found(request, request.path.partition(f"/{self.hash}/")[2])

    def _found(self, request: web.Request, name: str) -> web.Response:
        found = self._files.get(name)
        if found is None or request.match_info["hash"] != self.hash:
            raise Problem("not-found", "there is no such file")
        return found.answer(request)


@cache
def web_reader() -> Embed:
    """Return the handlers of the installed web reader; its files are joined once a process."""
    return Embed()


def compact_json(data: bytes) -> bytes:
    return json.dumps(json.loads(data), ensure_ascii=False, separators=(",", ":")).encode()


def hash_of(data: bytes) -> str:
    return blake2b(data, digest_size=HASH_BYTES).hexdigest()
