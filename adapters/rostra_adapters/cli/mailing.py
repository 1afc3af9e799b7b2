"""Options of mails, and the tasks that send them, for `rostra serve` and `rostra notify`."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import click
import msgspec

from rostra_adapters.cli.options import option

F = TypeVar("F", bound=Callable[..., Any])


class MailOptions(msgspec.Struct, frozen=True):
    """Options of mails as they were given."""

    url: str | None
    sender: str | None
    base_url: str | None
    timeout_seconds: float


def mail_options(command: F) -> F:
    """Give a command the options `--mail-url`, `--mail-from` and `--mail-timeout-seconds`."""
    url = option(
        "--mail-url",
        metavar="URL",
        envvar="ROSTRA_MAIL_URL",
        help="Mail server: smtp[s]://user:password@host:port. Give a password by ROSTRA_MAIL_URL.",
    )
    sender = option(
        "--mail-from",
        metavar="SENDER",
        envvar="ROSTRA_MAIL_FROM",
        help='Sender of mails, for example "News <comments@example.org>".',
    )
    timeout = option(
        "--mail-timeout-seconds",
        type=click.FloatRange(min=0.1),
        default=30.0,
        envvar="ROSTRA_MAIL_TIMEOUT_SECONDS",
        show_default=True,
        help="Seconds without an answer of the mail server after which a mail is tried again.",
    )
    return url(sender(timeout(command)))


def mail_settings(given: MailOptions) -> Any:
    """Return the settings of mails. Raises UsageError."""
    from rostra_adapters.application.notify.composing import MailOrigin
    from rostra_adapters.application.notify.sender import MailSettings

    named = {"--mail-from": given.sender, "--base-url": given.base_url}
    if missing := [name for name, value in named.items() if not value]:
        raise click.UsageError(f"{' and '.join(missing)} must be given to send mails")
    origin = MailOrigin(given.sender or "")
    try:
        _ = origin.address
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return MailSettings(origin=origin, base_url=(given.base_url or "").rstrip("/"))


def mail_transport(given: MailOptions) -> Any:
    """Return the transport to the mail server. Raises UsageError."""
    from rostra_adapters.mail.smtp import SmtpTransport, server_of

    if not given.url:
        raise click.UsageError("--mail-url must be given to send mails")
    try:
        return SmtpTransport(server_of(given.url), given.timeout_seconds)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@asynccontextmanager
async def send_mails(app: Any, given: MailOptions) -> AsyncIterator[None]:
    """Mail readers what concerns them while the block runs; nothing without a mail server."""
    from rostra_adapters.aio.background import BackgroundTask, end_background
    from rostra_adapters.application.notify.follower import OutboxFiller
    from rostra_adapters.application.notify.sender import Sender

    if not given.url:
        yield
        return
    filler = OutboxFiller(app, app.outbox)
    sender = Sender(app, app.outbox, mail_transport(given), mail_settings(given))
    tasks = [
        BackgroundTask(filler.run, "notify-fill"),
        BackgroundTask(sender.run, "notify-send"),
    ]
    try:
        yield
    finally:
        await end_background(*tasks)
