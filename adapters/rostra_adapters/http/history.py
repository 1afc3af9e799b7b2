"""`GET /v1/comments/{id}/history`."""

from aiohttp import web

from rostra import ids
from rostra_adapters.app import App
from rostra_adapters.history import history
from rostra_adapters.http.queries import Query
from rostra_adapters.http.readers import Reader, id_in_path
from rostra_adapters.http.reads import Reads
from rostra_projections.shapes import HistoryPage


class Histories:
    """The handler."""

    def __init__(self, app: App, reads: Reads) -> None:
        self._app = app
        self._reads = reads

    def routes(self) -> list[web.RouteDef]:
        return [self._reads.get("/v1/comments/{id}/history", self._history)]

    async def _history(self, _: Query, reader: Reader, request: web.Request) -> HistoryPage | None:
        comment = id_in_path(request, ids.Kind.COMMENT)
        discussion = ids.discussion_of(comment)
        viewer = await reader.enter(discussion)
        access = await self._app.standing(discussion)
        if access is None:
            return None
        return await history(self._app, access.site, comment, viewer)
