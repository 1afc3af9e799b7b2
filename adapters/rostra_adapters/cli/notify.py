"""`rostra notify`."""

import asyncio
from contextlib import suppress
from email.message import EmailMessage
from typing import TYPE_CHECKING
from uuid import UUID

import click

from rostra_adapters.cli.delivering import deliver_due_webhooks, deliver_webhooks
from rostra_adapters.cli.long_running import log_as_json, stop_on_signals
from rostra_adapters.cli.mailing import (
    MailOptions,
    mail_options,
    mail_settings,
    mail_transport,
    send_mails,
)
from rostra_adapters.cli.operators import OperatorsPort, operators_port, serving_operators
from rostra_adapters.cli.options import DatabaseLocation, open_app, option, place, run
from rostra_adapters.cli.terminal import say

if TYPE_CHECKING:
    from rostra_adapters.application.notify.follower import OutboxFiller
    from rostra_adapters.application.notify.sender import Sender


@click.command()
@operators_port("notify")
@mail_options
@option(
    "--base-url",
    metavar="URL",
    envvar="ROSTRA_BASE_URL",
    help="URL of the service as readers reach it, for links in mails.",
)
@option("--once", is_flag=True, envvar="ROSTRA_NOTIFY_ONCE", help="Send what is due now, and end.")
@option("--status", is_flag=True, envvar="ROSTRA_NOTIFY_STATUS", help="Show what waits, and end.")
@option(
    "--dry-run",
    is_flag=True,
    envvar="ROSTRA_NOTIFY_DRY_RUN",
    help="Print the mails that are due instead of sending them.",
)
@place
def notify(
    *,
    where: DatabaseLocation,
    mail_url: str | None,
    mail_from: str | None,
    mail_timeout_seconds: float,
    base_url: str | None,
    host: str,
    metrics_port: int | None,
    once: bool,
    status: bool,
    dry_run: bool,
) -> None:
    """Mail readers what concerns them, until SIGTERM or Ctrl-C.

    Comments that were recorded before the first start are never mailed. Any number of these
    processes may run at once. `rostra serve` mails by itself if it is given a mail server. Events
    are sent to webhooks, too.

    \b
    For example:
      rostra notify --mail-url smtp://localhost --mail-from "News <news@example.org>" \\
          --base-url https://news.example/comments
      rostra notify --status
    """
    if status:
        run(lambda: _show(where))
        return
    given = MailOptions(mail_url, mail_from, base_url, mail_timeout_seconds)
    mail_settings(given)
    if not dry_run:
        mail_transport(given)
    with suppress(asyncio.CancelledError):
        if once or dry_run:
            run(lambda: _run_once(where, given, dry_run=dry_run))
        else:
            log_as_json()
            run(lambda: _run(where, given, OperatorsPort(host, metrics_port)))


async def _show(where: DatabaseLocation) -> None:
    async with open_app(where) as app:
        found = await app.outbox.status()
    say(f"waiting   {found.waiting}")
    if found.waiting_since is not None:
        say(f"since     {found.waiting_since.isoformat(timespec='seconds')}")
    if found.oldest_due is not None:
        say(f"next due  {found.oldest_due.isoformat(timespec='seconds')}")
    say(f"sent      {found.sent}")
    say(f"retried   {found.retried}")
    say(f"given up  {found.given_up}")
    for error in found.errors:
        say(f"error     {error}")


class _Printer:
    """Prints mails."""

    async def send(self, mail: EmailMessage, _: UUID, /) -> None:
        body = mail.get_body(("plain",))
        text = "" if body is None else body.get_content()
        for line in (f"To: {mail['To']}", f"Subject: {mail['Subject']}", "", *text.splitlines()):
            say(line)


async def _run(where: DatabaseLocation, given: MailOptions, operators: OperatorsPort) -> None:
    stop_on_signals()
    async with open_app(where) as app, serving_operators(app, operators):
        say("Rostra mails readers what concerns them")
        async with send_mails(app, given), deliver_webhooks(app):
            await asyncio.get_running_loop().create_future()


async def _run_once(where: DatabaseLocation, given: MailOptions, *, dry_run: bool) -> None:
    from rostra_adapters.application.notify.follower import OutboxFiller
    from rostra_adapters.application.notify.sender import Sender

    stop_on_signals()
    async with open_app(where) as app:
        transport = _Printer() if dry_run else mail_transport(given)
        sender = Sender(app, app.outbox, transport, mail_settings(given))
        filler = OutboxFiller(app, app.outbox)
        if dry_run:
            await _preview(filler, sender)
            return
        await filler.catch_up()
        while await sender.send_next():
            pass
        await deliver_due_webhooks(app)


async def _preview(filler: "OutboxFiller", sender: "Sender") -> None:
    """Print the mails that are due. A first start is left to a notifier that sends."""
    if await filler.has_begun():
        await filler.catch_up()
    else:
        say("nothing is mailed from this log before the first start without --dry-run")
    for error in await sender.preview():
        say(f"a mail cannot be sent: {error}")
