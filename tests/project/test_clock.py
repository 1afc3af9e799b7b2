"""The adapters have one clock for times of the log."""

from pathlib import Path

import rostra_adapters
from rostra.times import is_time
from rostra_adapters import clock


def test_it_gives_times_of_the_log_that_do_not_go_back() -> None:
    first, second = clock.now(), clock.now()
    assert is_time(first)
    assert first <= second


def test_no_other_module_reads_the_date_of_the_machine() -> None:
    files = Path(rostra_adapters.__file__).parent.rglob("*.py")
    found = [file.name for file in files if "datetime.now(" in file.read_text("utf-8")]
    assert found == ["clock.py"]
