"""`rostra project` and `rostra notify` serve metrics to operators on request."""

import socket
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from support.ports import free_port
from support.running import Rostra, ended
from support.service import MASTER_KEY
from support.waiting import block_until

pytestmark = [pytest.mark.process, pytest.mark.postgres]

COMMANDS = {
    "project": ["project"],
    "notify": ["notify", "--mail-url", "smtp://127.0.0.1:1", "--mail-from", "N <n@example.org>",
               "--base-url", "https://news.example/c"],
}  # fmt: skip
TASKS = {"project": "project", "notify": "notify-send-1"}


def rostra(database_url: str, folder: Path) -> Rostra:
    made = Rostra(folder, database_url, ROSTRA_MASTER_KEY=MASTER_KEY.hex())
    made.must("rebuild")
    return made


def body(port: int, path: str) -> str:
    with urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        text: str = answer.read().decode()
    return text


@pytest.mark.parametrize("command", ["project", pytest.param("notify", marks=pytest.mark.slow)])
def test_metrics_status_and_a_probe_are_served(
    database_url: str, tmp_path: Path, command: str
) -> None:
    port = free_port()
    with rostra(database_url, tmp_path).started(*COMMANDS[command], "--metrics-port", port):

        def is_there() -> bool:
            try:
                return body(port, "/healthz") == '{"status":"ok"}'
            except URLError:
                return False

        block_until(is_there)
        block_until(lambda: f'rostra_task_up{{task="{TASKS[command]}"' in body(port, "/metrics"))
        assert "rostra_log_up 1.0" in body(port, "/metrics")
        assert '"views":' in body(port, "/status")


@pytest.mark.slow
def test_a_port_that_is_taken_is_named(database_url: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [*COMMANDS["project"], "--metrics-port", port]
        with rostra(database_url, tmp_path).started(*command) as process:
            ran = ended(process)
    assert ran.code == 1 and f"cannot listen on 127.0.0.1:{port}" in ran.err
