"""`infra/load/abuse.py` in its short form."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from rostra_adapters.http import HttpSettings
from support.service import SECRET, serving

SCRIPT = Path(__file__).parents[2] / "infra/load/abuse.py"


@pytest.mark.slow
async def test_every_abuse_is_refused_or_answered_and_no_connection_outlives_its_time() -> None:
    settings = HttpSettings(
        secret=SECRET,
        person_rate=None,
        reader_rate=None,
        preview_rate=None,
        head_seconds_max=0.5,
        body_seconds_max=0.5,
        idle_seconds_max=1.0,
    )
    async with serving(settings=settings) as service:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(SCRIPT), "--short", "--patience", "7"),
            *("--url", service.url, "--pid", str(os.getpid()), "--secret", SECRET),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
    text = said.decode()
    rows = [line for line in text.splitlines() if line[:1].isdigit() and line[1:3] == "  "]
    assert {line[0] for line in rows} == {"1", "2", "3", "4", "5"}, text
    statuses = {line[3:51].strip(): int(line[51:].split()[0]) for line in rows}
    assert len(statuses) >= 40
    assert {status for status in statuses.values() if status not in (200, 408)} <= {
        *(400, 401, 403, 404, 413, 414, 415, 422, 431)
    }, text
    of_group = [int(line[51:].split()[0]) for line in rows if line[0] == "1"]
    assert min(of_group) >= 400, text
    assert [line for line in rows if line[0] == "2" and ": left 0 " in line][2:], text
    assert "kept of all" in text
