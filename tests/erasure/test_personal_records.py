"""What is kept beside the log about a person: exported with them, and gone with them."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from click.testing import CliRunner

import rostra_adapters
from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.application.notify.links import address_hash
from rostra_adapters.application.notify.outbox import MailRequest, Notice
from rostra_adapters.application.operational import Demand, person_bucket
from rostra_adapters.application.personal_records import personal_records
from rostra_adapters.cli import main
from rostra_adapters.postgres import schema
from support.service import MASTER_KEY, Event, event, opened, posted

SITE = "gazette"
GIL = "gil"
STREAM = ids.person_id(SITE, GIL)
DISCUSSION = ids.discussion_id(SITE, "/trams")
ADDRESS = b"x" * 16
BUCKET = person_bucket("comments", SITE, GIL)
ROWS_OF: dict[str, tuple[str, Any]] = {
    "rostra_write_limits": ("bucket = $1", BUCKET),
    "rostra_guest_votes": ("guest = $1", GIL),
    "rostra_read_marks": ("person = $1", STREAM),
    "rostra_inbox_marks": ("person = $1", STREAM),
    "rostra_outbox": ("person = $1", STREAM),
    "rostra_mail_addresses": ("person = $1", STREAM),
    "rostra_mail_requests": ("person = $1", STREAM),
    "rostra_ban_jobs": ("person = $1", STREAM),
    "rostra_vote_counts": ("person = $1", STREAM),
    "rostra_guest_addresses": ("guest = $1", GIL),
    "rostra_banned_addresses": ("guest = $1", GIL),
}
"""Operational tables with rows of a person, and how these are found."""
BANNED = (
    "insert into rostra_ban_jobs values ($1, $1, $1, 1, 'done', null, 0, 0, 0)",
    "insert into rostra_vote_counts values ($1, 3)",
    "insert into rostra_guest_addresses values ('gazette', 'gil', 'address')",
    "insert into rostra_banned_addresses values ('gazette', 'address', 'gil', now())",
)
"""Rows that a ban leaves."""
STAYS = {"rostra_revocations"}
"""A revoked token stays revoked when its person is erased. Ids of persons are pseudonyms."""
NAMES_NOBODY = {
    "rostra_followers",
    "rostra_link_key",
    "rostra_mail_totals",
    "rostra_projectors",
    "rostra_webhooks",
    "rostra_webhook_lanes",
    "rostra_webhook_queue",
    "rostra_heartbeat",
}
KINDS = {
    "settings",
    "confirmed_address",
    "subscription",
    "read_mark",
    "inbox_mark",
    "inbox_item",
    "notice",
    "mail_request",
}


def about(kind: str, **data: Any) -> Event:
    made = event(kind)
    return {**made, "data": {"site": SITE, **data}}


async def filled(app: App) -> None:
    """Leave a row of the person wherever there can be one."""
    outcomes = await app.publish(
        [
            opened(),
            posted("mine", author={"id": GIL, "name": "Gil"}),
            about("person.configured", person=GIL, email="gil@example.org", language="de"),
            event("subscription.started", person=GIL, to="comments"),
            posted("c1", author={"id": "bob", "name": "Bob"}, parent="mine"),
        ]
    )
    assert {one.status for one in outcomes} == {"recorded"}
    log, outbox = await app.log.history(), app.outbox
    await app.wait(await app.head(), 30)
    comment = ids.comment_id(DISCUSSION, "c1")
    await outbox.confirm(STREAM, address_hash(STREAM, "gil@example.org", await outbox.link_key()))
    await outbox.add([Notice(uuid4(), STREAM, SITE, GIL, "reply", DISCUSSION, comment)])
    await outbox.ask(
        MailRequest(STREAM, SITE, GIL, DISCUSSION, "gil@example.org", "comments", "de")
    )
    await app.read_marks.advance(STREAM, DISCUSSION, log, 3)
    await app.read_marks.read_inbox(STREAM, log, up_to=3)
    await app.operational.reserve_vote(SITE, comment, [b"address"], GIL)
    await app.operational.charge([Demand(BUCKET, 100.0, 1_000.0)])
    await app.revocations.revoke(GIL, SITE, 1.0)


async def records(app: App) -> list[dict[str, Any]]:
    return [record async for record in personal_records(app, SITE, GIL)]


async def test_every_operational_table_is_walked(database_url: str) -> None:
    """A new table must say whether it names a person, and if so it is emptied with them."""
    assert ROWS_OF.keys() | STAYS | NAMES_NOBODY == set(schema.OPERATIONAL_TABLES)
    connection = await asyncpg.connect(database_url)
    try:
        async with rostra_adapters.open(database_url, master_key=MASTER_KEY, moderate=False) as app:
            await filled(app)
            for statement in BANNED:
                await connection.execute(statement, *([STREAM] if "$1" in statement else []))

            async def counts() -> dict[str, int]:
                return {
                    table: await connection.fetchval(
                        f"select count(*) from {table} where {condition}", value
                    )
                    for table, (condition, value) in ROWS_OF.items()
                }

            assert {table for table, count in (await counts()).items() if not count} == set()
            await app.publish([about("person.erased", person=GIL)])
            assert {table for table, count in (await counts()).items() if count} == set()
    finally:
        await connection.close()


async def test_everything_is_exported_and_nothing_after_an_erasure(database_url: str) -> None:
    for url in ("memory:", database_url):
        async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
            await filled(app)
            found = await records(app)
            assert {one["record"] for one in found} == KINDS
            (settings,) = [one for one in found if one["record"] == "settings"]
            assert (settings["email"], settings["language"]) == ("gil@example.org", "de")
            (subscription,) = [one for one in found if one["record"] == "subscription"]
            assert (subscription["discussion"], subscription["to"]) == (DISCUSSION, "comments")
            await app.publish([about("person.erased", person=GIL)])
            await app.wait(await app.head(), 30)
            assert await records(app) == []


async def test_a_repeated_erasure_forgets_nothing_of_who_returned(database_url: str) -> None:
    for url in ("memory:", database_url):
        async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
            first, last = about("person.erased", person=GIL), about("person.erased", person=GIL)
            await app.publish([first, about("person.returned", person=GIL)])
            await app.outbox.confirm(STREAM, ADDRESS)
            (repeated,) = await app.publish([first])
            assert repeated.status == "duplicate"
            assert await app.outbox.confirmed_address(STREAM) == ADDRESS
            await app.publish([last])
            assert await app.outbox.confirmed_address(STREAM) is None
            for again in (last, about("person.erased", person=GIL)):  # as after a crash
                await app.outbox.confirm(STREAM, ADDRESS)
                await app.publish([again])
                assert await app.outbox.confirmed_address(STREAM) is None
            await app.outbox.confirm(STREAM, ADDRESS)
            back = about("person.returned", person=GIL)
            await app.publish(
                [back, about("person.erased", person=GIL), about("person.returned", person=GIL)]
            )
            assert await app.outbox.confirmed_address(STREAM) is None


def test_the_command_writes_them_after_the_events(database_url: str) -> None:
    async def fill() -> None:
        async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
            await filled(app)

    asyncio.run(fill())
    environment = {"ROSTRA_DATABASE_URL": database_url, "ROSTRA_MASTER_KEY": MASTER_KEY.hex()}
    ran = CliRunner().invoke(main, ["export", "--site", SITE, "--person", GIL], env=environment)
    assert ran.exit_code == 0, ran.output
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    events = [line for line in lines if "specversion" in line]
    assert {line.get("record") for line in lines[len(events) :]} == KINDS
    mark = next(line for line in lines if line.get("record") == "read_mark")
    assert (UUID(mark["discussion"]), mark["position"]) == (DISCUSSION, 3)
