"""`/healthz`: the process lives. `/readyz`: it can serve."""

import asyncio

import msgspec
from aiohttp import web

from rostra.log import LogUnavailable
from rostra_adapters.aio.background import failing_tasks
from rostra_adapters.application.app import App, Status
from rostra_adapters.application.ports import SILENT_SECONDS_MAX, ProjectorStatus
from rostra_adapters.errors import ViewBehind
from rostra_adapters.http.problems import Problem, retry_after
from rostra_adapters.http.settings import HttpSettings

NOT_KEPT = {"Content-Type": "application/json", "Cache-Control": "no-store"}
ANSWER_SECONDS_MAX = 2.0


async def healthz(_: web.Request) -> web.Response:
    """Answer 200: the process handles requests."""
    return web.Response(body=b'{"status":"ok"}', headers=NOT_KEPT)


class Health:
    """Handler of `/readyz`."""

    def __init__(self, app: App, settings: HttpSettings) -> None:
        self._app = app
        self._settings = settings

    async def readyz(self, _: web.Request) -> web.Response:
        """Answer 200 if the service is ready. Raises the problem `not-ready` with the reason."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await self._app.wait(0, 0.0)  # as a read waits after a reconnection
                status = await self._app.status()
                silent = await self._app.heartbeat_age()
        except (LogUnavailable, TimeoutError):
            raise self._not_ready("the database does not answer") from None
        except ViewBehind:
            raise self._not_ready("the views catch up after a reconnection") from None
        lag = _lag(status)
        if lag > self._settings.ready_lag_events_max:
            raise self._not_ready(f"the views are {lag} events behind")
        if self._settings.read_only:
            if not self._app.ring.is_current:
                raise self._not_ready(
                    f"the standby is {silent:.0f} seconds behind; words are hidden"
                )
            return _ready(status.head, lag)
        if silent > SILENT_SECONDS_MAX:
            raise self._not_ready(f"the primary has acknowledged no write for {silent:.0f} seconds")
        projector = status.projector
        if projector is None or projector.is_lost:
            raise self._not_ready(f"no process projects: {_last_projector(projector)}")
        if failing := failing_tasks():
            names = ", ".join(task.name for task in failing)
            raise self._not_ready(f"background tasks fail: {names}; the log says why")
        return _ready(status.head, lag)

    def _not_ready(self, detail: str) -> Problem:
        after = retry_after(self._settings.retry_after_seconds)
        return Problem("not-ready", detail, headers=after)


def _ready(head: int, lag: int) -> web.Response:
    body = msgspec.json.encode({"status": "ready", "head": head, "lag": lag})
    return web.Response(body=body, headers=NOT_KEPT)


def _last_projector(projector: ProjectorStatus | None) -> str:
    if projector is None:
        return "none has yet"
    name = f"{projector.host}:{projector.pid}"
    return f"the last was {name}, silent for {projector.silent_seconds:.0f} seconds"


def _lag(status: Status) -> int:
    """Return the lag of the view of Rostra that is furthest behind."""
    return max((view.lag for view in status.views if not view.is_own), default=0)
