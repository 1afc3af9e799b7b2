"""`infra/load/subscribers.py`: many subscribers cost those who publish nothing, and no memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.slow]

SCRIPT = Path(__file__).parents[2] / "infra/load/subscribers.py"
SUBSCRIBERS = 10_000
IMPORTS = 1_000_000 if "ROSTRA_TEST_LARGE" in os.environ else 10_000
RATIO_MAX = 1.2
PEAK_BYTES_MAX = 8 * 1024 * 1024
"""Some chunks of notices, and not all."""
IMPORT_BYTES_MAX = 96 * 1024 * 1024
"""Growth after a tenth of an import: the caches of streams and of keys fill up, and then end."""


def test_ten_thousand_subscribers_cost_nothing(database_url: str) -> None:
    sizes = [f"--subscribers={SUBSCRIBERS}", f"--imports={IMPORTS}"]
    ran = subprocess.run(
        [sys.executable, SCRIPT, database_url, *sizes], check=True, capture_output=True, text=True
    )
    found = json.loads(ran.stdout)
    assert found["median_ratio"] < RATIO_MAX, found
    assert found["notices"] == SUBSCRIBERS
    assert found["peak_bytes"] < PEAK_BYTES_MAX, found
    assert found["notices_of_imported"] == 0
    assert found["peak_bytes_of_import"] - found["early_bytes"] < IMPORT_BYTES_MAX, found
