"""The command `rostra`, as its users call it: a process of its own."""

import asyncio
import gzip
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import asyncpg
import click
import pytest
from click.testing import CliRunner, Result

from rostra import ids
from rostra_adapters.cli import COMMANDS, main
from rostra_adapters.http.auth import tokens
from support.cases import first_is_quick
from support.forking import Process
from support.service import SECRET, event, opened, posted, token, voted
from support.waiting import WAIT_SECONDS_MAX, block_until
from support.wire import Wire
from support.wire import request as wire_request

MASTER_KEY = "00" * 32
PROGRAM = [sys.executable, "-c", "from rostra_adapters.cli import main; main()"]
LISTENS = re.compile(r"Rostra listens on (http://\S+)")


class Command:
    """Runs `rostra` in a folder of its own, with an environment of its own."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        inherited = {name: it for name, it in os.environ.items() if not name.startswith("ROSTRA_")}
        self.environment = {**inherited, "PYTHONPATH": os.pathsep.join(sys.path), **variables}

    def __call__(
        self, *arguments: str, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        given = None if stdin is None else subprocess.PIPE
        process = Process(arguments, cwd=self.folder, env=self.environment, stdin=given)
        out, err = process.communicate(stdin, WAIT_SECONDS_MAX)
        return subprocess.CompletedProcess(arguments, process.wait(), out, err)

    def starting(self, *arguments: str) -> Process:
        return Process(arguments, cwd=self.folder, env=self.environment, stderr=subprocess.DEVNULL)


@pytest.fixture
def rostra(tmp_path: Path, database_url: str) -> Command:
    return Command(
        tmp_path,
        ROSTRA_DATABASE_URL=database_url,
        ROSTRA_SECRET=SECRET,
        ROSTRA_MASTER_KEY=MASTER_KEY,
        ROSTRA_PORT="0",
    )


class Running:
    """A service that listens."""

    def __init__(self, process: Process | subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdout is not None
        listens = LISTENS.match(process.stdout.readline().decode())
        assert listens is not None
        self.url = listens[1]

    def stop(self) -> int:
        """Tell it to stop, and wait until it has."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(WAIT_SECONDS_MAX)


@pytest.fixture
def service(rostra: Command) -> Iterator[Running]:
    running = Running(rostra.starting("serve"))
    rostra.environment["ROSTRA_URL"] = running.url
    yield running
    if running.process.poll() is None:
        running.stop()


