"""`POST /v1/preview`: how a comment would be shown. Nothing is recorded."""

import msgspec
from aiohttp import web

from rostra_adapters.http import tokens
from rostra_adapters.http.bodies import decoded
from rostra_adapters.http.messages import answer
from rostra_adapters.http.persons import NewWording
from rostra_adapters.http.settings import HttpSettings
from rostra_adapters.rendering import render


class PreviewShape(msgspec.Struct):
    """The body's HTML, as it would be served."""

    html: str


class Previews:
    """The handler."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/preview", self.preview)]

    async def preview(self, request: web.Request) -> web.Response:
        tokens.needed(request, "comment")
        new = await decoded(request, NewWording, bytes_max=self._settings.request_bytes_max)
        shape = PreviewShape(html=render(new.body))
        limit = self._settings.compressed_bytes_min
        return answer(request, msgspec.json.encode(shape), compressed_bytes_min=limit)
