"""Commands in a folder that is no data folder: they make none and say so."""

from pathlib import Path

import pytest

from cli.test_command_line import Command
from rostra_adapters.cli import COMMANDS
from support.cases import first_is_quick
from support.service import SECRET

MAKING = {"init", "serve", "restore", "token"}
ARGUMENTS = {
    "revoke": ["u1", "--site", "blog"],
    "publish": ["events.ndjson"],
    "subscriptions": ["--person", "u1", "--site", "blog"],
    "webhook": ["list", "--site", "blog"],
    "replay": ["--site", "blog", "--resource", "/x"],
    "erase": ["u1", "--site", "blog"],
    "drop-text": ["r1", "--site", "blog", "--resource", "/x"],
    "backup": ["saved"],
    "notify": [
        "--once",
        "--mail-url",
        "smtp://localhost",
        "--mail-from",
        "a@example.org",
        "--base-url",
        "https://example.org",
    ],
}

pytestmark = pytest.mark.process


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "events.ndjson").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("command", first_is_quick(sorted(COMMANDS.keys() - MAKING)))
def test_a_command_in_a_wrong_folder_makes_nothing_and_exits_with_2(
    folder: Path, command: str
) -> None:
    done = Command(folder)(command, *ARGUMENTS.get(command, []))
    assert done.returncode == 2, done.stderr
    assert b"there is no" in done.stderr and b"rostra-data" in done.stderr
    assert b"--data" in done.stderr and b"Traceback" not in done.stderr
    assert [path.name for path in folder.iterdir()] == ["events.ndjson"]


def test_an_erasure_is_not_recorded_where_no_service_keeps_them(
    folder: Path, database_url: str
) -> None:
    rostra = Command(
        folder,
        ROSTRA_DATABASE_URL=database_url,
        ROSTRA_SECRET=SECRET,
        ROSTRA_MASTER_KEY="00" * 32,
    )
    done = rostra("erase", "u1", "--site", "blog")
    assert done.returncode == 2, done.stderr
    assert b"there is no" in done.stderr and b"ROSTRA_ERASURES" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["events.ndjson"]
    done = rostra("backup", "saved")
    assert done.returncode == 2, done.stderr
    rostra.environment["ROSTRA_ERASURES"] = str(folder / "erasures.ndjson")
    for arguments in (["erase", "u1", "--site", "blog"], ["backup", "saved"]):
        done = rostra(*arguments)
        assert done.returncode == 0, done.stderr
    assert not (folder / "rostra-data").exists()