def ndjson(events: Sequence[object]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


def conversation() -> list[dict[str, object]]:
    """A discussion, replies to replies, and votes."""
    comments = [posted("c0"), *(posted(f"c{n}", parent=f"c{n - 1}") for n in range(1, 6))]
    votes = [voted(1, on=f"c{n}", voter=f"p{m}") for n in range(6) for m in range(5)]
    return [event("site.configured", settings={"voting": "both"}), opened(), *comments, *votes]


def get(url: str, bearer: str | None = None) -> Any:
    request = Request(url, headers={"Authorization": f"Bearer {bearer}"} if bearer else {})
    with urlopen(request) as answer:
        return json.loads(answer.read())


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Calls a command that starts nothing, without a process of its own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ROSTRA_")]:
        monkeypatch.delenv(name)
    return lambda *arguments: CliRunner().invoke(main, arguments, prog_name="rostra")


def test_help_says_each_command_and_each_has_an_example(
    tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    shown = invoke("--help").stdout
    names = ("serve", "token", "publish", "export", "drop-text", "rebuild", "verify", "status")
    for name in names:
        assert f"  {name} " in shown
        help_ = invoke(name, "--help")
        assert help_.exit_code == 0
        assert f"rostra {name}" in help_.stdout.split("For example:")[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_has_a_variable_that_help_names(
    invoke: Callable[..., Result], name: str
) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    shown = "".join(invoke(name, "--help").stdout.split())
    options = [one for one in command.params if isinstance(one, click.Option)]
    for option in options:
        assert str(option.envvar).startswith("ROSTRA_"), option.name
        assert f"envvar:{option.envvar}" in shown, option.name


def test_help_imports_no_driver_and_no_server(tmp_path: Path) -> None:
    check = "import sys; sys.exit(bool({'aiohttp', 'asyncpg', 'jwt', 'rich'} & set(sys.modules)))"
    code = f"from rostra_adapters.cli import main\nmain(['--help'], standalone_mode=False)\n{check}"
    rostra = Command(tmp_path)
    process = subprocess.run(
        [sys.executable, "-c", code], env=rostra.environment, capture_output=True, check=False
    )
    assert process.returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["sing"],
        ["token"],
        ["token", "--scope", ""],
        ["token", "--scope", "sing"],
        ["token", "--scope", "comment", "--sub", "ann"],
        ["token", "--scope", "publish", "--days", "0"],
        ["token", "--scope", "publish", "--sub", "rostra:operator"],
        ["publish"],
        ["publish", "nothing.ndjson"],
        ["publish", "-", "--batch", "0"],
        ["publish", "-"],
        ["export", "--resource", "/trams"],
        ["serve", "--port", "x"],
        ["rebuild", "--jobs", "0"],
    ],
)
def test_wrong_use_exits_with_2(invoke: Callable[..., Result], arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert result.stdout == ""


def test_a_token_is_printed_alone_and_is_good(
    invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROSTRA_SECRET", SECRET)
    asked = ["--scope", "comment read", "--sub", "ann", "--name", "Ann", "--site", "gazette"]
    result = invoke("token", *asked)
    assert result.exit_code == 0
    [line] = result.stdout.splitlines()
    read = tokens.read(line, [SECRET])
    assert (read.person, read.name, read.site) == ("ann", "Ann", "gazette")
    assert read.scopes == {"comment", "read"}


def test_a_token_is_signed_with_the_secret_of_the_data_folder(
    tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    lines = [invoke("token", "--scope", "publish", "--data", "d").stdout for _ in range(2)]
    secret = tmp_path / "d" / "secret"
    assert secret.stat().st_mode & 0o077 == 0
    for line in lines:
        assert tokens.read(line.strip(), [secret.read_text().strip()]).site == "*"


def test_a_service_serves_until_it_is_told_to_stop(service: Running) -> None:
    assert get(f"{service.url}/readyz") == {"status": "ready", "head": 0, "lag": 0}
    assert service.stop() == 0


def test_a_service_that_cannot_start_says_why(rostra: Command, service: Running) -> None:
    taken = rostra("serve", "--port", service.url.rpartition(":")[2])
    assert taken.returncode == 1
    assert b"cannot listen" in taken.stderr
    rostra.environment["ROSTRA_SECRET"] = "short"
    short = rostra("serve")
    assert short.returncode == 1
    assert b"shorter than 32 bytes" in short.stderr
    rostra.environment["ROSTRA_SECRET"] = SECRET
    away = rostra("serve", "--database-url", "postgresql://127.0.0.1:1/rostra")
    assert away.returncode == 1
    assert b"database is away" in away.stderr
    assert b"Traceback" not in taken.stderr + short.stderr + away.stderr


def test_a_file_is_published_and_published_again(rostra: Command, service: Running) -> None:
    file = rostra.folder / "events.ndjson"
    file.write_bytes(ndjson(conversation()))
    counts = f"{service.url}/v1/counts?site=gazette&resource=/trams&min_position=38"
    for said in ("38 recorded, 0 duplicate", "0 recorded, 38 duplicate"):
        process = rostra("publish", "events.ndjson", "--batch", "7")
        assert process.returncode == 0, process.stderr
        assert process.stdout.decode().startswith(said)
        assert process.stderr == b""
    assert get(counts)["counts"] == {"/trams": 6}


@pytest.mark.slow
@pytest.mark.parametrize("batch", first_is_quick(["5", "1", "1000"]))
def test_the_order_of_a_file_does_not_matter(rostra: Command, service: Running, batch: str) -> None:
    events = conversation()
    random.Random(5).shuffle(events)
    packed = gzip.compress(ndjson(events[::-1]))
    process = rostra("publish", "-", "--batch", batch, stdin=packed)
    assert process.returncode == 0, process.stderr
    assert process.stdout == b"38 recorded, 0 duplicate, 0 unchanged, 0 rejected\n"
    assert rostra("verify").returncode == 0


def test_what_stays_rejected_is_told_and_exits_with_1(rostra: Command, service: Running) -> None:
    lines = ndjson([opened(), voted(on="nowhere"), posted(body="")]) + b"\n{\n{},{}\n"
    process = rostra("publish", "-", stdin=lines)
    assert process.returncode == 1
    said = process.stdout.decode()
    assert said.startswith("1 recorded, 0 duplicate, 0 unchanged, 4 rejected (2 not-json, ")
    assert "1 unknown-comment" in said
    assert "1 invalid-event" in said
    assert b"there is no comment nowhere" in process.stderr


def test_a_service_that_says_no_ends_publishing(rostra: Command, service: Running) -> None:
    process = rostra("publish", "-", "--token", token("read"), stdin=ndjson([opened()]))
    assert process.returncode == 1
    assert b"403" in process.stderr
    assert b"Traceback" not in process.stderr


@pytest.mark.slow
def test_an_export_published_elsewhere_gives_the_same_export(
    rostra: Command, service: Running, empty_database_url: str
) -> None:
    assert rostra("publish", "-", stdin=ndjson(conversation())).returncode == 0
    exported = rostra("export").stdout
    assert len(exported.splitlines()) == 38
    there = Command(rostra.folder, **rostra.environment)
    there.environment["ROSTRA_DATABASE_URL"] = empty_database_url
    other = Running(there.starting("serve"))
    assert there("publish", "-", "--url", other.url, stdin=exported).returncode == 0
    assert there("export").stdout == exported
    assert other.stop() == 0
    narrow = rostra("export", "--site", "gazette", "--resource", "/buses")
    assert (narrow.returncode, narrow.stdout) == (0, b"")


def test_rebuild_verify_and_status_tell_a_line_a_view(rostra: Command, service: Running) -> None:
    assert rostra("publish", "-", stdin=ndjson(conversation())).returncode == 0
    get(f"{service.url}/v1/sites/gazette/discussions?min_position=38&wait=30")
    rebuilt = rostra("rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    lines = rebuilt.stdout.decode().splitlines()
    form = r"(\w+): 38 events, [\d.]+ s, \d+ events/s, \d+ rows, equal"
    names = [found[1] for line in lines if (found := re.fullmatch(form, line))]
    views = ["comments", "discussions", "inbox", "moderation", "passages", "persons"]
    assert sorted(names) == views
    assert rostra("rebuild", "comments").stdout.decode().startswith("comments: ")
    assert rostra("rebuild", "dreams").returncode == 2
    assert rostra("verify").returncode == 0
    status = json.loads(rostra("status", "--json").stdout)
    assert status["head"] == 38
    assert {view["lag"] for view in status["views"]} == {0}
    assert str(status["log_id"]) in rostra("status").stdout.decode()


@pytest.mark.slow
def test_a_revoked_token_is_refused_by_a_running_service(rostra: Command, service: Running) -> None:
    bearer = token("feed", site="gazette", person="ann")
    request = Request(f"{service.url}/v1/events", headers={"Authorization": f"Bearer {bearer}"})

    def status() -> int:
        try:
            with urlopen(request) as answer:  # ours
                return int(answer.status)
        except HTTPError as error:
            return error.code

    assert status() == 200
    revoked = rostra("revoke", "ann", "--site", "gazette")
    assert revoked.returncode == 0
    assert revoked.stdout.startswith(b"tokens of ann for gazette that were issued until ")
    block_until(lambda: status() != 200)
    assert status() == 401
    assert rostra("revoke", "ann\n", "--site", "gazette").returncode == 2


@pytest.mark.slow
def test_an_event_that_cannot_be_folded_is_told_and_the_exit_code_is_1(
    rostra: Command, service: Running
) -> None:
    assert rostra("publish", "-", stdin=ndjson(conversation())).returncode == 0
    stream = ids.comment_id(ids.discussion_id("gazette", "/trams"), "never posted")
    state = b'{"time":"yesterday","author":"ann","status":"weird"}'

    async def record() -> None:
        connection = await asyncpg.connect(rostra.environment["ROSTRA_DATABASE_URL"])
        await connection.execute(
            "insert into stored_events (originator_id, originator_version, topic, state)"
            " values ($1, 1, 'comment.posted', $2)", stream, state,
        )  # fmt: skip
        await connection.close()

    asyncio.run(record())
    get(f"{service.url}/v1/discussions?site=gazette&min_position=39&wait=30")
    verified = rostra("verify")
    assert verified.returncode == 1
    lines = verified.stdout.decode().splitlines()
    told = [line for line in lines if line.startswith("comments: stored_events 39: ")]
    assert len(told) == 1
    assert "weird" in told[0]
    rebuilt = rostra("rebuild")
    assert rebuilt.returncode == 1
    assert len(rebuilt.stdout.splitlines()) == 6
    assert "position 39 cannot be folded" in rebuilt.stderr.decode()
    assert "position 39 cannot be folded" in rostra("status").stdout.decode()
    status = json.loads(rostra("status", "--json").stdout)
    [parked] = next(view["parked"] for view in status["views"] if view["name"] == "comments")
    assert (parked["position"], parked["discussion"]) == (39, str(ids.discussion_of(stream)))
    other = ids.discussion_id("gazette", "/parked-by-an-earlier-version")

    async def park_another() -> None:
        connection = await asyncpg.connect(rostra.environment["ROSTRA_DATABASE_URL"])
        await connection.execute(
            "insert into rostra_parked (view, version, discussion, position, error)"
            " select view, version, $1, 1, 'unknown then' from rostra_parked limit 1", other,
        )  # fmt: skip
        await connection.close()

    asyncio.run(park_another())
    assert "position 1 cannot be folded: unknown then" in rostra("status").stdout.decode()
    unparked = rostra("unpark")
    assert unparked.returncode == 1
    assert "position 39 cannot be folded" in unparked.stderr.decode()
    status_text = rostra("status").stdout.decode()
    assert "unknown then" not in status_text
    assert "position 39 cannot be folded" in status_text


@pytest.mark.slow
def test_tokens_of_the_previous_secret_are_taken_while_it_is_replaced(rostra: Command) -> None:
    rostra.environment["ROSTRA_SECRET_PREVIOUS"] = SECRET
    rostra.environment["ROSTRA_SECRET"] = "the secret that replaces it, long enough, too"
    running = Running(rostra.starting("serve"))
    try:
        for bearer in (token("feed"), rostra("token", "--scope", "feed").stdout.decode().strip()):
            headers = {"Authorization": f"Bearer {bearer}"}
            with urlopen(Request(f"{running.url}/v1/events", headers=headers)) as answer:
                assert answer.status == 200
    finally:
        running.stop()


# -- descriptors

DESCRIPTORS = 256
HEALTH = wire_request("GET", "/healthz")


def _few() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, DESCRIPTORS))


def test_descriptors_are_raised_and_connections_fit_them(rostra: Command, tmp_path: Path) -> None:
    """One address holds all that it may, and others are served."""
    written = tmp_path / "log"
    with written.open("wb") as log:
        running = Running(
            subprocess.Popen(
                [*PROGRAM, "serve", "--proxy", "192.0.2.1"],
                cwd=tmp_path,
                env=rostra.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                preexec_fn=_few,  # noqa: PLW1509  # no threads are running
            )
        )
    wires = [Wire(running.url, "127.0.0.2") for _ in range(300)]
    try:
        other = Wire(running.url, "127.0.0.3")
        assert [other.ask(HEALTH).status for _ in range(20)] == [200] * 20
        other.close()
        assert [wire.ask(HEALTH).status for wire in wires[:64]] == [200] * 64
        refused = {wire.ask(HEALTH).status for wire in wires[64:]}
        assert refused <= {503, 0}
    finally:
        for wire in wires:
            wire.close()
        assert running.stop() == 0
    lines = [json.loads(line) for line in written.read_text().splitlines() if line[:1] == "{"]
    said = [line["message"] for line in lines if "descriptors" in line["message"]]
    assert said == ["up to 128 connections, 64 of an address, with 256 descriptors"]
