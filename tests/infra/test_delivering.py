"""`infra/load/delivering.py`: a notifier beside a service costs those who publish nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.slow]

SCRIPT = Path(__file__).parents[2] / "infra/load/delivering.py"
SUBSCRIBERS = 10_000 if "ROSTRA_TEST_LARGE" in os.environ else 1_000
RATIO_MAX = 1.2
"""Costs beside the notifier, in those beside a process that has nothing to do with Rostra."""


def test_a_notifier_with_webhooks_costs_those_who_publish_nothing(database_url: str) -> None:
    sizes = [f"--subscribers={SUBSCRIBERS}", "--webhooks=10"]
    ran = subprocess.run(
        [sys.executable, SCRIPT, database_url, *sizes], check=True, capture_output=True, text=True
    )
    found = json.loads(ran.stdout)
    for unit in ("comment", "vote"):
        beside = [found[f"{unit}_ratio_{name}"] for name in ("notifier", "busy")]
        assert beside[0] < RATIO_MAX * beside[1], found
    assert found["notices"] > SUBSCRIBERS, found
    assert found["deliveries"] > 0 and found["mails"] > 0, found
