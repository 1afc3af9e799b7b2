"""`POST /v1/preview`: a comment rendered as HTML. Nothing is recorded."""

from time import monotonic
from uuid import UUID

import msgspec
from aiohttp import web

from rostra import ids
from rostra.settings import Rules
from rostra_adapters.application.access import NO_SITE
from rostra_adapters.application.app import App
from rostra_adapters.application.queries.renderings import Markdown
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.auth.readers import Reader
from rostra_adapters.http.bodies import decode_body
from rostra_adapters.http.messages import answer
from rostra_adapters.http.middleware.limits import Buckets, Clock
from rostra_adapters.http.problems import Problem, retry_after
from rostra_adapters.http.request_state import STATE
from rostra_adapters.http.routes.person_acts import NewWording
from rostra_adapters.http.settings import HttpSettings


class PreviewShape(msgspec.Struct):
    """The body's HTML, as it would be served."""

    html: str


class Previewed(NewWording, frozen=True, kw_only=True):
    """`discussion` is where it would be posted; without it the settings of the site hold."""

    discussion: UUID | None = None


class Previews:
    """Route of previews. A person's previews have a limit of their own."""

    def __init__(self, app: App, settings: HttpSettings, clock: Clock = monotonic) -> None:
        self._app = app
        self._settings = settings
        rate = settings.preview_rate
        self._buckets = None if rate is None else Buckets("preview", rate, clock)

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/preview", self.preview)]

    async def preview(self, request: web.Request) -> web.Response:
        token = tokens.require_token(request, "comment")
        if request[STATE].body is None:  # else it is called again
            self._charge(token)
        new = await decode_body(
            request, Previewed, bytes_max=self._settings.person_request_bytes_max
        )
        breaks = (await self._rules(request, token, new.discussion)).breaks
        html = await self._app.renderings.render_once(Markdown(new.body, breaks))
        limit = self._settings.compressed_bytes_min
        body = msgspec.json.encode(PreviewShape(html=html))
        return answer(request, body, compressed_bytes_min=limit)

    async def _rules(
        self, request: web.Request, token: tokens.Token, discussion: UUID | None
    ) -> Rules:
        """Return the rules of a discussion, or those of the site if it is hidden or unknown."""
        if discussion is not None and ids.kind_of(discussion) == ids.Kind.DISCUSSION:
            access = await self._app.lookup.access(discussion)
            reader = Reader(request, self._app)
            if access is not None and reader.may_read(access.site, access.rules):
                return access.rules
        return await self._app.lookup.site_rules(token.site or NO_SITE)

    def _charge(self, token: tokens.Token) -> None:
        """Charge a preview to the person. Raises the problem `too-many-requests`."""
        if self._buckets is None:
            return
        left = self._buckets.spend(msgspec.json.encode([token.site, token.person]).decode())
        if left.wait_seconds:
            wait = retry_after(left.wait_seconds)
            raise Problem("too-many-requests", "the limit is that of previews", headers=wait)
