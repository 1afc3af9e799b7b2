"""`/healthz`: the process lives. `/readyz`: it can serve."""

import msgspec
from aiohttp import web

from rostra.log import LogUnavailable
from rostra_adapters.app import App
from rostra_adapters.http.problems import Problem, retry_after
from rostra_adapters.http.settings import HttpSettings

NOT_KEPT = {"Content-Type": "application/json", "Cache-Control": "no-store"}


class Health:
    """The handlers."""

    def __init__(self, app: App, settings: HttpSettings) -> None:
        self._app = app
        self._settings = settings

    async def healthz(self, _: web.Request) -> web.Response:
        return web.Response(body=b'{"status":"ok"}', headers=NOT_KEPT)

    async def readyz(self, _: web.Request) -> web.Response:
        """Raises the problem `not-ready`, and says why."""
        try:
            if not await self._app.healthy():
                raise self._not_ready("the database does not answer")
            head = await self._app.head()
        except LogUnavailable:
            raise self._not_ready("the database does not answer") from None
        lag = head - self._app.position()
        if lag > self._settings.ready_lag_events_max:
            raise self._not_ready(f"the views are {lag} events behind")
        body = msgspec.json.encode({"status": "ready", "head": head, "lag": max(0, lag)})
        return web.Response(body=body, headers=NOT_KEPT)

    def _not_ready(self, detail: str) -> Problem:
        after = retry_after(self._settings.retry_after_seconds)
        return Problem("not-ready", detail, headers=after)
