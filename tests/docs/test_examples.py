"""Examples of the tutorial that need more than a shell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.pages import shown_file


@pytest.mark.parametrize("module", ["eventsourcing.popo", "eventsourcing.sqlite"])
def test_the_domain_inside_a_stock_application(module: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", shown_file("docs/tutorial/embed.md", "votes.py")],
        env={**os.environ, "PERSISTENCE_MODULE": module, "SQLITE_DBNAME": str(tmp_path / "votes")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr
    assert (tmp_path / "votes").exists() == (module == "eventsourcing.sqlite")
