"""A backup brings the log back, and nobody who was erased since."""

import asyncio
import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import psycopg
import pytest
from click.testing import CliRunner

import rostra_adapters
from erasure.test_nothing_is_found import (
    ANN,
    BOBS,
    WORDS,
    conversation,
    dump,
    erased,
    everything,
    said_in,
    without_words,
)
from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.application.webhooks.follower import DeliveryQueuer
from rostra_adapters.application.webhooks.registry import add_webhook
from rostra_adapters.application.webhooks.sender import WebhookSender
from rostra_adapters.cli import main
from rostra_adapters.composition import backups
from rostra_adapters.data_folder.erasures_file import ErasuresFile
from rostra_adapters.errors import (
    BackupRefused,
    ErasuresUnreadable,
    RestoreUnfinished,
    WrongMasterKey,
)
from rostra_adapters.outgoing.http import HttpPoster
from rostra_adapters.postgres import schema
from rostra_adapters.postgres.backup import KEYS, LOG, MAILS, MANIFEST, TEXTS, WEBHOOKS
from support.cases import first_is_quick
from support.receivers import LOOPBACK, receiving
from support.service import MASTER_KEY, posted, serving_app

DISCUSSION = str(ids.discussion_id("gazette", "/trams"))


@pytest.fixture
def erasures(tmp_path: Path) -> Path:
    return tmp_path / "safe" / "erasures.ndjson"


async def lived(url: str, folder: Path, erasures: Path, *, before: Any = ()) -> dict[str, Any]:
    """A Rostra that is backed up, in which Ann is erased afterwards; what was read of it last."""
    async with rostra_adapters.open(url, master_key=MASTER_KEY, erasures=erasures) as app:
        await app.publish([*conversation(), *before])
        saved = await backups.save(url, folder, erasures)
        assert saved.head == await app.head()
        await app.publish([erased(), posted("b9", author={"id": "bob", "name": "Bob"})])
        async with serving_app(app) as service:
            return await everything(service, DISCUSSION)


