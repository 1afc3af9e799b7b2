"""`GET /v1/comments/{id}/history`."""

from aiohttp import web

from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.application.queries.history import history
from rostra_adapters.http.auth.readers import Reader, id_in_path
from rostra_adapters.http.queries import AS_OF, Query
from rostra_adapters.http.routes.reads import ReadRoutes
from rostra_projections.responses.shapes import HistoryPage


class Histories:
    """Route of a comment's history."""

    def __init__(self, app: App, reads: ReadRoutes) -> None:
        self._app = app
        self._reads = reads

    def routes(self) -> list[web.RouteDef]:
        return [self._reads.get("/v1/comments/{id}/history", self._history, AS_OF)]

    async def _history(
        self, query: Query, reader: Reader, request: web.Request
    ) -> HistoryPage | None:
        comment = id_in_path(request, ids.Kind.COMMENT)
        discussion = ids.discussion_of(comment)
        asked = await reader.enter(discussion, as_of=query.as_of())
        access = await self._app.lookup.current_access(discussion)
        if access is None:
            return None
        return await history(self._app, access, comment, asked.viewer, asked.past)
