"""Options of mails, and the tasks that send them, for `rostra serve` and `rostra notify`."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import UUID

import click
import msgspec

from rostra_adapters.aio.background import BackgroundTask
from rostra_adapters.cli.options import option

SENDERS = 4
"""Mails that a process hands over at once, so that a slow answer does not hold up all."""

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
    from rostra_adapters.aio.background import end_background

    if not given.url:
        yield
        return
    tasks = _mail_tasks(app, mail_transport(given), mail_settings(given))
    try:
        yield
    finally:
        await end_background(*tasks)


def _mail_tasks(app: Any, transport: Any, settings: Any) -> list[Any]:
    from rostra_adapters.application.notify.follower import OutboxFiller
    from rostra_adapters.application.notify.sender import Sender

    filling = BackgroundTask(OutboxFiller(app, app.outbox).run, "notify-fill")
    senders = [Sender(app, app.outbox, transport, settings) for _ in range(SENDERS)]
    return [
        filling,
        *(BackgroundTask(each.run, f"notify-send-{n}") for n, each in enumerate(senders, 1)),
    ]


class DemoMails:
    """Mails of a demo without a mail server, written to a folder.

    A person's mails are deleted when their key is destroyed. As a context it ends its tasks.
    """

    def __init__(self, app: Any, folder: Path) -> None:
        from rostra_adapters.mail.folder import MailFolder

        self._app = app
        self._folder = MailFolder(folder)
        self._tasks: list[Any] = []

    async def __aenter__(self) -> Self:
        self._app.ring.on_destruction(self._forget)
        await self._forget_erased()
        return self

    async def __aexit__(self, *_: object) -> None:
        from rostra_adapters.aio.background import end_background

        await end_background(*self._tasks)

    def start(self, given: MailOptions, url: str) -> None:
        """Begin to write mails, with links to the URL of the service unless one is given."""
        sender = given.sender or "Rostra <demo@example.org>"
        settings = mail_settings(
            MailOptions(None, sender, given.base_url or url, given.timeout_seconds)
        )
        self._tasks += _mail_tasks(self._app, self._folder, settings)

    def _forget(self, persons: Collection[UUID] | None) -> None:
        if persons is None:  # some may have been erased unnoticed
            self._tasks.append(BackgroundTask(self._forget_erased_once, "forget-mails"))
        else:
            self._folder.forget(persons)

    async def _forget_erased_once(self) -> AsyncGenerator[None, None]:
        await self._forget_erased()
        yield

    async def _forget_erased(self) -> None:
        """Delete the mails of everybody who was erased."""
        if persons := self._folder.persons():
            self._folder.forget((await self._app.views.reads.erasures(persons)).keys())
