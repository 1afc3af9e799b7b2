"""Port for operators of commands that serve no requests."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import click
import msgspec

from rostra_adapters.cli.options import option

F = TypeVar("F", bound=Callable[..., Any])


class OperatorsPort(msgspec.Struct, frozen=True):
    """Address at which metrics and the status are served."""

    host: str
    port: int | None
    """Port, None if nothing is served."""


def operators_port(command: str) -> Callable[[F], F]:
    """Give a command the options `--host` and `--metrics-port`.

    Its variable of the port is its own, since commands on one machine share their variables.
    """
    host = option(
        "--host",
        default="127.0.0.1",
        envvar="ROSTRA_HOST",
        show_default=True,
        help="Address at which --metrics-port listens.",
    )
    port = option(
        "--metrics-port",
        type=click.IntRange(1, 65_535),
        envvar=f"ROSTRA_{command.upper()}_METRICS_PORT",
        help="Port for /metrics, /status and /healthz. By default nothing is served.",
    )
    return lambda given: host(port(given))


@asynccontextmanager
async def serving_operators(app: Any, where: OperatorsPort) -> AsyncIterator[None]:
    """Serve metrics and the status while the block runs. Raises ClickException."""
    async with AsyncExitStack() as stack:
        if where.port is not None:
            from rostra_adapters.http import server
            from rostra_adapters.http.middleware.metrics import Metrics
            from rostra_adapters.http.routes.status import StatusPage

            serving = server.serving_operators(
                Metrics(app), StatusPage(app), where.host, where.port
            )
            try:
                await stack.enter_async_context(serving)
            except OSError as error:
                raise click.ClickException(
                    f"cannot listen on {where.host}:{where.port}: {error}"
                ) from None
        yield
