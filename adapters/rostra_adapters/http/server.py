"""Server of the HTTP interface on a port, until the process is stopped."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from rostra_adapters.http.application import METRICS, STATUS
from rostra_adapters.http.connections import ConnectionRunner
from rostra_adapters.http.gate import GATE, raised_descriptors
from rostra_adapters.http.middleware.metrics import Metrics
from rostra_adapters.http.middleware.security_headers import secure
from rostra_adapters.http.routes.health import healthz
from rostra_adapters.http.routes.status import StatusPage
from rostra_adapters.http.settings import HttpSettings

BACKLOG = 1024

_logger = logging.getLogger(__name__)


async def serve(
    application: web.Application,
    settings: HttpSettings,
    *,
    host: str,
    port: int,
    announce: Callable[[str], None],
    metrics_port: int | None = None,
    reuse_port: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish accepted requests.

    `announce` is called with the URL when the server answers. With `reuse_port` other processes may
    listen on the same port. Raises OSError if a port is not available.
    """
    stop = asyncio.Event()
    for wish in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wish, stop.set)
    gate, descriptors = application[GATE], raised_descriptors()
    gate.fit(descriptors)
    _logger.info(
        "up to %d connections, %d of an address, with %d descriptors",
        gate.connections_max,
        gate.per_address_max,
        descriptors,
    )
    runner = ConnectionRunner(application, shutdown_timeout=settings.drain_seconds_max)
    await runner.setup()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, host, port, backlog=BACKLOG, reuse_port=reuse_port)
        await site.start()
        if metrics_port is not None:
            inside = serving_operators(
                application[METRICS], application[STATUS], host, metrics_port
            )
            await stack.enter_async_context(inside)
        announce(url_of(host, runner.addresses[0][1]))
        await stop.wait()


@asynccontextmanager
async def serving_operators(
    metrics: Metrics, status: StatusPage, host: str, port: int
) -> AsyncIterator[None]:
    """Serve `/metrics`, `/status` and `/healthz` on a port of their own.

    Raises OSError if the port is not available.
    """
    inside = web.Application()
    inside.on_response_prepare.append(_secured)
    inside.add_routes(
        [
            web.get("/metrics", metrics.get),
            web.get("/status", status.get_inside),
            web.get("/healthz", healthz),
        ]
    )
    runner = web.AppRunner(inside, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


async def _secured(_: web.Request, answer: web.StreamResponse) -> None:
    secure(answer.headers)


def url_of(host: str, port: int) -> str:
    """Return the address of the server."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
