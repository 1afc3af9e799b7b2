"""A site's `origins` for a CORS preflight."""

import re
from uuid import UUID

from rostra import ids
from rostra.log import LogUnavailable
from rostra_adapters.application.app import App

_NAMED = re.compile(r"/v1/(?:discussions|comments)/([0-9a-fA-F-]{36})(?:/|$)")


async def origins_of(app: App, path: str) -> tuple[str, ...] | None:
    """Return the origins that may send a request to a path, None for any.

    A request that names its site only in the body may come from any origin: its own answer refuses
    it. So may a request to a private site, because a preflight request has no token.
    """
    if (found := _NAMED.match(path)) is None:
        return None
    try:
        access = await app.lookup.current_access(ids.discussion_of(UUID(found[1])))
    except (ValueError, LogUnavailable):
        return None
    return None if access is None or access.rules.private else access.rules.origins
