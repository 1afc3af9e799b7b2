"""`rostra serve` and `rostra project`."""

import asyncio
import gc
import os
import shlex
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Literal

import click
import msgspec

from rostra_adapters.aio.background import BackgroundTask, repeat
from rostra_adapters.cli.content_limits import content_limits
from rostra_adapters.cli.delivering import deliver_webhooks
from rostra_adapters.cli.http_limits import HTTP_LIMITS, http_limits
from rostra_adapters.cli.long_running import log_as_json, stop_on_signals
from rostra_adapters.cli.mailing import (
    DemoMails,
    MailOptions,
    mail_options,
    mail_settings,
    mail_transport,
    send_mails,
)
from rostra_adapters.cli.operators import OperatorsPort, operators_port, serving_operators
from rostra_adapters.cli.options import (
    DATA,
    SECRET_PREVIOUS,
    DatabaseLocation,
    check_data_folder,
    database,
    erasures_of,
    make_erasures_folder,
    master_key_of,
    master_key_or_new,
    option,
    own_views,
    place,
    pooled_url,
    run,
    secret_of,
)
from rostra_adapters.cli.rates import RATES, Given, rates, settings_of
from rostra_adapters.cli.terminal import printable_error, say, say_failure

REVIVE_SECONDS = 1.0
GARBAGE_LOOKED_FOR_EACH = 20_000
"""New objects between garbage collections. A request reaches Python's default of 700."""


failover_option = option(
    "--failover",
    type=click.Choice(["lossless", "lossy"]),
    default="lossy",
    envvar="ROSTRA_FAILOVER",
    show_default=True,
    help="Kind of failover: lossy if a promoted standby may lack the last acknowledged events. "
    "Then the log goes on under another id, so that nobody takes it for the one that was lost.",
)
pool_size_option = option(
    "--pool-size",
    type=click.IntRange(8, 1_000),
    default=11,
    envvar="ROSTRA_POOL_SIZE",
    show_default=True,
    help="Connections of each process to PostgreSQL. A rebuild opens some more.",
)
projector_lease = option(
    "--projector-lease-seconds",
    type=click.FloatRange(min=1.0),
    default=10.0,
    envvar="ROSTRA_PROJECTOR_LEASE_SECONDS",
    show_default=True,
    help="Seconds without a heartbeat of the process that projects after which another one does.",
)


