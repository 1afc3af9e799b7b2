"""The HTTP interface as an aiohttp application."""

from collections.abc import Callable

from aiohttp import web

from rostra.times import Time
from rostra_adapters import clock
from rostra_adapters.application.app import App
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.auth.addresses import ADDRESSES
from rostra_adapters.http.auth.guest_names import GUEST_NAMES, GuestNames
from rostra_adapters.http.dispatch import DISPATCH, Dispatch
from rostra_adapters.http.gate import GATE, Gate
from rostra_adapters.http.heads import parser_limits
from rostra_adapters.http.middleware.limits import Limits
from rostra_adapters.http.middleware.metrics import Metrics
from rostra_adapters.http.middleware.page_cache import PageCache
from rostra_adapters.http.middleware.request_log import RequestLog, WriteLog
from rostra_adapters.http.openapi.document import OpenApi
from rostra_adapters.http.routes.demo import Demo
from rostra_adapters.http.routes.documents import Documents
from rostra_adapters.http.routes.embed import web_reader
from rostra_adapters.http.routes.events import Publishing
from rostra_adapters.http.routes.feed import Feeding
from rostra_adapters.http.routes.guests import Guests
from rostra_adapters.http.routes.health import Health, healthz
from rostra_adapters.http.routes.history import Histories
from rostra_adapters.http.routes.home import Home
from rostra_adapters.http.routes.live import LIVE, LiveUpdates
from rostra_adapters.http.routes.mail_links import MailLinks
from rostra_adapters.http.routes.moderate_page import moderate_page
from rostra_adapters.http.routes.moderation import ModerationRoutes
from rostra_adapters.http.routes.person_account import PersonAccount
from rostra_adapters.http.routes.person_acts import PersonActs
from rostra_adapters.http.routes.person_moderation import PersonModeration
from rostra_adapters.http.routes.preview import Previews
from rostra_adapters.http.routes.problem_pages import problem_list, problem_page
from rostra_adapters.http.routes.reads import ReadRoutes
from rostra_adapters.http.routes.rules import RuleReads
from rostra_adapters.http.routes.status import StatusPage
from rostra_adapters.http.settings import SETTINGS, HttpSettings
from rostra_adapters.http.writes import WRITES, Writes

METRICS = web.AppKey("metrics", Metrics)
STATUS = web.AppKey("status", StatusPage)
REQUESTS = web.AppKey("requests", RequestLog)
LINGER_SECONDS = 5.0
"""Time for a client to read its answer before a connection with unread bytes is closed."""
UNREAD_BYTES = 2 * 1024
"""Bytes of a body that wait for a handler. Reading pauses at twice this number, or at a
sixteenth of it in chunks."""


def make_app(
    app: App,
    settings: HttpSettings,
    *,
    now: Callable[[], Time] = clock.now,
    write: WriteLog | None = None,
) -> web.Application:
    """Return the aiohttp application with every route of the contract, over one App.

    The caller closes the App. `write` receives a log line for each request.
    """
    limits = Limits(settings)
    metrics = Metrics(app)
    requests = RequestLog(metrics, write)
    pages = PageCache(app.views.changes, settings.page_cache_bytes_max, app.ring)

    dispatch = Dispatch(app, settings, limits, pages, requests)
    made = web.Application(
        middlewares=[dispatch.middleware],
        client_max_size=settings.request_bytes_max,
        handler_args={
            **parser_limits(settings),
            "access_log": None,
            "keepalive_timeout": settings.idle_seconds_max,
            "lingering_time": LINGER_SECONDS,
            "read_bufsize": UNREAD_BYTES,
        },
    )
    made[tokens.VERIFIER] = tokens.Verifier(settings.secrets, settings.jwks, app.revocations)
    status = made[STATUS] = StatusPage(app)
    health, feeding = Health(app, settings), Feeding(app, settings)
    publishing, live = Publishing(app, settings, now), LiveUpdates(app, settings, limits)
    made[WRITES] = Writes(app, settings, limits)
    made[GUEST_NAMES] = GuestNames(app)
    made[ADDRESSES] = limits.addresses
    made[SETTINGS], made[GATE] = settings, Gate(settings, limits.addresses)
    metrics.count_connections(made[GATE])
    made[METRICS], made[REQUESTS], made[LIVE] = metrics, requests, live.live
    made[DISPATCH] = dispatch
    metrics.count_readers("feed", lambda: feeding.tail.followers)
    metrics.count_readers("live", lambda: live.live.readers)
    made.cleanup_ctx.append(settings.jwks.following)
    made.on_cleanup.append(requests.stop)
    made.on_shutdown.extend([publishing.stop, feeding.end_waits, live.end])
    metrics.count_pages(pages)
    metrics.count_untrusted_headers(limits.addresses)
    reads = ReadRoutes(app, settings, pages, limits)
    made.add_routes(
        [
            web.post("/v1/events", publishing.post),
            web.get("/v1/events", feeding.get),
            web.get("/v1/discussions/{id}/live", live.get),
            web.get("/v1/live", live.several),
            *reads.routes(),
            *Histories(app, reads).routes(),
            *Documents(app, reads).routes(),
            *RuleReads(app, settings, reads).routes(),
            *PersonActs(app, settings, reads, now).routes(),
            *PersonAccount(app, settings, reads, now).routes(),
            *MailLinks(app, now).routes(),
            *ModerationRoutes(app, settings, reads, now).routes(),
            *PersonModeration(app, settings, reads, now).routes(),
            *Previews(app, settings).routes(),
            *Guests(app, settings).routes(),
            *web_reader().routes(),
            *moderate_page().routes(),
            *(Demo(settings).routes() if settings.demo else []),
            *Home(settings).routes(),
            *OpenApi().routes(),
            *(_for_operators(metrics, status) if settings.metrics else []),
            web.get("/healthz", healthz),
            web.get("/readyz", health.readyz),
            web.get("/problems", problem_list),
            web.get("/problems/{name}", problem_page),
        ]
    )
    dispatch.add_routes_of(made)
    return made


def _for_operators(metrics: Metrics, status: StatusPage) -> list[web.RouteDef]:
    """Return the routes that a port of their own serves if there is one."""
    return [web.get("/metrics", metrics.get), web.get("/status", status.get)]
