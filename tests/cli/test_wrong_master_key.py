"""A database whose persons' keys need a master key that was not given."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

import rostra_adapters
from cli.test_command_line import Command, Running, conversation
from rostra_adapters.errors import WrongMasterKey
from rostra_adapters.keys.ring import fingerprint
from support.cases import first_is_quick
from support.service import SECRET

FIRST, SECOND = bytes(range(32)), bytes(range(1, 33))
MASTERS = "select encode(master, 'hex') from rostra_keys.master_keys order by noted_at"
Publish = Callable[[bytes], None]


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'rostra.sqlite'}"
    found: str = request.getfixturevalue("database_url")
    return found


def publish(url: str, key: bytes) -> None:
    async def run() -> None:
        async with rostra_adapters.open(url, master_key=key) as app:
            await app.publish(conversation())

    asyncio.run(run())


def test_another_key_is_refused_and_the_missing_one_is_named(url: str) -> None:
    publish(url, FIRST)
    with pytest.raises(WrongMasterKey, match=fingerprint(FIRST).hex()) as refused:
        publish(url, SECOND)
    assert FIRST.hex() not in str(refused.value)
    publish(url, FIRST)
    publish(url, SECOND + FIRST)


@pytest.mark.slow
def test_a_database_without_persons_remembers_its_key(database_url: str) -> None:
    async def opened(key: bytes) -> None:
        async with rostra_adapters.open(database_url, master_key=key):
            pass

    asyncio.run(opened(FIRST))
    with pytest.raises(WrongMasterKey, match=fingerprint(FIRST).hex()):
        asyncio.run(opened(SECOND))


@pytest.mark.slow
def test_of_two_new_keys_one_is_refused(database_url: str) -> None:
    async def opened(key: bytes) -> None:
        async with rostra_adapters.open(database_url, master_key=key):
            await asyncio.sleep(0)

    async def both() -> list[BaseException | None]:
        opening = opened(FIRST), opened(SECOND)
        return list(await asyncio.gather(*opening, return_exceptions=True))

    refused = [each for each in asyncio.run(both()) if each is not None]
    assert [type(each) for each in refused] == [WrongMasterKey]


@pytest.mark.slow
def test_keys_from_before_the_table_of_fingerprints_are_known(database_url: str) -> None:
    publish(database_url, FIRST)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop table rostra_keys.master_keys")
        connection.execute("update rostra_log set schema_version = 10")
    with pytest.raises(WrongMasterKey, match=fingerprint(FIRST).hex()):
        publish(database_url, SECOND)


def test_a_rewrapped_database_needs_the_new_key_alone(database_url: str) -> None:
    publish(database_url, FIRST)

    async def rewrap() -> None:
        async with rostra_adapters.open(database_url, master_key=SECOND + FIRST) as app:
            await app.ring.rewrap()

    asyncio.run(rewrap())
    with psycopg.connect(database_url) as connection:
        assert connection.execute(MASTERS).fetchall() == [(fingerprint(SECOND).hex(),)]
    publish(database_url, SECOND)


def test_a_copied_sqlite_file_without_its_key_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROSTRA_MASTER_KEY", "")  # as good as unset
    file = tmp_path / "rostra.sqlite"

    async def run() -> None:
        async with rostra_adapters.open(f"sqlite:{file}") as app:
            await app.publish(conversation())

    asyncio.run(run())
    key = file.with_name("rostra.sqlite.master-key")
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(WrongMasterKey, match="none was"):
        asyncio.run(run())
    assert not key.exists()
    key.write_bytes(kept)
    asyncio.run(run())


@pytest.mark.process
@pytest.mark.parametrize("workers", first_is_quick(["1", "2"]))
def test_a_new_data_folder_on_an_old_database_is_not_served(
    tmp_path: Path, database_url: str, workers: str
) -> None:
    """A container that was made again without its volume."""
    old, new = tmp_path / "old", tmp_path / "new"
    rostra = Command(
        tmp_path, ROSTRA_DATABASE_URL=database_url, ROSTRA_SECRET=SECRET, ROSTRA_PORT="0"
    )
    service = Running(rostra.starting("serve", "--data", str(old)))
    assert service.stop() == 0
    refused = rostra("serve", "--data", str(new), "--workers", workers)
    key = bytes.fromhex((old / "master-key").read_text())
    assert refused.returncode == 2
    assert fingerprint(key).hex().encode() in refused.stderr
    assert b"Traceback" not in refused.stderr and key.hex().encode() not in refused.stderr
    assert not (new / "master-key").exists()
    (new / "master-key").write_text(f"{key.hex()}\n")
    assert Running(rostra.starting("serve", "--data", str(new))).stop() == 0
