"""Numbers of examples follow the hypothesis profile."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
UNSCALED = re.compile(r"max_examples=(?!examples\()")


def test_every_number_of_examples_is_scaled_to_the_profile() -> None:
    found = [
        file.name
        for file in TESTS.rglob("test_*.py")
        if file != Path(__file__) and UNSCALED.search(file.read_text("utf-8"))
    ]
    assert found == []
