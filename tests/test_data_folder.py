"""The secrets that a data folder keeps."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rostra_adapters.data_folder import DataFolderError, exclusively, master_key, secret


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
        exclusively(lock, wait_seconds_max=0),
        pytest.raises(DataFolderError, match="held"),
        exclusively(lock, wait_seconds_max=0),
    ):
        pass
    with exclusively(lock, wait_seconds_max=0):
        pass
