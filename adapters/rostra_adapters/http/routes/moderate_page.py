"""`/moderate`: the page for moderators, and the element on it for pages of others.

Its files are joined of its own modules and those of the web reader that it shares.
"""

from functools import cache

from aiohttp import web

from rostra_adapters.http.joining import join_modules
from rostra_adapters.http.middleware.security_headers import CONTENT_SECURITY_POLICY
from rostra_adapters.http.problems import Problem
from rostra_adapters.http.routes.embed import (
    ASK_AGAIN,
    FOR_GOOD,
    WEB,
    File,
    compact,
    compact_json,
    hash_of,
    read,
)

PACKAGE = f"{WEB}.moderate"
LANGUAGES = f"{PACKAGE}.languages"
ENTRY, PAGE = "moderate.js", "page.js"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types rostra"
)


class ModeratePage:
    """Routes of the page for moderators and its files."""

    def __init__(self) -> None:
        own, languages = read(PACKAGE), read(LANGUAGES)
        modules = {
            name: compact(name, data)
            for name, data in {**languages, **read(WEB), **own}.items()
            if name.endswith((".js", ".css", ".json"))
        }
        files = {name: text.encode() for name, text in join_modules(modules, ENTRY).items()}
        files |= {name: compact(name, own[name]).encode() for name in (PAGE, "page.css")}
        files |= {f"languages/{name}": compact_json(data) for name, data in languages.items()}
        self.hash = hash_of(b"".join(name.encode() + data for name, data in sorted(files.items())))
        self._files = {name: File(name, data, FOR_GOOD) for name, data in files.items()}
        entry = f'export * from "./{self.hash}/{ENTRY}";\n'.encode()
        self._entry = File(ENTRY, entry, ASK_AGAIN)
        page = own["moderate.html"].replace(b"{hash}", self.hash.encode())
        self._page = File("moderate.html", page, ASK_AGAIN)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/moderate", self.page),
            web.get(f"/moderate/{ENTRY}", self.entry),
            web.get("/moderate/{hash}/{name}", self.file),
            web.get("/moderate/{hash}/languages/{name}", self.language),
        ]

    async def page(self, request: web.Request) -> web.Response:
        answer = self._page.answer(request)
        answer.headers[CONTENT_SECURITY_POLICY] = POLICY
        return answer

    async def entry(self, request: web.Request) -> web.Response:
        return self._entry.answer(request)

    async def file(self, request: web.Request) -> web.Response:
        return self._found(request, request.match_info["name"])

    async def language(self, request: web.Request) -> web.Response:
        return self._found(request, f"languages/{request.match_info['name']}")

    def _found(self, request: web.Request, name: str) -> web.Response:
        found = self._files.get(name)
        if found is None or request.match_info["hash"] != self.hash:
            raise Problem("not-found", "there is no such file")
        return found.answer(request)


@cache
def moderate_page() -> ModeratePage:
    """Return the handlers of the installed page; its files are joined once a process."""
    return ModeratePage()
