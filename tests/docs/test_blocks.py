"""Every block of a page is run, or says why it is not."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from support.pages import (
    PROJECT,
    SHELL,
    STAND_IN,
    blocks,
    check_output,
    pages,
    script,
    write_files,
)
from support.ports import free_port

SECONDS_MAX = 110
KNOWN = {
    "sh", "python", "json", "html", "text", "sql", "nginx", "ini", "yaml", "dockerfile", "console",
    "css", "js", "toml",
}  # fmt: skip
RUN = [page for page in pages() if any(block.is_run for block in blocks(page))]
STARTS = ("background", STAND_IN)
SERVICES = [page for page in RUN if any(one.mark.startswith(STARTS) for one in blocks(page))]


def named(page: Path) -> str:
    return str(page.relative_to(PROJECT))


def run(page: Path, folder: Path) -> None:
    port = free_port()
    write_files(page, folder, port)
    programs = Path(sys.executable).parent
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROSTRA_")}
    (folder / ".venv").symlink_to(programs.parent)
    given = {"ROSTRA_PORT": str(port), "ROSTRA_URL": f"http://127.0.0.1:{port}"}
    process = subprocess.Popen(
        ["bash", "-c", script(page, port)],
        cwd=folder,
        env={**kept, **given, "PATH": f"{programs}:{kept['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        printed, errors = process.communicate(timeout=SECONDS_MAX)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    assert process.returncode == 0, f"{printed[-3_000:]}\n{errors[-3_000:]}"
    check_output(page, printed)


@pytest.mark.parametrize("page", [page for page in RUN if page not in SERVICES], ids=named)
def test_what_a_page_runs_does_what_it_says(page: Path, tmp_path: Path) -> None:
    run(page, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", SERVICES, ids=named)
def test_what_a_page_runs_on_a_service_does_what_it_says(page: Path, tmp_path: Path) -> None:
    run(page, tmp_path)


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_block_is_of_a_known_kind_and_says_why_it_is_not_run(page: Path) -> None:
    for block in blocks(page):
        assert block.language in KNOWN, block
        if block.language == SHELL and not block.is_run:
            assert len(block.mark.removeprefix("not run: ")) > 10, block
        if block.language == "json":
            for line in (
                [block.text] if block.text.startswith(("{\n", "[\n")) else block.text.splitlines()
            ):
                json.loads(line)
        if block.language == "python" and not block.mark.startswith("not run: "):
            assert block.mark.startswith("file: "), block
