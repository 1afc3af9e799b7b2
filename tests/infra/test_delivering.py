"""`infra/load/delivering.py` measures what a notifier costs those who publish beside it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.slow]

SCRIPT = Path(__file__).parents[2] / "infra/load/delivering.py"
SUBSCRIBERS = 10_000 if "ROSTRA_TEST_LARGE" in os.environ else 1_000


def test_it_measures_while_notices_and_deliveries_flow(database_url: str) -> None:
    sizes = [f"--subscribers={SUBSCRIBERS}", "--webhooks=10"]
    ran = subprocess.run(
        [sys.executable, SCRIPT, database_url, *sizes], check=True, capture_output=True, text=True
    )
    found = json.loads(ran.stdout)
    measured = [
        f"{unit}_ratio_{name}" for unit in ("comment", "vote") for name in ("notifier", "busy")
    ]
    assert all(found[name] > 0 for name in measured), found
    assert found["notices"] > SUBSCRIBERS, found
    assert found["deliveries"] > 0 and found["mails"] > 0, found
