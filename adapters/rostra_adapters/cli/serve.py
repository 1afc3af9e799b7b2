"""`rostra serve`."""

import asyncio
import logging
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import click

from rostra_adapters.cli.options import (
    DATA,
    Place,
    database,
    master_key_of,
    option,
    place,
    run,
    secret_of,
)

REVIVE_SECONDS = 1.0


@click.command()
@option(
    "--host", default="127.0.0.1", envvar="ROSTRA_HOST", show_default=True, help="Where to listen."
)
@option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8080,
    envvar="ROSTRA_PORT",
    show_default=True,
    help="0 takes any that is free.",
)
@place
def serve(*, host: str, port: int, data: Path, database_url: str | None) -> None:
    """Run the service until SIGTERM or Ctrl-C.

    \b
    For example:
      rostra serve
      rostra serve --host 0.0.0.0 --port 80 --database-url postgresql://rostra@db/rostra
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    where = Place(data, database_url)
    with suppress(asyncio.CancelledError):
        run(lambda: _serve(where, host, port))


async def _serve(where: Place, host: str, port: int) -> None:
    import rostra_adapters
    from rostra_adapters.http import HttpSettings, make_app
    from rostra_adapters.http.server import serve as serve_http

    _stop_while_starting()
    secret, master_key = secret_of(where.data, make=True), master_key_of(where.data)
    try:
        settings = HttpSettings(secret=secret or "")
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    async with (
        database(where) as (url, lease),
        rostra_adapters.open(url, master_key=master_key) as app,
        _kept_alive(app, lease),
    ):
        try:
            await serve_http(
                make_app(app, settings),
                settings,
                host=host,
                port=port,
                announce=lambda url: _announce(url, where.data),
            )
        except OSError as error:
            raise click.ClickException(f"cannot listen on {host}:{port}: {error}") from None


def _stop_while_starting() -> None:
    """Until the server listens to signals itself, SIGTERM gives back what has been started."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


@asynccontextmanager
async def _kept_alive(app: Any, lease: Any) -> AsyncIterator[None]:
    """Starts the data folder's PostgreSQL again should it die."""
    if lease is None:
        yield
        return
    keeping = asyncio.create_task(_keep_alive(app, lease))
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def _keep_alive(app: Any, lease: Any) -> None:
    while True:
        await asyncio.sleep(REVIVE_SECONDS)
        if not await app.healthy():
            try:
                await asyncio.to_thread(lease.revive)
            except Exception:
                logging.getLogger(__name__).exception("PostgreSQL does not start; trying again")


def _announce(url: str, data: Path) -> None:
    click.echo(f"Rostra listens on {url}")
    if sys.stdout.isatty():
        option = "" if data == DATA else f" --data {shlex.quote(str(data))}"
        click.echo(f"A token to publish with: rostra token --scope publish{option}")
    sys.stdout.flush()
