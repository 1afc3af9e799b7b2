"""The lint step's check of JavaScript says in words if it could not run."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "infra/checks/javascript.py"


def test_a_missing_node_is_said_and_is_no_failure(tmp_path: Path) -> None:
    ran = checked(tmp_path, required="browser")
    assert ran.returncode == 0
    assert ran.stdout.startswith("JavaScript not checked: there is no node")


def test_a_missing_node_fails_where_a_run_requires_it(tmp_path: Path) -> None:
    assert checked(tmp_path, required="browser,node").returncode == 1


def checked(programs: Path, required: str) -> subprocess.CompletedProcess[str]:
    """Run the check with `programs` as the only folder that programs are looked for in."""
    environment = {**os.environ, "PATH": str(programs), "ROSTRA_TEST_REQUIRE": required}
    return subprocess.run(
        [sys.executable, str(SCRIPT)], check=False, capture_output=True, text=True, env=environment
    )
