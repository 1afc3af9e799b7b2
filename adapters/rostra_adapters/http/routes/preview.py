"""`POST /v1/preview`: how a comment would be shown. Nothing is recorded."""

from time import monotonic

import msgspec
from aiohttp import web

from rostra_adapters.application.queries.renderings import Renderings
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.bodies import decode_body
from rostra_adapters.http.messages import answer
from rostra_adapters.http.middleware.limits import Buckets, Clock
from rostra_adapters.http.problems import Problem, retry_after
from rostra_adapters.http.routes.persons import NewWording
from rostra_adapters.http.settings import HttpSettings


class PreviewShape(msgspec.Struct):
    """The body's HTML, as it would be served."""

    html: str


class Previews:
    """The handler. A person's previews have a limit of their own."""

    def __init__(
        self, renderings: Renderings, settings: HttpSettings, clock: Clock = monotonic
    ) -> None:
        self._renderings = renderings
        self._settings = settings
        rate = settings.preview_rate
        self._buckets = None if rate is None else Buckets("preview", rate, clock)

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/preview", self.preview)]

    async def preview(self, request: web.Request) -> web.Response:
        token = tokens.require_token(request, "comment")
        self._charge(token)
        new = await decode_body(
            request, NewWording, bytes_max=self._settings.person_request_bytes_max
        )
        html = await self._renderings.render_once(new.body)
        limit = self._settings.compressed_bytes_min
        body = msgspec.json.encode(PreviewShape(html=html))
        return answer(request, body, compressed_bytes_min=limit)

    def _charge(self, token: tokens.Token) -> None:
        """Raises the problem `too-many-requests`."""
        if self._buckets is None:
            return
        left = self._buckets.spend(msgspec.json.encode([token.site, token.person]).decode())
        if left.wait_seconds:
            wait = retry_after(left.wait_seconds)
            raise Problem("too-many-requests", "the limit is that of previews", headers=wait)
