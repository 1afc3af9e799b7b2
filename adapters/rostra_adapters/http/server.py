"""The HTTP interface on a port, until the process is told to stop."""

import asyncio
import signal
from collections.abc import Callable

from aiohttp import web

from rostra_adapters.http.settings import HttpSettings

BACKLOG = 1024


async def serve(
    application: web.Application,
    settings: HttpSettings,
    *,
    host: str,
    port: int,
    announce: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was taken. `announce` is given the URL
    as soon as it answers. Raises OSError where the port is not to be had."""
    stop = asyncio.Event()
    for wish in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wish, stop.set)
    runner = web.AppRunner(application, shutdown_timeout=settings.drain_seconds_max)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=BACKLOG)
        await site.start()
        announce(_url(host, runner.addresses[0][1]))
        await stop.wait()
    finally:
        await runner.cleanup()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