@click.command()
@option(
    "--host",
    default="127.0.0.1",
    envvar="ROSTRA_HOST",
    show_default=True,
    help="Address to listen on.",
)
@option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8080,
    envvar="ROSTRA_PORT",
    show_default=True,
    help="Port to listen on; 0 is any free port.",
)
@option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    envvar="ROSTRA_WORKERS",
    show_default=True,
    help="Number of processes that share the port. One of them projects.",
)
@option(
    "--metrics-port",
    type=click.IntRange(1, 65_535),
    envvar="ROSTRA_METRICS_PORT",
    help="Port for /metrics and /status, which the public port then does not serve. Worker N uses "
    "the port N after it.",
)
@option(
    "--jwks",
    metavar="FILE|URL",
    envvar="ROSTRA_JWKS",
    help="Keys of other issuers of tokens, as a JWKS. A file is read again when it changes, an "
    "https URL as its cache headers say.",
)
@rates
@option(
    "--proxy",
    "proxies",
    multiple=True,
    envvar="ROSTRA_PROXY",
    metavar="ADDRESS|NETWORK",
    help="Proxy whose headers X-Forwarded-For and Forwarded are trusted; may be given several "
    "times. It must set one of them on every request. By default loopback if the service listens "
    "on loopback only, else none.",
)
@option(
    "--demo",
    is_flag=True,
    envvar="ROSTRA_DEMO",
    help="Serve an article with a discussion at /demo. Without a mail server its mails are written "
    "to the data folder and listed there.",
)
@option(
    "--base-url",
    metavar="URL",
    envvar="ROSTRA_BASE_URL",
    help="URL of the service as readers reach it, for example https://example.org/comments. Links, "
    "pages and feeds name it. By default they name the prefix that a trusted proxy gives in "
    "X-Forwarded-Prefix.",
)
@option(
    "--read-only",
    is_flag=True,
    envvar="ROSTRA_READ_ONLY",
    help="Only read, for example from a standby: writes are refused, and nothing is projected. "
    "Erasures are confirmed on the primary, which --database-url names.",
)
@option(
    "--read-database-url",
    metavar="URL",
    envvar="ROSTRA_READ_DATABASE_URL",
    help="Database that a read-only service reads: a standby of --database-url.",
)
@option(
    "--writer-url",
    metavar="URL",
    envvar="ROSTRA_WRITER_URL",
    help="URL of a service that takes writes, named by the refusals of a read-only one.",
)
@option(
    "--look-seconds",
    type=click.FloatRange(min=0.005, max=10.0),
    default=0.05,
    envvar="ROSTRA_LOOK_SECONDS",
    show_default=True,
    help="Seconds between the looks of a read-only service for changes.",
)
@option(
    "--stale-seconds",
    type=click.FloatRange(min=5.0),
    default=60.0,
    envvar="ROSTRA_STALE_SECONDS",
    show_default=True,
    help="Seconds without news of the primary after which a read-only service shows no words. "
    "An erasure waits for so long for a standby that does not follow.",
)
@mail_options
@failover_option
@projector_lease
@pool_size_option
@own_views
@http_limits
@content_limits
@place
def serve(*, workers: int, **given: Any) -> None:
    """Run the service until SIGTERM or Ctrl-C.

    \b
    For example:
      rostra serve
      rostra serve --host 0.0.0.0 --port 80 --database-url postgresql://rostra@db/rostra
    """
    limits = {name: given.pop(name) for name in RATES}
    http = {name: given.pop(name) for name in HTTP_LIMITS}
    plan = ServePlan(
        **given,
        rates=limits,
        http=http,
        workers=workers,
        writes_mails=given["demo"] and not given["mail_url"],
    )
    _check_reader(plan)
    if plan.mail_url:
        mail_transport(plan.mails)
        mail_settings(plan.mails)
    make_erasures_folder(plan.where.data)
    if workers > 1:
        _serve_together(plan, workers)
        return
    log_as_json()
    with suppress(asyncio.CancelledError):
        run(lambda: _serve(plan, lambda url: _announce(url, plan.where.data)))


@click.command()
@operators_port("project")
@projector_lease
@pool_size_option
@own_views
@place
def project(*, where: DatabaseLocation, host: str, metrics_port: int | None, **given: Any) -> None:
    """Project events into the views until SIGTERM or Ctrl-C, and serve no requests.

    Only one process projects: the first that starts. The others wait for it to end. Start this
    command before the services, on machines with a spare processor.

    \b
    For example:
      rostra project --database-url postgresql://rostra@db/rostra
    """
    check_data_folder(where)
    log_as_json()
    with suppress(asyncio.CancelledError):
        run(lambda: _project(where, OperatorsPort(host, metrics_port), **given))


async def _project(
    where: DatabaseLocation,
    operators: OperatorsPort,
    *,
    projector_lease_seconds: float,
    pool_size: int,
    own: tuple[str, ...],
) -> None:
    import rostra_adapters

    stop_on_signals()
    async with (
        _traced(),
        database(where) as (url, lease),
        rostra_adapters.open(
            url,
            master_key=master_key_of(where.data),
            projector_lease_seconds=projector_lease_seconds,
            pool_size=pool_size,
            views=own,
        ) as app,
        _kept_alive(app, lease),
        serving_operators(app, operators),
    ):
        _leave_alone_what_stays()
        say("Rostra projects into the views, or waits for the process that does")
        sys.stdout.flush()
        await asyncio.get_running_loop().create_future()


def _check_reader(plan: "ServePlan") -> None:
    """Raise UsageError where options of a read-only service and of another one are mixed."""
    if plan.read_only:
        if plan.where.database_url is None:
            raise click.UsageError("--read-only needs --database-url, the URL of the primary")
        if plan.demo or plan.mail_url:
            raise click.UsageError("--read-only takes neither --demo nor --mail-url")
    elif plan.read_database_url is not None:
        raise click.UsageError("--read-database-url needs --read-only")


class ServePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `rostra serve`."""

    host: str
    port: int
    where: DatabaseLocation
    metrics_port: int | None
    jwks: str | None
    base_url: str | None
    mail_url: str | None
    mail_from: str | None
    mail_timeout_seconds: float
    demo: bool
    read_only: bool
    read_database_url: str | None
    writer_url: str | None
    look_seconds: float
    stale_seconds: float
    rates: dict[str, Given]
    http: dict[str, Any]
    workers: int
    proxies: tuple[str, ...]
    failover: Literal["lossless", "lossy"]
    projector_lease_seconds: float
    pool_size: int
    own: tuple[str, ...]
    writes_mails: bool = False
    """True if mails of the demo are written to the data folder."""
    delivers: bool = True
    """True in the one process that sends to webhooks and carries out bans."""
    shares_port: bool = False
    """True if other processes serve on the same port."""
    processes: int = 1
    """Number of these processes."""

    @property
    def mails(self) -> MailOptions:
        """Return the options of mails."""
        return MailOptions(self.mail_url, self.mail_from, self.base_url, self.mail_timeout_seconds)


def _serve_together(plan: ServePlan, workers: int) -> None:
    from rostra_adapters.cli.workers import ServeWorkers, reserve_port
    from rostra_adapters.http.server import url_of

    secret_of(plan.where.data, make=True)
    if plan.where.database_url is not None:
        run(lambda: _make_master_key(plan.where))
    with _listening(plan), reserve_port(plan.host, plan.port) as held:
        port = held.getsockname()[1]
        mine = msgspec.structs.replace(plan, port=port, shares_port=True, processes=workers)
        ServeWorkers(_work, mine, workers).run(
            lambda: _announce(url_of(plan.host, port), plan.where.data)
        )


async def _make_master_key(where: DatabaseLocation) -> None:
    async with database(where) as (url, _):
        await master_key_or_new(where.data, url)


def _work(plan: ServePlan, number: int, ready: Event) -> None:
    """Serve as one of several processes. The process ends with its parent."""
    log_as_json()
    if plan.metrics_port is not None:
        plan = msgspec.structs.replace(plan, metrics_port=plan.metrics_port + number)
    if number:  # one of the processes mails, sends to webhooks and carries out bans for all
        plan = msgspec.structs.replace(plan, mail_url=None, delivers=False)
    try:
        with suppress(asyncio.CancelledError):
            run(lambda: _serve(plan, lambda _: ready.set()))
    except click.ClickException as error:
        printable_error(error).show()
        sys.exit(error.exit_code)
    except Exception:  # noqa: BLE001  # not swallowed: it is printed
        say_failure()
        sys.exit(1)


@contextmanager
def _listening(plan: ServePlan) -> Iterator[None]:
    """Turn an address that is in use or unknown into a ClickException."""
    try:
        yield
    except OSError as error:
        where = f"{plan.host}:{plan.port}"
        raise click.ClickException(f"cannot listen on {where}: {error}") from None


async def _serve(plan: ServePlan, announce: Callable[[str], None]) -> None:
    from rostra_adapters.aio.worker_processes import share_processors
    from rostra_adapters.http import make_app
    from rostra_adapters.http.routes import demo
    from rostra_adapters.http.server import serve as serve_http

    share_processors(plan.processes)
    stop_on_signals()
    settings = _settings(plan)
    async with (
        _traced(),
        database(plan.where) as (url, lease),
        await _opened(plan, url) as app,
        _kept_alive(app, lease),
        send_mails(app, plan.mails),
        _demo_mails(plan, app) as mails,
        deliver_webhooks(app) if plan.delivers else nullcontext(),
    ):
        if plan.demo:
            await demo.publish(app)
        if plan.writes_mails:
            await demo.give_addresses(app)

        def begin(url: str) -> None:
            announce(url)
            if mails is not None and plan.delivers:
                mails.start(plan.mails, url)

        _leave_alone_what_stays()
        with _listening(plan):
            await serve_http(
                make_app(app, settings, write=_write_lines),
                settings,
                host=plan.host,
                port=plan.port,
                announce=begin,
                metrics_port=plan.metrics_port,
                reuse_port=plan.shares_port,
            )


def _demo_mails(plan: ServePlan, app: Any) -> AbstractAsyncContextManager[DemoMails | None]:
    """Return the mails of a demo without a mail server, None of any other service."""
    from rostra_adapters.mail.folder import MAIL_FOLDER

    return DemoMails(app, plan.where.data / MAIL_FOLDER) if plan.writes_mails else nullcontext()


async def _opened(plan: ServePlan, url: str) -> AbstractAsyncContextManager[Any]:
    """Return the App to serve, which is about to be opened on the URL that was found."""
    import rostra_adapters
    from rostra_adapters.postgres.database_url import with_schema

    if plan.read_only:
        standby = plan.read_database_url
        return rostra_adapters.open(
            url if standby is None else with_schema(standby, plan.where.schema),
            master_key=master_key_of(plan.where.data),
            read_only=True,
            primary_url=pooled_url(plan.where) or url,
            look_seconds=plan.look_seconds,
            stale_seconds=plan.stale_seconds,
            pool_size=plan.pool_size,
            views=plan.own,
        )
    return rostra_adapters.open(
        pooled_url(plan.where) or url,
        direct_url=url if plan.where.direct_url else None,
        master_key=await master_key_or_new(plan.where.data, url),
        failover=plan.failover,
        projector_lease_seconds=plan.projector_lease_seconds,
        pool_size=plan.pool_size,
        views=plan.own,
        erasures=erasures_of(plan.where.data),
        moderate=plan.delivers,
    )


def _leave_alone_what_stays() -> None:
    """Exempt objects that exist by now from garbage collection: they live until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_LOOKED_FOR_EACH)


