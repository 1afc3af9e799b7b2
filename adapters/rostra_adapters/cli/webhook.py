"""`rostra webhook`."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import click
import msgspec

from rostra_adapters.cli.options import DatabaseLocation, open_app, option, place, run
from rostra_adapters.cli.terminal import say, say_json

site_option = option(
    "--site", metavar="S", envvar="ROSTRA_SITE", required=True, help="Site of the webhook."
)
networks_option = option(
    "--allow-private",
    "networks",
    metavar="NETWORK",
    multiple=True,
    envvar="ROSTRA_ALLOW_PRIVATE",
    help="Network of private addresses that requests may be sent to, for example 10.0.0.0/8 or "
    "127.0.0.1; may be given several times. Other private addresses are refused.",
)
webhook_argument = click.argument("webhook", type=click.UUID, metavar="ID")


@click.group()
def webhook() -> None:
    """Send a site's events to services of yours, signed by the Standard Webhooks scheme.

    `rostra serve` and `rostra notify` send them. Webhooks need PostgreSQL.

    \b
    For example:
      rostra webhook add --site blog --url https://example.org/hook --type comment.posted
      rostra webhook list
    """


@webhook.command()
@site_option
@option("--url", metavar="U", envvar="ROSTRA_WEBHOOK_URL", required=True, help="URL to send to.")
@option(
    "--type",
    "types",
    metavar="T",
    multiple=True,
    envvar="ROSTRA_WEBHOOK_TYPE",
    help="Type of events to send, for example comment.posted; may be given several times. "
    "By default all types of the feed.",
)
@option(
    "--with-held",
    is_flag=True,
    envvar="ROSTRA_WEBHOOK_WITH_HELD",
    help="Send also words that the public is not shown: of held, rejected or removed comments, of "
    "earlier wordings, titles and texts, of unmarked passages, of flags, and of private "
    "discussions.",
)
@option(
    "--with-email",
    is_flag=True,
    envvar="ROSTRA_WEBHOOK_WITH_EMAIL",
    help="Send also e-mail addresses of authors.",
)
@networks_option
@place
def add(
    *,
    where: DatabaseLocation,
    site: str,
    url: str,
    types: tuple[str, ...],
    with_held: bool,
    with_email: bool,
    networks: tuple[str, ...],
) -> None:
    """Add a webhook, and print its id and its secret, which is shown only once.

    It is sent the events recorded from now on.

    \b
    For example:
      rostra webhook add --site blog --url https://example.org/hook
    """
    from rostra.commands import FEED_TOPICS
    from rostra_adapters.outgoing.addresses import AddressRefused, check_host

    if unknown := sorted(set(types) - FEED_TOPICS):
        known = ", ".join(sorted(FEED_TOPICS))
        raise click.UsageError(f"unknown event type {', '.join(unknown)}; types are {known}")
    allowed = _networks(networks)

    async def work() -> None:
        try:
            await check_host(url, allowed)
        except (AddressRefused, ValueError) as error:
            raise click.UsageError(f"the URL {url} cannot be used: {error}") from None
        fields = {"url": url, "types": types, "with_held": with_held, "with_email": with_email}
        await _add(where, site, networks, fields)

    run(work)


@webhook.command("review-secret")
@site_option
@networks_option
@place
def review_secret(*, where: DatabaseLocation, site: str, networks: tuple[str, ...]) -> None:
    """Print a new secret that signs the comments sent to the site's review service.

    The setting `review` of the site names the service. An earlier secret signs for a day more.

    \b
    For example:
      rostra webhook review-secret --site blog --allow-private 127.0.0.1
    """
    _networks(networks)
    run(lambda: _add(where, site, networks, {"url": "", "kind": "review"}))


@webhook.command("list")
@option("--site", metavar="S", envvar="ROSTRA_SITE", help="Site of the webhooks; by default all.")
@option("--json", "as_json", is_flag=True, envvar="ROSTRA_JSON", help="Print a line of JSON each.")
@place
def list_(*, where: DatabaseLocation, site: str | None, as_json: bool) -> None:
    """List webhooks with their state, the events that wait, and the latest error.

    \b
    For example:
      rostra webhook list --site blog
    """
    run(lambda: _list(where, site, as_json=as_json))


@webhook.command()
@webhook_argument
@place
def test(*, where: DatabaseLocation, webhook: UUID) -> None:
    """Send an event of type `webhook.test` to the webhook ID now.

    \b
    For example:
      rostra webhook test 0b5c8f0e-6c5e-4b3a-9a53-5f0f6c3f2f11
    """
    run(lambda: _test(where, webhook))


@webhook.command()
@webhook_argument
@place
def rotate(*, where: DatabaseLocation, webhook: UUID) -> None:
    """Print a new secret of the webhook ID. Both secrets sign for a day.

    \b
    For example:
      rostra webhook rotate 0b5c8f0e-6c5e-4b3a-9a53-5f0f6c3f2f11
    """
    run(lambda: _rotate(where, webhook))


@webhook.command()
@webhook_argument
@place
def disable(*, where: DatabaseLocation, webhook: UUID) -> None:
    """Stop sending to the webhook ID, and drop what waits.

    \b
    For example:
      rostra webhook disable 0b5c8f0e-6c5e-4b3a-9a53-5f0f6c3f2f11
    """

    async def work(app: Any, found: Any) -> None:
        if found.state == "disabled":
            raise click.ClickException(f"the webhook {webhook} is disabled already")
        await app.webhooks.disable(webhook, "disabled by an operator")
        say(f"the webhook {webhook} is disabled")

    run(lambda: _on(where, webhook, work))


@webhook.command()
@webhook_argument
@place
def remove(*, where: DatabaseLocation, webhook: UUID) -> None:
    """Delete the webhook ID with its secret and what waits.

    \b
    For example:
      rostra webhook remove 0b5c8f0e-6c5e-4b3a-9a53-5f0f6c3f2f11
    """

    async def work(app: Any, _: Any) -> None:
        await app.webhooks.remove(webhook)
        say(f"the webhook {webhook} is removed")

    run(lambda: _on(where, webhook, work))


def _networks(names: tuple[str, ...]) -> Any:
    from rostra_adapters.outgoing.addresses import networks_of

    try:
        return networks_of(names)
    except ValueError as error:
        raise click.UsageError(f"--allow-private: {error}") from None


async def _add(
    where: DatabaseLocation, site: str, networks: tuple[str, ...], fields: dict[str, Any]
) -> None:
    from rostra.fields import SiteName
    from rostra_adapters.application.webhooks.registry import add_webhook

    try:
        msgspec.convert(site, SiteName)
    except msgspec.ValidationError as error:
        raise click.UsageError(f"--site: {error}") from None
    async with open_app(where) as app:
        added, secret = await add_webhook(app, site=site, networks=networks, **fields)
    say(f"id      {added.id}")
    say(f"secret  {secret}")


async def _list(where: DatabaseLocation, site: str | None, *, as_json: bool) -> None:
    from rostra_adapters.application.webhooks.registry import webhook_statuses

    async with open_app(where) as app:
        found = await webhook_statuses(app, site)
    for each in found:
        if as_json:
            say_json(msgspec.json.encode(each))
            continue
        target = each.url or "(the site's setting `review`)"
        say(f"{each.id}  {each.site}  {each.kind}  {each.state}  {target}")
        say(f"  types {', '.join(each.types) or 'all'}; {_delivered(each.delivered_at, each)}")
        if each.error is not None:
            say(f"  error: {each.error}")


def _delivered(at: datetime | None, status: Any) -> str:
    last = "" if at is None else f", the latest at {at.isoformat(timespec='seconds')}"
    return f"{status.delivered} delivered{last}; {status.waiting} waiting"


async def _on(
    where: DatabaseLocation, webhook: UUID, work: Callable[[Any, Any], Awaitable[None]]
) -> None:
    """Call `work` with the App and a webhook. Raises ClickException if there is none."""
    async with open_app(where) as app:
        found = await app.webhooks.find(webhook)
        if found is None:
            raise click.ClickException(f"there is no webhook {webhook}; see `rostra webhook list`")
        await work(app, found)


async def _rotate(where: DatabaseLocation, webhook: UUID) -> None:
    from rostra_adapters.application.webhooks.registry import replace_secret

    async def work(app: Any, found: Any) -> None:
        say(f"secret  {await replace_secret(app, found)}")

    await _on(where, webhook, work)


async def _test(where: DatabaseLocation, webhook: UUID) -> None:
    from rostra_adapters.application.webhooks.messages import sample_message
    from rostra_adapters.application.webhooks.sender import DeliveryFailed, WebhookSender
    from rostra_adapters.clock import now
    from rostra_adapters.outgoing.http import HttpPoster

    async def work(app: Any, found: Any) -> None:
        if not found.url:
            raise click.ClickException("a review has no test: post a comment on the site")
        async with HttpPoster() as poster:
            sender = WebhookSender(app, app.webhooks, poster)
            body = sample_message(found.site, now())
            try:
                answer = await sender.post(found, f"msg_{uuid4().hex}", body)
            except DeliveryFailed as error:
                raise click.ClickException(f"the test of {found.url} failed: {error}") from None
        say(f"{found.url} answers {answer.status}")

    await _on(where, webhook, work)
