"""What a browser hears before it writes: whether the site takes what its pages send."""

import re
from uuid import UUID

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from rostra import ids
from rostra.log import LogUnavailable
from rostra_adapters.application.app import App
from rostra_adapters.http.auth.readers import ORIGINS

_NAMED = re.compile(r"/v1/(?:discussions|comments)/([0-9a-fA-F-]{36})(?:/|$)")


def preflights_of(app: App) -> Middleware:
    """The middleware that finds the site's `origins` for a question asked beforehand. Where the
    site stands in the body alone, any origin may ask, and the answer to that itself says no; and
    so where it is private, since who asks beforehand shows no token."""

    @web.middleware
    async def named(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == hdrs.METH_OPTIONS and (found := _NAMED.match(request.path)):
            origins = await _origins(app, found[1])
            if origins is not None:
                request[ORIGINS] = origins
        return await handler(request)

    return named


async def _origins(app: App, text: str) -> tuple[str, ...] | None:
    try:
        access = await app.lookup.standing(ids.discussion_of(UUID(text)))
    except (ValueError, LogUnavailable):
        return None
    return None if access is None or access.rules.private else access.rules.origins
