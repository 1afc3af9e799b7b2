"""The HTTP interface as an aiohttp application."""

from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web

from rostra.times import Time, format_time
from rostra_adapters.app import App
from rostra_adapters.http.events import Publishing
from rostra_adapters.http.feed import Feeding
from rostra_adapters.http.health import Health
from rostra_adapters.http.middleware import cors, problems
from rostra_adapters.http.problem_pages import problem_list, problem_page
from rostra_adapters.http.reads import Reads
from rostra_adapters.http.settings import HttpSettings


def utc_now() -> Time:
    """The clock."""
    return format_time(datetime.now(UTC))


def make_app(
    app: App, settings: HttpSettings, *, now: Callable[[], Time] = utc_now
) -> web.Application:
    """Every route of the contract, over one App. Closing the App is its opener's work."""
    made = web.Application(
        middlewares=[cors, problems],
        client_max_size=settings.request_bytes_max,
        handler_args={
            "max_line_size": settings.line_bytes_max,
            "max_field_size": settings.line_bytes_max,
            "access_log": None,
        },
    )
    health, feeding = Health(app, settings), Feeding(app, settings)
    made.on_shutdown.append(feeding.end_waits)
    made.add_routes(
        [
            web.post("/v1/events", Publishing(app, settings, now).post),
            web.get("/v1/events", feeding.get),
            *Reads(app, settings).routes(),
            web.get("/healthz", health.healthz),
            web.get("/readyz", health.readyz),
            web.get("/problems", problem_list),
            web.get("/problems/{name}", problem_page),
        ]
    )
    return made
