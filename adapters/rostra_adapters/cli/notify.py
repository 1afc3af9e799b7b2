"""`rostra notify`."""

import asyncio
from contextlib import suppress
from email.message import EmailMessage

import click

from rostra_adapters.cli.options import DatabaseLocation, open_app, option, place, run
from rostra_adapters.cli.terminal import say


@click.command()
@option(
    "--mail-url",
    metavar="URL",
    envvar="ROSTRA_MAIL_URL",
    help="Mail server: smtp[s]://user:password@host:port. Give a password by ROSTRA_MAIL_URL.",
)
@option(
    "--mail-from",
    metavar="SENDER",
    envvar="ROSTRA_MAIL_FROM",
    help='Sender of mails, for example "News <comments@example.org>".',
)
@option(
    "--base-url",
    metavar="URL",
    envvar="ROSTRA_BASE_URL",
    help="URL of the service as readers reach it, for links in mails.",
)
@option("--once", is_flag=True, help="Send what is due now, and end.")
@option("--status", is_flag=True, help="Show what waits, and end.")
@option("--dry-run", is_flag=True, help="Print the mails that are due instead of sending them.")
@place
def notify(
    *,
    where: DatabaseLocation,
    mail_url: str | None,
    mail_from: str | None,
    base_url: str | None,
    once: bool,
    status: bool,
    dry_run: bool,
) -> None:
    """Mail readers what concerns them, until SIGTERM or Ctrl-C.

    Comments that were recorded before the first start are never mailed. Any number of these
    processes may run at once.

    \b
    For example:
      rostra notify --mail-url smtp://localhost --mail-from "News <news@example.org>" \\
          --base-url https://news.example/comments
      rostra notify --status
    """
    if status:
        run(lambda: _show(where))
        return
    needed = {"--mail-from": mail_from, "--base-url": base_url}
    if not dry_run:
        needed["--mail-url"] = mail_url
    if missing := [name for name, value in needed.items() if not value]:
        raise click.UsageError(f"{' and '.join(missing)} must be given")
    assert mail_from is not None
    assert base_url is not None
    with suppress(asyncio.CancelledError):
        run(lambda: _notify(where, mail_url, mail_from, base_url, once=once, dry_run=dry_run))


async def _show(where: DatabaseLocation) -> None:
    async with open_app(where) as app:
        found = await app.outbox.status()
    say(f"waiting   {found.waiting}")
    say(f"sent      {found.sent}")
    say(f"given up  {found.given_up}")
    if found.oldest_due is not None:
        say(f"next due  {found.oldest_due.isoformat(timespec='seconds')}")
    for error in found.errors:
        say(f"error     {error}")


class _Printer:
    """Prints mails."""

    async def send(self, mail: EmailMessage) -> None:
        body = mail.get_body(("plain",))
        text = "" if body is None else body.get_content()
        for line in (f"To: {mail['To']}", f"Subject: {mail['Subject']}", "", *text.splitlines()):
            say(line)


async def _notify(
    where: DatabaseLocation,
    mail_url: str | None,
    mail_from: str,
    base_url: str,
    *,
    once: bool,
    dry_run: bool,
) -> None:
    from rostra_adapters.aio.background import BackgroundTask, end_background
    from rostra_adapters.application.notify.composing import MailOrigin
    from rostra_adapters.application.notify.follower import OutboxFiller
    from rostra_adapters.application.notify.sender import MailSettings, Sender
    from rostra_adapters.mail.smtp import SmtpTransport, server_of

    origin = MailOrigin(mail_from)
    try:
        settings = MailSettings(origin=origin, base_url=base_url.rstrip("/"))
        _ = origin.address
        transport = _Printer() if dry_run else SmtpTransport(server_of(mail_url or ""))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    async with open_app(where) as app:
        filler = OutboxFiller(app, app.outbox)
        sender = Sender(app, app.outbox, transport, settings)
        if once or dry_run:
            await filler.catch_up()
        if dry_run:
            await sender.preview()
            return
        if once:
            while await sender.send_next():
                pass
            return
        tasks = [
            BackgroundTask(filler.run, "notify-fill"),
            BackgroundTask(sender.run, "notify-send"),
        ]
        say("Rostra mails readers what concerns them")
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await end_background(*tasks)
