"""The HTTP interface as an aiohttp application."""

from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web

from rostra.times import Time, format_time
from rostra_adapters.app import App
from rostra_adapters.http.events import Publishing
from rostra_adapters.http.feed import Feeding
from rostra_adapters.http.health import Health
from rostra_adapters.http.history import Histories
from rostra_adapters.http.limits import Limits
from rostra_adapters.http.live import LiveUpdates
from rostra_adapters.http.middleware import cors, preflights, problems
from rostra_adapters.http.moderation import Moderation
from rostra_adapters.http.openapi import OpenApi
from rostra_adapters.http.origins import preflights_of
from rostra_adapters.http.persons import Persons
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
    limits = Limits(settings)
    made = web.Application(
        middlewares=[preflights_of(app), preflights, problems, limits.middleware()],
        client_max_size=settings.request_bytes_max,
        handler_args={
            "max_line_size": settings.line_bytes_max,
            "max_field_size": settings.line_bytes_max,
            "access_log": None,
        },
    )
    health, feeding = Health(app, settings), Feeding(app, settings)
    publishing, live = Publishing(app, settings, now), LiveUpdates(app, settings)
    made.on_response_prepare.extend([cors, limits.tell])
    made.on_shutdown.extend([publishing.stop, feeding.end_waits, live.end])
    reads = Reads(app, settings)
    made.add_routes(
        [
            web.post("/v1/events", publishing.post),
            web.get("/v1/events", feeding.get),
            web.get("/v1/discussions/{id}/live", live.get),
            *reads.routes(),
            *Histories(app, reads).routes(),
            *Persons(app, settings, reads, now).routes(),
            *Moderation(app, settings, reads, now).routes(),
            *OpenApi().routes(),
            web.get("/healthz", health.healthz),
            web.get("/readyz", health.readyz),
            web.get("/problems", problem_list),
            web.get("/problems/{name}", problem_page),
        ]
    )
    return made
