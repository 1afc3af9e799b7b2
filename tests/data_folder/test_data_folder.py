"""The secrets that a data folder keeps."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import rostra_adapters
from rostra_adapters.data_folder.folder import (
    exclusive_lock,
    make_data_folder,
    master_key,
    secret,
    write_durably,
)
from rostra_adapters.errors import DataFolderError


def test_a_secret_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    made = secret(tmp_path / "data")
    assert len(bytes.fromhex(made)) == 32
    assert secret(tmp_path / "data") == made != master_key(tmp_path / "data")
    files = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()}
    assert files == {"secret": 0o600, "master-key": 0o600}


def test_of_many_that_make_a_secret_at_once_all_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(secret, [tmp_path] * 32))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("")
    with pytest.raises(DataFolderError, match="does not hold 64 hex digits"):
        secret(tmp_path)


def test_a_lock_that_is_held_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with (
        exclusive_lock(lock, wait_seconds_max=0),
        pytest.raises(DataFolderError, match="held"),
        exclusive_lock(lock, wait_seconds_max=0),
    ):
        pass
    with exclusive_lock(lock, wait_seconds_max=0):
        pass


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_data_folder_is_its_owners_alone(tmp_path: Path) -> None:
    secret(tmp_path / "new")
    assert mode(tmp_path / "new") == 0o700
    former = tmp_path / "former"
    former.mkdir(mode=0o755)
    (former / "lock").touch()
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o755)
    for folder in (former, empty):
        make_data_folder(folder)
        assert mode(folder) == 0o700


def test_a_folder_with_other_things_keeps_its_mode(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home, shared = tmp_path / "home", tmp_path / "shared"
    home.mkdir(mode=0o755)
    (home / "letters").touch()
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "lock").touch()
    for folder, kept in ((home, 0o755), (shared, 0o1777)):
        secret(folder)
        assert mode(folder) == kept
        assert mode(folder / "secret") == 0o600
        assert "chmod 700`" in caplog.text
        caplog.clear()


async def test_a_database_in_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        async with rostra_adapters.open(f"sqlite:{tmp_path / 'log.db'}"):
            files = {path.name: mode(path) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert set(files) >= {"log.db", "log.db.master-key"}
    assert set(files.values()) == {0o600}


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_durably(file, b"old" * 100_000)
    with file.open("rb") as reader:
        write_durably(file, b"new")
        assert reader.read() == b"old" * 100_000
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    write_durably(file, b"old")

    def fail(descriptor: int) -> None:
        raise OSError(f"no room for {descriptor}")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no room"):
        write_durably(file, b"new")
    assert file.read_bytes() == b"old"
