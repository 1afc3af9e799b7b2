"""What comes from outside is printed on a terminal without steering it."""

import ast
import asyncio
import json
import os
import pty
import select
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

import rostra_adapters.cli
from cli.test_command_line import PROGRAM, Command, Running, ndjson
from rostra_adapters.postgres.connect import create_pool
from support.forking import Process
from support.service import MASTER_KEY, SECRET, event, opened, posted
from support.waiting import WAIT_SECONDS_MAX

STEERING = ("\x1b]0;owned\x07", "\x9b2J", "\u202e", "\u2028")
"""A title for the window, a cleared screen, text from right to left, another line."""
HOSTILE = f"[red]a{''.join(STEERING)}z[/red]"
MARK = "\\u001b]0;owned\\u0007\\u009b2J\\u202e"
PASSWORD = "Zq9-the-password"


@pytest.fixture
def rostra(tmp_path: Path, database_url: str) -> Command:
    return Command(
        tmp_path,
        ROSTRA_DATABASE_URL=database_url,
        ROSTRA_SECRET=SECRET,
        ROSTRA_MASTER_KEY=MASTER_KEY.hex(),
        ROSTRA_PORT="0",
    )


def on_a_terminal(rostra: Command, *arguments: str) -> str:
    """All that a command prints where both outputs are a terminal."""
    ours, theirs = pty.openpty()
    environment = {**rostra.environment, "TERM": "dumb"}
    process = Process(arguments, cwd=rostra.folder, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while select.select([ours], [], [], WAIT_SECONDS_MAX)[0]:
            try:
                some = os.read(ours, 65_536)
            except OSError:  # EIO: the other end is closed
                break
            if not some:
                break
            shown += some
    finally:
        os.close(ours)
        process.wait(WAIT_SECONDS_MAX)
    return shown.decode()


def steered_by(shown: str) -> list[str]:
    return [one for one in STEERING if one in shown]


async def recorded(database_url: str, *events: dict[str, object]) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        assert {one.status for one in await app.publish(list(events))} == {"recorded"}
        await app.wait(await app.head(), WAIT_SECONDS_MAX)


async def sealed_words_damaged(database_url: str) -> None:
    """Rows of views that the log does not say, with a name that steers."""
    pool = await create_pool(database_url)
    version = await pool.fetchval("select version from rostra_views where name = 'discussions'")
    await pool.execute(f"update discussions_v{version} set title = $1", HOSTILE)
    await pool.close()


@pytest.mark.slow
def test_no_command_lets_data_steer_the_terminal(rostra: Command, database_url: str) -> None:
    events = [opened(), posted(body=f"One {HOSTILE}"), event("comment.removed", comment="c1")]
    asyncio.run(recorded(database_url, *events[:2]))
    asyncio.run(sealed_words_damaged(database_url))
    service = Running(rostra.starting("serve"))
    try:
        lines = [posted(key=HOSTILE, body=""), {"type": HOSTILE}, {**opened(), "id": HOSTILE}]
        (rostra.folder / "events").write_bytes(
            b"".join(json.dumps(it, ensure_ascii=False).encode() + b"\n" for it in lines)
            + f"{{ {HOSTILE}\n".encode()
        )
        shown = {
            name: on_a_terminal(rostra, *arguments)
            for name, arguments in {
                "publish": ["publish", "events", "--url", service.url],
                "replay": ["replay", "--site", "gazette", "--resource", "/trams"],
                "replay as JSON": [
                    "replay", "--site", "gazette", "--resource", "/trams", "--json"
                ],
                "export": ["export"],
                "verify": ["verify"],
                "status": ["status"],
                "rebuild": ["rebuild"],
                "erase": ["erase", f"u{HOSTILE}", "--site", "gazette"],
                "drop-text": ["drop-text", HOSTILE, "--site", "gazette", "--resource", "/trams"],
                "restore": ["restore", ".", "--erasures", HOSTILE],
            }.items()
        }  # fmt: skip
    finally:
        service.stop()
    assert {name: steered_by(it) for name, it in shown.items() if steered_by(it)} == {}
    for name in ("publish", "replay", "replay as JSON", "export"):
        assert MARK in shown[name].replace("\\u007f", ""), name
    assert "[red]" in shown["publish"]  # not taken for markup


@pytest.mark.slow
def test_no_command_shows_the_password_of_the_database(rostra: Command, database_url: str) -> None:
    url = database_url.replace("//rostra@", f"//rostra:{PASSWORD}@")
    commands: Sequence[list[str]] = (
        ["status"], ["status", "--json"], ["verify"], ["rebuild"], ["export"],
    )  # fmt: skip
    for where in (url, url.replace("postgresql:", "postgress:"), f"{url}&sslmode=never"):
        rostra.environment["ROSTRA_DATABASE_URL"] = where
        for arguments in commands:
            done = rostra(*arguments)
            assert PASSWORD.encode() not in done.stdout + done.stderr, arguments
            assert b"Traceback" not in done.stderr, done.stderr
    rostra.environment["ROSTRA_DATABASE_URL"] = url
    shown = rostra("status").stdout.decode()
    assert "postgresql://rostra:***@" in shown
    rostra.environment["ROSTRA_DATABASE_URL"] = f"postgresql://rostra:{PASSWORD}@127.0.0.1:1/r"
    for arguments in (["serve"], ["serve", "--workers", "2"], ["project"], ["token"]):
        done = rostra(*arguments)
        assert done.returncode != 0
        assert PASSWORD.encode() not in done.stdout + done.stderr, arguments


def test_an_unexpected_error_is_printed_without_password_and_control_characters(
    rostra: Command,
) -> None:
    code = (
        "from rostra_adapters import cli\n"
        "from rostra_adapters.cli import views\n"
        "def broken(*_):\n"
        f"    raise RuntimeError('postgresql://u:{PASSWORD}@h/d ' + {HOSTILE!r})\n"
        "views.run = broken\n"
        "cli.main(['status'])\n"
    )
    done = subprocess.run(
        [PROGRAM[0], "-c", code], env=rostra.environment, capture_output=True, check=False
    )
    shown = done.stderr.decode()
    assert done.returncode == 1
    assert "Traceback" in shown
    assert MARK in shown
    assert PASSWORD not in shown.partition("RuntimeError: ")[2]
    assert not any(one in shown for one in STEERING)


def test_commands_print_by_one_module_only() -> None:
    folder = Path(rostra_adapters.cli.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if path.name != "terminal.py":
                assert called not in ("print", "click.echo", "click.secho"), path.name
            if called == "TextColumn":
                assert "markup=False" in ast.unparse(node), path.name


def test_a_file_of_an_export_is_as_the_feed_has_it(rostra: Command, database_url: str) -> None:
    asyncio.run(recorded(database_url, opened(), posted(body=HOSTILE)))
    exported = rostra("export").stdout
    bodies = [json.loads(line)["data"].get("body") for line in exported.splitlines()]
    assert bodies == [None, HOSTILE]
    assert "\u202e".encode() in exported
    assert ndjson([json.loads(line) for line in exported.splitlines()]) != b""
