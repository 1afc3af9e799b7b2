"""Opening a Rostra on a SQLite file: the errors of what is wrong, and who waits for whom."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import rostra_adapters
from rostra_adapters.errors import InvalidDatabaseUrl, ReadOnly, RostraError, SqliteFileError
from support.service import opened, posted

OPEN_IT = """
import asyncio, sys, rostra_adapters

async def main():
    async with rostra_adapters.open("sqlite:" + sys.argv[1]) as app:
        print(await app.head())

asyncio.run(main())
"""


async def refused(url: str, *, read_only: bool = False) -> RostraError:
    with pytest.raises(RostraError) as raised:
        async with rostra_adapters.open(url, read_only=read_only):
            pass
    return raised.value


@pytest.mark.parametrize(
    "name", [":memory:", "///relative", "///relative/x.db", "", "//host/x.db", "////folder/x.db"]
)
async def test_a_url_that_names_no_file_is_refused_with_what_to_write(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = await refused(f"sqlite:{name}")
    assert isinstance(error, InvalidDatabaseUrl)
    assert "write `" in str(error)
    assert list(tmp_path.iterdir()) == []


async def test_a_missing_folder_a_folder_and_a_broken_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "broken.db").write_bytes(b"this is no database at all" * 500)
    for name, reason in (
        ("nowhere/x.db", f"there is no {tmp_path / 'nowhere'}"),
        ("folder.db", "it is a folder"),
        ("broken.db", "file is not a database"),
    ):
        error = await refused(f"sqlite:{tmp_path / name}")
        assert isinstance(error, SqliteFileError)
        assert str(tmp_path / name) in str(error)
        assert reason in str(error)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.db", "folder.db"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write every file")
async def test_a_file_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    async with rostra_adapters.open(f"sqlite:{path}"):
        pass
    path.chmod(0o400)
    assert isinstance(await refused(f"sqlite:{path}"), SqliteFileError)


async def test_what_is_opened_to_read_is_read_and_not_written(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'x.db'}"
    error = await refused(url, read_only=True)
    assert isinstance(error, SqliteFileError)
    assert list(tmp_path.iterdir()) == []
    async with rostra_adapters.open(url) as app:
        await app.publish([opened(), posted(body="Yes.")])
    async with rostra_adapters.open(url, read_only=True) as app:
        page = await app.comments("gazette", "/trams")
        assert page is not None
        assert [comment.body for comment in page.comments] == ["Yes."]
        with pytest.raises(ReadOnly):
            await app.publish([posted("c2")])
        with pytest.raises(ReadOnly):
            await app.drop_text("gazette", "/trams", "r1")
        assert await app.head() == 2


async def test_postgresql_is_opened_to_read_too(database_url: str) -> None:
    async with rostra_adapters.open(database_url, master_key=bytes(32)) as app:
        await app.publish([opened(), posted()])
        await app.wait(2, 60)
        async with rostra_adapters.open(
            database_url, master_key=bytes(32), read_only=True
        ) as reader:
            page = await reader.comments("gazette", "/trams")
            assert page is not None
            assert page.total == 1
            with pytest.raises(ReadOnly):
                await reader.publish([posted("c2")])


async def test_an_empty_master_key_is_unset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROSTRA_MASTER_KEY", "")
    async with rostra_adapters.open(f"sqlite:{tmp_path / 'x.db'}") as app:
        await app.publish([opened()])
    assert (tmp_path / "x.db.master-key").exists()


@pytest.mark.slow
@pytest.mark.process
def test_processes_that_open_a_new_file_at_once_wait_for_one_another(tmp_path: Path) -> None:
    for attempt in range(3):
        path = str(tmp_path / f"{attempt}.db")
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", OPEN_IT, path],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]
        for process in processes:
            said, error = process.communicate(timeout=120)
            assert (process.returncode, said) == (0, "0\n"), error
