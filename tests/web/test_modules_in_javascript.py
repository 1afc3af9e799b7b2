"""Tests of the web reader's pure modules, run by node's own test runner."""

import re
import shutil
from pathlib import Path

from support.javascript import copy_modules, run_node

TESTS = Path(__file__).parent / "modules"


def test_modules_pass_their_own_tests(tmp_path: Path) -> None:
    copy_modules(tmp_path)
    shutil.copytree(TESTS, tmp_path / "modules")
    names = sorted((tmp_path / "modules").glob("*.test.mjs"))
    ran = run_node("--test", "--test-reporter=tap", *names)
    report = ran.stdout.decode()
    assert ran.returncode == 0, report + ran.stderr.decode()
    [passed] = re.findall(r"^# pass (\d+)$", report, re.MULTILINE)
    written = sum(name.read_text("utf-8").count("\ntest(") for name in names)
    assert int(passed) == written > 0