async def test_who_was_erased_since_stays_erased_and_all_else_comes_back(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    last = await lived(database_url, tmp_path / "backup", erasures)
    assert not [word for word in WORDS if word in erasures.read_text()]
    restored = await backups.restore(
        empty_database_url, tmp_path / "backup", erasures=erasures, master_key=MASTER_KEY
    )
    assert restored.erasures == 1
    async with rostra_adapters.open(
        empty_database_url, master_key=MASTER_KEY, erasures=erasures
    ) as app:
        assert await app.log.log_id() == restored.log
        async with serving_app(app) as service:
            await app.wait(restored.head, 60)
            now = await everything(service, DISCUSSION)
            assert said_in(now) == set()
            assert said_in(now, (BOBS, "Not hers.")) == {BOBS, "Not hers."}
            for what in ("a1", "a2", "a3", "b1"):
                assert without_words(now[what].json) == without_words(last[what].json)
        assert not await app.verify()
        assert all(view.equal for view in await app.rebuild())
        assert (await app.publish([posted("x", author=ANN)]))[0].refusal is not None
        assert (await app.publish([posted("x")]))[0].status == "rejected"
    await _assert_in_no_table(empty_database_url)


async def _assert_in_no_table(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        async for name, data in dump(connection):
            assert not [word for word in WORDS if word.encode() in data], name
        assert await connection.fetchval(
            "select wrapped is null from rostra_keys.person_keys where owner = $1",
            ids.person_id("gazette", "ann"),
        )
    finally:
        await connection.close()


async def test_cursors_and_followers_of_the_old_log_are_told_that_it_changed(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        await app.publish(conversation())
        async with serving_app(app) as service:
            path = f"/v1/discussions/{DISCUSSION}/comments"
            page = (await service.get(path, flat="true", limit=1)).json
            old = await app.log.log_id()
    erasures.parent.mkdir()
    erasures.touch()
    await backups.save(database_url, tmp_path / "backup", erasures)
    await backups.restore(
        empty_database_url, tmp_path / "backup", erasures=erasures, master_key=MASTER_KEY
    )
    async with rostra_adapters.open(empty_database_url, master_key=MASTER_KEY) as app:
        assert await app.log.log_id() != old
        await app.wait(await app.head(), 60)
        async with serving_app(app) as service:
            answer = await service.get(path, flat="true", limit=1, cursor=page["next"])
            assert (answer.status, answer.problem) == (410, "log-changed")
            assert (await service.get(path)).json["total"] == 1


async def test_webhooks_come_back_and_are_sent_nothing_old(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    erasures.parent.mkdir()
    erasures.touch()
    async with receiving() as receiver, HttpPoster() as poster:
        async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
            webhook, secret = await add_webhook(
                app, site="gazette", url=receiver.url, networks=LOOPBACK
            )
            await app.publish(conversation())
            await backups.save(database_url, tmp_path / "backup", erasures)
        restored = await backups.restore(
            empty_database_url, tmp_path / "backup", erasures=erasures, master_key=MASTER_KEY
        )
        async with rostra_adapters.open(empty_database_url, master_key=MASTER_KEY) as app:
            assert app.webhooks is not None
            replaced = {"log": restored.log, "position": restored.head}
            assert await app.webhooks.all() == [msgspec.structs.replace(webhook, **replaced)]
            await app.publish([posted("new", name="new")])
            await DeliveryQueuer(app.log, app.webhooks).catch_up()
            await WebhookSender(app, app.webhooks, poster).send_due()
    assert receiver.names == ["new"]
    receiver.accepted[0].verify(secret)


async def test_a_backup_of_a_version_without_webhooks_is_restored(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    await lived(database_url, tmp_path / "backup", erasures)
    (tmp_path / "backup" / WEBHOOKS).unlink()
    manifest = tmp_path / "backup" / MANIFEST
    fields = json.loads(manifest.read_bytes())
    del fields["webhooks"]
    manifest.write_text(json.dumps(fields))
    await backups.restore(
        empty_database_url, tmp_path / "backup", erasures=erasures, master_key=MASTER_KEY
    )
    async with rostra_adapters.open(empty_database_url, master_key=MASTER_KEY) as app:
        assert app.webhooks is not None
        assert await app.webhooks.all() == []


async def test_who_returned_keeps_what_they_wrote_since(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    again = [erased(), erased(kind="returned"), posted("a9", author=ANN, body="Back again.")]
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, erasures=erasures) as app:
        await app.publish([*conversation(), *again])
        await backups.save(database_url, tmp_path / "backup", erasures)
    restored = await backups.restore(
        empty_database_url, tmp_path / "backup", erasures=erasures, master_key=MASTER_KEY
    )
    assert restored.erasures == 2
    async with rostra_adapters.open(empty_database_url, master_key=MASTER_KEY) as app:
        page = await app.comments("gazette", "/trams", flat=True, min_position=restored.head)
        assert page is not None
        assert {it.body for it in page.comments} == {None, BOBS, "Back again."}
        assert restored.head == len(conversation()) + len(again)
        assert not await app.verify()


async def test_an_erasure_that_was_repeated_does_not_erase_who_returned(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    first, again = erased(), erased()
    back = [erased(kind="returned"), posted("a9", author=ANN, body="Back again.")]
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, erasures=erasures) as app:
        await app.publish([*conversation(), first])
        (outcome,) = await app.publish([again])
        assert outcome.status == "unchanged"
        await app.publish(back)
        await backups.save(database_url, tmp_path / "backup", erasures)
    lines = list(ErasuresFile(erasures).lines())
    assert [line.id for line in lines[:2]] == [first["id"]] * 2
    assert lines[0].time == lines[1].time
    restored = await backups.restore(
        empty_database_url, tmp_path / "backup", erasures=erasures, master_key=MASTER_KEY
    )
    async with rostra_adapters.open(empty_database_url, master_key=MASTER_KEY) as app:
        page = await app.comments("gazette", "/trams", flat=True, min_position=restored.head)
        assert page is not None
        assert "Back again." in {it.body for it in page.comments}
        assert (await app.publish([posted("a10", author=ANN)]))[0].status == "recorded"


async def test_keys_that_are_older_than_the_log_bring_nobody_back(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    """Nor need they be in the file of erasures: the log itself tells of them."""
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        await app.publish(conversation())
        erasures.parent.mkdir()
        erasures.touch()
        await backups.save(database_url, tmp_path / "old", erasures)
        await app.publish([erased()])
        await backups.save(database_url, tmp_path / "new", erasures)
    await backups.restore(
        empty_database_url,
        tmp_path / "new",
        erasures=erasures,
        master_key=MASTER_KEY,
        keys=tmp_path / "old" / KEYS,
    )
    await _assert_in_no_table(empty_database_url)


PERSONS = {name: ids.person_id("gazette", name) for name in ("ann", "bob")}


async def confirmed(url: str) -> tuple[set[str], bytes]:
    """Return whose addresses are confirmed, and the key of links."""
    async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
        found = {
            name
            for name, stream in PERSONS.items()
            if await app.outbox.confirmed_address(stream) == name.encode()
        }
        return found, await app.outbox.link_key()


async def confirming(app: App) -> None:
    """Publish a conversation whose two authors have confirmed an address."""
    await app.publish(conversation())
    for name, stream in PERSONS.items():
        await app.outbox.confirm(stream, name.encode())


async def test_mails_go_on_after_a_restore(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, erasures=erasures) as app:
        await confirming(app)
        key = await app.outbox.link_key()
        await backups.save(database_url, tmp_path / "backup", erasures)
        await app.publish([erased()])
    await backups.restore(
        empty_database_url, tmp_path / "backup", erasures=erasures, master_key=MASTER_KEY
    )
    assert await confirmed(empty_database_url) == ({"bob"}, key)


@pytest.mark.parametrize("are_mails_there", [True, False])
async def test_mails_beside_older_keys_bring_nobody_back(
    database_url: str,
    empty_database_url: str,
    tmp_path: Path,
    erasures: Path,
    are_mails_there: bool,  # noqa: FBT001
) -> None:
    erasures.parent.mkdir()
    erasures.touch()
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        await confirming(app)
        await backups.save(database_url, tmp_path / "old", erasures)
        await app.publish([erased()])
        await backups.save(database_url, tmp_path / "new", erasures)
    if not are_mails_there:
        (tmp_path / "old" / MAILS).unlink()
    await backups.restore(
        empty_database_url,
        tmp_path / "new",
        erasures=erasures,
        master_key=MASTER_KEY,
        keys=tmp_path / "old" / KEYS,
    )
    found, _ = await confirmed(empty_database_url)
    assert found == ({"bob"} if are_mails_there else set())


async def test_who_returned_keeps_their_confirmed_address(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, erasures=erasures) as app:
        await app.publish([*conversation(), erased(), erased(kind="returned")])
        await app.publish([posted("a9", author=ANN)])
        await app.outbox.confirm(PERSONS["ann"], b"ann")
        await backups.save(database_url, tmp_path / "backup", erasures)
    await backups.restore(
        empty_database_url, tmp_path / "backup", erasures=erasures, master_key=MASTER_KEY
    )
    assert (await confirmed(empty_database_url))[0] == {"ann"}


async def test_a_backup_of_a_version_that_saved_no_mails_is_restored(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    await lived(database_url, tmp_path / "backup", erasures)
    (tmp_path / "backup" / MAILS).unlink()
    manifest = tmp_path / "backup" / MANIFEST
    fields = json.loads(manifest.read_bytes())
    del fields["mails"]
    manifest.write_text(json.dumps(fields))
    await backups.restore(
        empty_database_url, tmp_path / "backup", erasures=erasures, master_key=MASTER_KEY
    )
    assert (await confirmed(empty_database_url))[0] == set()


async def test_nothing_is_served_before_all_are_erased_again(
    database_url: str,
    empty_database_url: str,
    tmp_path: Path,
    erasures: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await lived(database_url, tmp_path / "backup", erasures)
    folder, url = tmp_path / "backup", empty_database_url

    async def restore(erasures: Path = erasures, master_key: bytes = MASTER_KEY) -> None:
        await backups.restore(url, folder, erasures=erasures, master_key=master_key)

    with pytest.raises(BackupRefused, match="would come back"):
        await restore(erasures=tmp_path / "none")
    with monkeypatch.context() as broken:
        broken.setattr(backups, "_erase_again", _die)
        with pytest.raises(ZeroDivisionError):
            await restore()
    with pytest.raises(RestoreUnfinished):
        async with rostra_adapters.open(url, master_key=MASTER_KEY):
            pass
    with pytest.raises(WrongMasterKey):
        await restore(master_key=bytes(32))
    with pytest.raises(RestoreUnfinished):
        async with rostra_adapters.open(url, master_key=MASTER_KEY):
            pass
    await restore()
    async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
        page = await app.comments("gazette", "/trams", min_position=await app.head())
        assert page is not None
        assert {it.status for it in page.comments} == {"erased"}
    with pytest.raises(BackupRefused, match="already"):
        await restore()


async def _die(*_: object) -> int:
    raise ZeroDivisionError


async def test_a_file_of_erasures_that_is_older_than_the_backup_is_refused(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    await lived(database_url, tmp_path / "backup", erasures, before=[erased("bob")])
    older, other = tmp_path / "older", tmp_path / "other"
    older.touch()
    other.write_bytes(erasures.read_bytes().replace(b'"bob"', b'"eve"'))
    for file in (older, other):
        with pytest.raises(BackupRefused, match="older than the backup"):
            await backups.restore(
                empty_database_url, tmp_path / "backup", erasures=file, master_key=MASTER_KEY
            )


def _restored(data: Path, backup: Path, erasures: Path, url: str) -> tuple[int, str]:
    """`rostra restore` in a data folder that may have a file of erasures."""
    environment = {"ROSTRA_DATABASE_URL": url, "ROSTRA_MASTER_KEY": MASTER_KEY.hex()}
    arguments = ["restore", str(backup), "--erasures", str(erasures), "--data", str(data)]
    said = CliRunner().invoke(main, arguments, env=environment)
    return said.exit_code, said.output


def test_what_is_gone_on_with_is_the_newest_file_whatever_there_was(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    """Else the next restore of an old backup would not know of all."""
    data, backup, older = tmp_path / "data", tmp_path / "backup", tmp_path / "older"
    asyncio.run(lived(database_url, backup, erasures, before=[erased("bob")]))
    data.mkdir()
    kept = data / "erasures.ndjson"
    kept.write_bytes(erasures.read_bytes())
    older.write_bytes(b"".join(erasures.read_bytes().splitlines(keepends=True)[:1]))
    code, said = _restored(data, backup, older, empty_database_url)
    assert (code, "is not the newest" in said) == (1, True)
    kept.write_bytes(older.read_bytes())
    code, said = _restored(data, backup, erasures, empty_database_url)
    assert (code, "2 erasures" in said) == (0, True)
    assert kept.read_bytes() == erasures.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in data.iterdir()] == [kept.name]


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def _empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "damage"),
    first_is_quick(
        [
            (LOG, _cut),
            (LOG, Path.unlink),
            (TEXTS, _cut),
            (WEBHOOKS, Path.unlink),
            (MAILS, Path.unlink),
            (KEYS, _empty),
            (MANIFEST, _cut),
        ]
    ),
)
async def test_a_damaged_backup_leaves_the_database_empty(
    database_url: str,
    empty_database_url: str,
    tmp_path: Path,
    erasures: Path,
    name: str,
    damage: Callable[[Path], None],
) -> None:
    folder = tmp_path / "backup"
    await lived(database_url, folder, erasures)
    whole = tmp_path / "whole"
    shutil.copytree(folder, whole)
    damage(folder / name)
    with pytest.raises(BackupRefused):
        await backups.restore(empty_database_url, folder, erasures=erasures, master_key=MASTER_KEY)
    await backups.restore(empty_database_url, whole, erasures=erasures, master_key=MASTER_KEY)


async def test_a_backup_is_not_taken_into_a_database_that_is_served(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    await lived(database_url, tmp_path / "backup", erasures)
    async with rostra_adapters.open(empty_database_url, master_key=MASTER_KEY):
        with pytest.raises(BackupRefused, match="stop it first"):
            await backups.restore(
                empty_database_url, tmp_path / "backup", erasures=erasures, master_key=MASTER_KEY
            )


@pytest.mark.parametrize(
    ("silent_seconds", "expectation"),
    [(40, pytest.raises(BackupRefused, match="stop it first")), (68, nullcontext())],
)
async def test_a_silent_reader_uses_the_database_while_it_is_waited_for(
    database_url: str,
    empty_database_url: str,
    tmp_path: Path,
    erasures: Path,
    silent_seconds: int,
    expectation: AbstractContextManager[Any],
) -> None:
    await lived(database_url, tmp_path / "backup", erasures)
    connection = await asyncpg.connect(empty_database_url)
    await schema.install(connection)
    await connection.execute(
        "insert into rostra_keys.key_readers (reader, forgotten, master, trusted_seconds, seen_at)"
        " values (gen_random_uuid(), 0, 'reader', 60, clock_timestamp() - $1::interval)",
        timedelta(seconds=silent_seconds),
    )
    await connection.close()
    with expectation:
        await backups.restore(
            empty_database_url, tmp_path / "backup", erasures=erasures, master_key=MASTER_KEY
        )


async def test_a_backup_is_of_one_moment_while_events_come_in(
    database_url: str, empty_database_url: str, tmp_path: Path, erasures: Path
) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, erasures=erasures) as app:
        await app.publish(conversation())

        async def publish() -> None:
            for number in range(300):
                who = {"id": f"p{number}", "name": "P"}
                await app.publish([posted(f"n{number}", author=who)])

        publishing = asyncio.create_task(publish())
        while await app.head() < 50:  # noqa: ASYNC110  # the log grows by others' hands
            await asyncio.sleep(0.001)
        erasures.parent.mkdir(exist_ok=True)
        erasures.touch()
        saved = await backups.save(database_url, tmp_path / "backup", erasures)
        await publishing
    restored = await backups.restore(
        empty_database_url, tmp_path / "backup", erasures=erasures, master_key=MASTER_KEY
    )
    assert 50 <= restored.head == saved.head
    async with rostra_adapters.open(empty_database_url, master_key=MASTER_KEY) as app:
        await app.wait(restored.head, 60)
        assert not await app.verify()  # every word opens


def test_the_command_line_says_what_is_left_to_do(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROSTRA_DATABASE_URL", database_url)
    monkeypatch.setenv("ROSTRA_DATA", str(tmp_path))
    monkeypatch.setenv("ROSTRA_MASTER_KEY", MASTER_KEY.hex())
    with psycopg.connect(database_url) as connection:
        connection.execute("update rostra_log set erasures_due = true")
    for command in ("status", "serve"):
        said = CliRunner().invoke(main, [command])
        assert (said.exit_code, "`rostra restore` again" in said.output) == (1, True)


# -- the file of erasures


async def test_a_line_that_was_never_finished_is_passed_over_and_gone_with_the_next(
    database_url: str, erasures: Path
) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, erasures=erasures) as app:
        await app.publish([erased("ann")])
        whole = erasures.read_bytes()
        erasures.write_bytes(whole + whole[: len(whole) // 2])
        assert [line.person for line in ErasuresFile(erasures).lines()] == ["ann"]
        assert ErasuresFile(erasures).digest().size == len(whole)
        await app.publish([erased("bob")])
        assert [line.person for line in ErasuresFile(erasures).lines()] == ["ann", "bob"]
        assert erasures.read_bytes().startswith(whole)
    assert erasures.stat().st_mode & 0o777 == 0o600


async def test_an_erasure_that_cannot_be_written_down_is_not_answered_as_done(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    nowhere = tmp_path / "file" / "erasures.ndjson"
    async with (
        rostra_adapters.open(database_url, master_key=MASTER_KEY, erasures=nowhere) as app,
        serving_app(app) as service,
    ):
        one = erased()
        assert (await service.publish(one)).status == 503
        (tmp_path / "file").unlink()
        assert (await service.publish(one)).json["status"] == "duplicate"
    assert [line.person for line in ErasuresFile(nowhere).lines()] == ["ann"]


def test_a_file_that_is_none_of_erasures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_text('{"type": "dog.barked"}\n')
    with pytest.raises(ErasuresUnreadable, match="line 1"):
        list(ErasuresFile(tmp_path / "other").lines())


async def test_of_acts_only_those_that_hold_are_written_down(
    database_url: str, erasures: Path
) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, erasures=erasures) as app:
        first = erased()
        await app.publish([*conversation(), erased(kind="returned"), first, first])
        await app.publish([erased(kind="returned"), posted("a9", author=ANN)])
    written = [(line.type, line.id == first["id"]) for line in ErasuresFile(erasures).lines()]
    assert written == [
        ("person.erased", True),
        ("person.erased", True),
        ("person.returned", False),
    ]


def test_keys_are_readable_by_their_owner_alone(database_url: str, tmp_path: Path) -> None:
    asyncio.run(backups.save(database_url, tmp_path / "backup", tmp_path / "none"))
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "backup" / KEYS).stat().st_mode & 0o777 == 0o600
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select erasures_due from rostra_log").fetchone() == (False,)