def _write_lines(lines: bytes) -> None:
    sys.stderr.buffer.write(lines)
    sys.stderr.buffer.flush()


def _settings(plan: ServePlan) -> Any:
    """Return the settings of the HTTP interface. Raises ClickException."""
    from rostra_adapters.errors import JwksError
    from rostra_adapters.http import HttpSettings
    from rostra_adapters.http.auth.addresses import trusted_proxies
    from rostra_adapters.http.auth.key_sources import FixedKeys, source_of
    from rostra_adapters.mail.folder import MAIL_FOLDER

    try:
        return HttpSettings(
            secret=secret_of(plan.where.data, make=True) or "",
            previous_secret=os.environ.get(SECRET_PREVIOUS) or None,
            jwks=FixedKeys() if plan.jwks is None else source_of(plan.jwks),
            base_url=plan.base_url or None,
            read_only=plan.read_only,
            writer_url=plan.writer_url or None,
            metrics=plan.metrics_port is None,
            demo=plan.demo,
            demo_mails=plan.where.data / MAIL_FOLDER if plan.writes_mails else None,
            mails=bool(plan.mail_from) or plan.writes_mails,
            **settings_of(plan.rates, plan.workers),
            proxies=trusted_proxies(plan.proxies, plan.host),
            **plan.http,
        )
    except (ValueError, JwksError) as error:
        raise click.ClickException(str(error)) from None


@asynccontextmanager
async def _traced() -> AsyncIterator[None]:
    """Export traces while the block runs if the OTEL_… variables name an exporter.

    Spans that are still queued are exported at the end. Raises ClickException.
    """
    from rostra_adapters.errors import TracingError
    from rostra_adapters.observability import tracing

    if not (names := tracing.exporter_names(os.environ)):
        yield
        return
    try:
        provider = tracing.make_provider(names)
    except TracingError as error:
        raise click.ClickException(str(error)) from None
    try:
        with tracing.export_to(provider):
            yield
    finally:
        await asyncio.to_thread(provider.shutdown)


@asynccontextmanager
async def _kept_alive(app: Any, lease: Any) -> AsyncIterator[None]:
    """Restart the data folder's PostgreSQL if it dies while the block runs."""
    if lease is None:
        yield
        return
    keeping = BackgroundTask(repeat(partial(_revive, app, lease), REVIVE_SECONDS), "postgres")
    try:
        yield
    finally:
        await keeping.end()


async def _revive(app: Any, lease: Any) -> None:
    if not await app.healthy():
        await asyncio.to_thread(lease.revive)


def _announce(url: str, data: Path) -> None:
    say(f"Rostra listens on {url}")
    if sys.stdout.isatty():
        option = "" if data == DATA else f" --data {shlex.quote(str(data))}"
        say(f"A token to publish with: rostra token --scope 'publish admin'{option}")
    sys.stdout.flush()
