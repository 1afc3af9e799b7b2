"""`rostra rotate-master-key`: a new key around the old ones, in two steps."""

import asyncio
import json
import os
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

import rostra_adapters
from erasure.test_nothing_is_found import BODY, conversation
from rostra_adapters.cli import main
from rostra_adapters.data_folder import folder as data_folder

KEYS = "select count(distinct master), count(*) from rostra_keys.person_keys"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path) -> None:
    monkeypatch.delenv("ROSTRA_MASTER_KEY", raising=False)
    monkeypatch.setenv("ROSTRA_DATABASE_URL", database_url)
    monkeypatch.setenv("ROSTRA_DATA", str(tmp_path))


def rostra(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def publish(tmp_path: Path, site: str) -> None:
    async def run() -> None:
        key = bytes.fromhex(data_folder.master_key(tmp_path).replace(",", ""))
        url = os.environ["ROSTRA_DATABASE_URL"]
        events = [{**one, "data": {**one["data"], "site": site}} for one in conversation()]
        async with rostra_adapters.open(url, master_key=key) as app:
            outcomes = await app.publish(events)
            assert {it.status for it in outcomes} == {"recorded"}

    asyncio.run(run())


def test_words_open_before_between_and_after(tmp_path: Path, database_url: str) -> None:
    publish(tmp_path, "gazette")
    former = data_folder.master_key(tmp_path)
    first = rostra("rotate-master-key")
    assert (first.exit_code, "restart every service" in first.output) == (0, True)
    both = data_folder.master_key(tmp_path)
    assert both.endswith(f",{former}")
    assert rostra("export").output.count(BODY) == 3
    publish(tmp_path, "herald")
    with psycopg.connect(database_url) as connection:
        assert connection.execute(KEYS).fetchone() == (2, 6)

    second = rostra("rotate-master-key")
    assert (second.exit_code, second.output[:7]) == (0, "3 keys ")
    assert data_folder.master_key(tmp_path) == both.partition(",")[0]
    assert (tmp_path / "master-key").stat().st_mode & 0o777 == 0o600
    assert rostra("export").output.count(BODY) == 6
    with psycopg.connect(database_url) as connection:
        assert connection.execute(KEYS).fetchone() == (1, 6)
    assert [it.name for it in tmp_path.iterdir()] == ["master-key"]


def test_it_is_not_finished_while_a_process_has_the_former_key_alone(
    tmp_path: Path, database_url: str
) -> None:
    publish(tmp_path, "gazette")
    rostra("rotate-master-key")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "insert into rostra_keys.key_readers (reader, forgotten, master)"
            " values (gen_random_uuid(), 0, 'former')"
        )
        refused = rostra("rotate-master-key")
        assert (refused.exit_code, "1 processes" in refused.output) == (1, True)
        assert "," in data_folder.master_key(tmp_path)
        connection.execute("delete from rostra_keys.key_readers")
    assert rostra("rotate-master-key").exit_code == 0


def test_a_file_of_the_key_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, "gazette")

    def write(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(data_folder, "write_durably", write)
    refused = rostra("rotate-master-key")
    assert (refused.exit_code, "cannot be written" in refused.output) == (1, True)


def test_keys_that_are_given_are_the_operators_to_replace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, "gazette")
    former = data_folder.master_key(tmp_path)
    monkeypatch.setenv("ROSTRA_MASTER_KEY", former)
    assert rostra("rotate-master-key").exit_code == 2
    monkeypatch.setenv("ROSTRA_MASTER_KEY", f"{'ab' * 32},{former}")
    assert "leave only the first key" in rostra("rotate-master-key").output
    monkeypatch.setenv("ROSTRA_MASTER_KEY", "ab" * 32)
    assert json.dumps(rostra("export").output).count(BODY) == 3
    assert data_folder.master_key(tmp_path) == former
